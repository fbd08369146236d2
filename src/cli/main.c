#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cmd.h"

/* Files are mapped; one that is cut short while it is read ends here. */
static void on_sigbus(int signal)
{
	(void)signal;
	static const char msg[] = "gospy: a mapped file became shorter while it was read\n";
	if (write(STDERR_FILENO, msg, sizeof(msg) - 1) < 0)
		_exit(EXIT_STATUS_ERROR);
	_exit(EXIT_STATUS_ERROR);
}

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
	struct suggestion suggestion = {.word = name};
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++) {
		suggestion_offer(&suggestion, (*cmd)->name);
		for (const char *const *alias = (*cmd)->aliases; *alias; alias++)
			suggestion_offer(&suggestion, *alias);
	}
	if (suggestion.best)
		err_set(err, GOSPY_E_USAGE, "unknown command '%s' (did you mean '%s'?)", name,
			suggestion.best);
	else
		err_set(err, GOSPY_E_USAGE, "unknown command '%s'; see `gospy help`", name);
	return NULL;
}

static bool has_any(char *const *args, const char *name, char letter)
{
	for (; *args; args++) {
		if (strncmp(*args, "--", 2) == 0 ? strncmp(*args + 2, name, strlen(name)) == 0
						 : (*args)[0] == '-' && (*args)[1] == letter)
			return true;
	}
	return false;
}

/* Which command? Its name is taken out of `args`. NULL: usage error in `err`. */
static const struct cmd *choose_command(char **args, struct gospy_error *err)
{
	static const struct opt_group *const groups[] = {
		&common_group, &target_group, &snapshot_group, &agent_group, NULL,
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
	const struct cmd *cmd = cmd_find(args[i]);
	if (!cmd)
		return unknown_command(args[i], err);
	do {
		args[i] = args[i + 1];
	} while (args[i++]);
	return cmd;
}

/* The end of all output. Whoever read it may have gone away, as `head` does: no reason to speak. */
static int finish(struct out *out, int status)
{
	out_flush(out);
	if (close(out->fd) != 0 && !out->error)
		out->error = errno;
	if (!out->error)
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
	struct cli cli = {.out = &out, .format = cli_early_format(args)};
	struct gospy_error err;

	fill_standard_descriptors();
	sigaction(SIGBUS, &(struct sigaction){.sa_handler = on_sigbus}, NULL);
	out_init(&out, STDOUT_FILENO, false);
	const struct cmd *cmd = choose_command(args, &err);
	return finish(&out, cmd ? cmd->run(&cli, args) : cli_fail(&cli, &err));
}
