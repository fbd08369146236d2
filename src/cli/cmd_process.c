#include "base/cleanup.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/which.h"
#include "render/report_process.h"

struct process_options {
	struct target_options target;
	bool gops;
};

static const struct opt process_opts[] = {
	{"gops", .type = OPT_FLAG, .offset = offsetof(struct process_options, gops),
	 .help = "the lines of gops, on a terminal too; elsewhere they are always written"},
	{0},
};

static const struct opt_group process_group = {"How", process_opts};

static void info_destroy(struct gospy_process_info **info)
{
	gospy_process_info_destroy(*info);
}

static enum gospy_code parse_sample(char ***words, size_t *count, uint64_t *ns_ret,
				    struct gospy_error *err)
{
	if (!*count)
		return GOSPY_OK;
	if (!opts_duration(**words, ns_ret))
		return err_set(err, GOSPY_E_USAGE, "'%s' is not a duration such as 500ms or 2s",
			       **words);
	(*words)++;
	(*count)--;
	return GOSPY_OK;
}

static int process_run(struct cli *cli, char **args)
{
	struct process_options options = {0};
	struct gospy_error err;
	size_t count;
	uint64_t sample_ns = 0;
	int status = cli_parse(cli, &cmd_process, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(info_destroy) struct gospy_process_info *info = NULL;
	pid_t pid = which_target(cli, &options.target, &args, &count, &err);
	if (!pid || parse_sample(&args, &count, &sample_ns, &err) ||
	    cli_no_more(args, count, &err) ||
	    gospy_process_info_create(pid, sample_ns, &info, &err))
		return cli_fail(cli, &err);
	if (cli_for_people(cli) && !options.gops)
		report_process_people(cli->out, info, sample_ns);
	else
		report_process(cli->out, info, sample_ns, cli->format);
	if (info->sockets_cut)
		cli_note(cli,
			 "process %d, or its network, has more sockets than there was time to look "
			 "at: some are left out; `ss -anp` lists all",
			 (int)pid);
	if (info->sockets_known)
		return info->sockets_cut ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
	cli_note(cli, "the sockets of process %d may not be read; run as its user or as root",
		 (int)pid);
	return EXIT_STATUS_PARTIAL;
}

const struct cmd cmd_process = {
	.name = "process",
	.aliases = {"pid", "proc"},
	.synopsis = "[OPTIONS] PROCESS [DURATION]",
	.summary = "show parent, threads, memory, CPU, user, command line, sockets",
	.description =
		"`gospy PROCESS` is the same. With a duration (2s, 500ms, or plain seconds) the "
		"CPU use is watched for that long, besides the mean since the start.",
	.groups = {&process_group, &target_group, &common_group},
	.examples = "gospy 4711\n"
		    "gospy :8080\n"
		    "gospy 4711 2s",
	.pages = true,
	.run = process_run,
};
