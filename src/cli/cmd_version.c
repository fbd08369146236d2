#include "base/cleanup.h"
#include "cli/agent.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/report_version.h"

static void info_destroy(struct gospy_build_info **info)
{
	gospy_build_info_destroy(*info);
}

static enum gospy_code read_info(const struct target_options *options, const struct which_one *one,
				 struct gospy_build_info **ret, struct gospy_error *err)
{
	const struct gospy_open_options open = {
		.size = sizeof(open),
		.bin = options->bin,
		.root = options->root,
		.max_unpacked = options->max_unpacked,
	};
	return one->core ? gospy_build_info_create_core(one->core, &open, ret, err)
			 : gospy_build_info_create(one->pid, ret, err);
}

static int version_run(struct cli *cli, char **args)
{
	struct target_options options = {0};
	struct gospy_error err;
	size_t count;
	if (agent_wanted(args))
		return agent_run(cli, &cmd_version, GOSPY_AGENT_VERSION, args);
	int status = cli_parse(cli, &cmd_version, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(info_destroy) struct gospy_build_info *info = NULL;
	struct which_one one;
	if (which_runtime(cli, &options, &args, &count, &one, &err) ||
	    cli_no_more(args, count, &err) || read_info(&options, &one, &info, &err))
		return cli_fail(cli, &err);
	shared_note_left_out(cli, info->left_out);
	report_version(cli->out, info, cli->verbose, cli->format);
	return EXIT_STATUS_OK;
}

const struct cmd cmd_version = {
	.name = "version",
	.aliases = {"v"},
	.synopsis = "[OPTIONS] PROCESS",
	.summary = "show the Go version and, with -v, the modules of a process",
	.description = "With -v, main package, modules and build settings follow as `go version "
		       "-m` prints them. JSON always has all of it.",
	.groups = {&core_group, &agent_group, &target_group, &common_group},
	.examples = "gospy version 4711\n"
		    "gospy version -v 4711",
	.pages = true,
	.run = version_run,
};
