#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/agent.h"
#include "cli/cli.h"
#include "cli/which.h"

/* In the order of the help. */
static const struct cmd *const cmds[] = {
	&cmd_check,   &cmd_capture, &cmd_pprof, &cmd_record,    &cmd_list,       &cmd_tree,
	&cmd_process, &cmd_summary, &cmd_stack, &cmd_top,       &cmd_stats,      &cmd_memstats,
	&cmd_waits,   &cmd_heap,    &cmd_leaks, &cmd_version,   &cmd_diff,       &cmd_doctor,
	&cmd_gc,      &cmd_setgc,   &cmd_trace, &cmd_pprof_cpu, &cmd_pprof_heap, &cmd_completion,
	&cmd_help,    NULL,
};

/* A file opened later must not become a standard descriptor that the caller had closed. */
static void fill_standard_descriptors(void)
{
	int fd;
	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static const struct cmd *unknown_command(const char *name, struct gospy_error *err)
{
	const char *near = cmd_near(cmds, name);
	const struct gospy_error none = *err;
	// It may be meant for a process all the same, whose name begins so.
	if (near && strstr(none.msg, "did you mean"))
		err_set(err, GOSPY_E_USAGE, "unknown command '%s' (did you mean '%s'?); and %s",
			name, near, none.msg);
	else if (near)
		err_set(err, GOSPY_E_USAGE, "unknown command '%s' (did you mean '%s'?)", name,
			near);
	else
		err_set(err, GOSPY_E_USAGE, "unknown command '%s', see `gospy help`; and %s", name,
			none.msg);
	return NULL;
}

/* A word that is no command is a process, if there is one; what looks like a path or an address can
 * be nothing else but a core file. */
static const struct cmd *process_or_unknown(const char *word, struct gospy_error *err)
{
	CLEANUP(which_pids_free) which_pids pids = {0};
	if (which_is_core(word))
		return &cmd_summary;
	if (strpbrk(word, "/:") || !which_find(word, &pids, err))
		return &cmd_process;
	return unknown_command(word, err);
}

static bool has_any(char *const *args, const char *name, char letter)
{
	for (; *args; args++) {
		if (strncmp(*args, "--", 2) == 0 ? strncmp(*args + 2, name, strlen(name)) == 0
						 : (*args)[0] == '-' && strchr(*args, letter))
			return true;
	}
	return false;
}

/* Which command? Its name, if there is one, is taken out of `args`. NULL: usage error in `err`. */
static const struct cmd *choose_command(char **args, struct gospy_error *err)
{
	static const struct opt_group *const groups[] = {
		&common_group, &target_group, &core_group, &snapshot_group, &agent_group, NULL,
	};
	size_t i = opts_first_word(groups, args);
	uint64_t n;
	if (!args[i]) {
		if (has_any(args, "help", 'h'))
			return &cmd_help;
		return has_any(args, "pid", 'p') ? &cmd_process : &cmd_list;
	}
	// A PID, or a duration after -p PID
	if (opts_number(args[i], &n) || (has_any(args, "pid", 'p') && opts_duration(args[i], &n)))
		return &cmd_process;
	const struct cmd *cmd = cmd_find(cmds, args[i]);
	if (!cmd)
		return process_or_unknown(args[i], err);
	do {
		args[i] = args[i + 1];
	} while (args[i++]);
	return cmd;
}

/* The end of all output. The reader may have gone away, as `head` does: that is no reason to speak.
 * Who leaves a pager has seen enough. */
static int finish(struct cli *cli, int status)
{
	struct out *out = cli->out;
	out_flush(out);
	if (close(out->fd) != 0 && !out->error)
		out->error = errno;
	bool paged = pager_end(&cli->pager);
	if (cli->pager.failed)
		cli_note(cli, "the pager '%s' cannot be run", cli->pager.failed);
	if (paged && cli->pager.failed)
		return EXIT_STATUS_ERROR; // what was written is lost
	if (!out->error || (paged && out->error == EPIPE))
		return status;
	if (out->error == EPIPE)
		return EXIT_STATUS_SIGNAL + SIGPIPE;
	fprintf(stderr, "gospy: cannot write the output: %s\n", strerror(out->error));
	return EXIT_STATUS_ERROR;
}

int main(int argc, char **argv)
{
	static struct out out;
	char **args = argv + (argc > 0);
	struct cli cli = {.cmds = cmds, .out = &out, .format = cli_early_format(args)};
	struct gospy_error err;

	fill_standard_descriptors();
	// A file that grows beyond RLIMIT_FSIZE is an error, as a full disk is.
	signal(SIGXFSZ, SIG_IGN);
	out_init(&out, STDOUT_FILENO, false);
	const struct cmd *cmd = choose_command(args, &err);
	return finish(&cli, cmd ? cmd->run(&cli, args) : cli_fail(&cli, &err));
}
