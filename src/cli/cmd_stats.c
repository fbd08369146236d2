#include "base/cleanup.h"
#include "cli/agent.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/report_stats.h"

static int show(struct cli *cli, const struct which_one *one, void *ctx)
{
	const struct snapshot_options *options = ctx;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	struct gospy_read_options how;
	struct gospy_stats stats;
	struct gospy_error err;
	if (shared_open(options, one, &target, &how, &err) ||
	    gospy_stats_read(target, &how, &stats, &err))
		return cli_fail(cli, &err);
	report_stats(cli->out, gospy_target_info(target), &stats, cli->verbose, cli->format);
	return shared_note_reading(cli, target, &stats.reading);
}

static int stats_run(struct cli *cli, char **args)
{
	struct snapshot_options options = {.max_pause_ns = 1000000000};
	struct gospy_error err;
	size_t count;
	if (agent_wanted(args))
		return agent_run(cli, &cmd_stats, GOSPY_AGENT_STATS, args);
	int status = cli_parse(cli, &cmd_stats, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	if (shared_check(&options, &err))
		return cli_fail(cli, &err);
	return which_each(cli, &options.target, args, count, show, &options);
}

const struct cmd cmd_stats = {
	.name = "stats",
	.synopsis = "[OPTIONS] PROCESS...",
	.summary = "show goroutines, threads, GOMAXPROCS and CPUs, as gops does",
	.description = "With -v, P's and M's by what they do, run queues, timers, finalizers, "
		       "waiters for the network and calls to C follow. JSON always has all of it.",
	.groups = {&read_group, &core_group, &all_group, &agent_group, &target_group,
		   &common_group},
	.examples = "gospy stats 4711\n"
		    "gospy stats -v 4711\n"
		    "gospy stats --all shop\n"
		    "gospy stats --non-blocking --json 4711",
	.pages = true,
	.run = stats_run,
};
