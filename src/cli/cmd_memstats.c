#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/agent.h"
#include "cli/look.h"
#include "render/report_memstats.h"

struct memstats_options {
	struct snapshot_options snapshot;
	bool all;
	uint64_t watch_ns, cycles;
};

#define AT(member) .offset = offsetof(struct memstats_options, member)

static const struct opt memstats_opts[] = {
	{"all", 'a', OPT_FLAG, AT(all),
	 .help = "show what gops does not have, too: GC phase and pacing, CPU shares"},
	{"watch", .type = OPT_DURATION, AT(watch_ns), .arg = "D",
	 .help = "a line for each GC cycle instead, looking for them each D"},
	{"cycles", 'n', OPT_NUMBER, AT(cycles), .arg = "N",
	 .help = "with --watch: end after N lines"},
	{0},
};

static const struct opt_group memstats_group = {"What to show", memstats_opts};

static enum gospy_code check(const struct memstats_options *options, struct gospy_error *err)
{
	if (options->cycles && !options->watch_ns)
		return err_set(err, GOSPY_E_USAGE, "--cycles counts the lines of --watch");
	return look_check(&options->snapshot, err);
}

static void sleep_ns(uint64_t ns)
{
	static const uint64_t second = 1000000000;
	nanosleep(&(struct timespec){(time_t)(ns / second), (long)(ns % second)}, NULL);
}

/* Until enough cycles were seen, or the process ended, which is no failure: so long it was watched.
 */
static int watch(struct cli *cli, const struct memstats_options *options,
		 struct gospy_target *target, struct gospy_read_options *how)
{
	struct gospy_memstats memstats;
	struct gospy_error err;
	uint64_t left = options->cycles ? options->cycles : UINT64_MAX, seen = GOSPY_UNKNOWN;
	// Nothing that a cycle leaves behind changes before the next one: no need to stop.
	how->non_blocking = true;
	for (;;) {
		enum gospy_code code = gospy_memstats_read(target, how, &memstats, &err);
		if (code == GOSPY_E_GONE && seen != GOSPY_UNKNOWN)
			return EXIT_STATUS_OK;
		if (code)
			return cli_fail(cli, &err);
		if (memstats.num_gc == GOSPY_UNKNOWN)
			return look_note_reading(cli, target, &memstats.reading);
		if (seen != GOSPY_UNKNOWN)
			left -= report_gc_cycles(cli->out, &memstats, seen, left, cli->format);
		seen = memstats.num_gc;
		if (!out_flush(cli->out) || !left)
			return EXIT_STATUS_OK;
		sleep_ns(options->watch_ns);
	}
}

static int memstats_run(struct cli *cli, char **args)
{
	struct memstats_options options = {.snapshot.max_pause_ns = 1000000000};
	struct gospy_read_options how;
	struct gospy_memstats memstats;
	struct gospy_error err;
	size_t count;
	if (agent_wanted(args))
		return agent_run(cli, &cmd_memstats, GOSPY_AGENT_MEMSTATS, args);
	int status = cli_parse(cli, &cmd_memstats, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(look_target_close) struct gospy_target *target = NULL;
	pid_t pid = cli_target(&options.snapshot.target, &args, &count, &err);
	if (!pid || cli_no_more(args, count, &err) || check(&options, &err) ||
	    look_open(&options.snapshot, pid, &target, &how, &err))
		return cli_fail(cli, &err);
	if (options.watch_ns)
		return watch(cli, &options, target, &how);
	if (gospy_memstats_read(target, &how, &memstats, &err))
		return cli_fail(cli, &err);
	report_memstats(cli->out, gospy_target_info(target), &memstats, options.all || cli->verbose,
			cli->format);
	return look_note_reading(cli, target, &memstats.reading);
}

const struct cmd cmd_memstats = {
	.name = "memstats",
	.aliases = {"mem"},
	.synopsis = "[OPTIONS] PID",
	.summary = "show what runtime.ReadMemStats would return, as gops does",
	.description = "What the P's have in their caches is counted as ReadMemStats counts it, "
		       "which empties them. JSON has all fields, and those of --all.",
	.groups = {&memstats_group, &read_group, &agent_group, &target_group, &common_group},
	.examples = "gospy memstats 4711\n"
		    "gospy memstats --all 4711\n"
		    "gospy memstats --watch 100ms 4711",
	.run = memstats_run,
};
