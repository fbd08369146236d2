#include "base/cleanup.h"
#include "base/error.h"
#include "cli/cmd.h"
#include "render/report_process.h"

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
	struct target_options options = {0};
	struct gospy_error err;
	size_t count;
	uint64_t sample_ns = 0;
	int status = cli_parse(cli, &cmd_process, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(info_destroy) struct gospy_process_info *info = NULL;
	pid_t pid = cli_target(&options, &args, &count, &err);
	if (!pid || parse_sample(&args, &count, &sample_ns, &err) ||
	    cli_no_more(args, count, &err) ||
	    gospy_process_info_create(pid, sample_ns, &info, &err))
		return cli_fail(cli, &err);
	report_process(cli->out, info, sample_ns, cli->format);
	if (info->sockets_known)
		return EXIT_STATUS_OK;
	cli_note(cli, "the sockets of process %d may not be read; run as its user or as root",
		 (int)pid);
	return EXIT_STATUS_PARTIAL;
}

const struct cmd cmd_process = {
	.name = "process",
	.aliases = {"pid", "proc"},
	.synopsis = "[OPTIONS] PID [DURATION]",
	.summary = "show parent, threads, memory, CPU, user, command line, sockets",
	.description = "`gospy PID` is the same. With a duration (2s, 500ms, or plain seconds) the "
		       "CPU use is watched for that long, besides the mean since the start.",
	.groups = {&target_group, &common_group},
	.examples = "gospy 4711\n"
		    "gospy 4711 2s",
	.run = process_run,
};
