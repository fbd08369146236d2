#include "base/cleanup.h"
#include "cli/agent.h"
#include "cli/look.h"
#include "render/report_stats.h"

static int stats_run(struct cli *cli, char **args)
{
	struct snapshot_options options = {.max_pause_ns = 1000000000};
	struct gospy_read_options how;
	struct gospy_stats stats;
	struct gospy_error err;
	size_t count;
	if (agent_wanted(args))
		return agent_run(cli, &cmd_stats, GOSPY_AGENT_STATS, args);
	int status = cli_parse(cli, &cmd_stats, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(look_target_close) struct gospy_target *target = NULL;
	pid_t pid = cli_target(&options.target, &args, &count, &err);
	if (!pid || cli_no_more(args, count, &err) || look_check(&options, &err) ||
	    look_open(&options, pid, &target, &how, &err) ||
	    gospy_stats_read(target, &how, &stats, &err))
		return cli_fail(cli, &err);
	report_stats(cli->out, gospy_target_info(target), &stats, cli->verbose, cli->format);
	return look_note_reading(cli, target, &stats.reading);
}

const struct cmd cmd_stats = {
	.name = "stats",
	.synopsis = "[OPTIONS] PID",
	.summary = "show goroutines, threads, GOMAXPROCS and CPUs, as gops does",
	.description = "With -v, P's and M's by what they do, run queues, timers, finalizers, "
		       "waiters for the network and calls to C follow. JSON always has all of it.",
	.groups = {&read_group, &agent_group, &target_group, &common_group},
	.examples = "gospy stats 4711\n"
		    "gospy stats -v 4711\n"
		    "gospy stats --non-blocking --json 4711",
	.run = stats_run,
};
