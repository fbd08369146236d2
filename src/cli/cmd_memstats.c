#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/agent.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/report_memstats.h"
#include "render/units.h"

struct memstats_options {
	struct snapshot_options snapshot;
	bool all;
	uint64_t watch_ns, cycles;
};

#define AT(member) .offset = offsetof(struct memstats_options, member)

static const struct opt memstats_opts[] = {
	{"all", 'a', OPT_FLAG, AT(all),
	 .help = "show what gops does not have, too: GC phase and pacing, CPU shares; and all "
		 "processes that the word fits"},
	{"watch", .type = OPT_DURATION, AT(watch_ns), .arg = "D", .above_zero = true,
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
	return shared_check(&options->snapshot, err);
}

/* A cycle may be long in coming; who looks at a terminal wants to know that it is waited for. */
static void say_what_is_awaited(struct cli *cli, const struct gospy_memstats *memstats)
{
	if (isatty(STDERR_FILENO))
		cli_note(cli, "%lu GC cycle%s so far%s; a line follows for each that ends",
			 memstats->num_gc, units_plural(memstats->num_gc),
			 memstats->gc_percent_known && memstats->gc_percent < 0
				 ? ", and GOGC=off keeps others away"
				 : "");
}

/* Watch until enough cycles were seen, or the process has ended. Its end is no failure: so long it
 * was watched. */
static int watch(struct cli *cli, const struct memstats_options *options,
		 struct gospy_target *target, struct gospy_read_options *how)
{
	struct gospy_memstats memstats;
	struct gospy_error err;
	uint64_t left = options->cycles ? options->cycles : UINT64_MAX, seen = GOSPY_UNKNOWN;
	uint64_t max_pause_ns = 0;
	// What a cycle leaves behind does not change before the next one, so there is no need to
	// stop.
	how->non_blocking = true;
	for (;;) {
		enum gospy_code code = gospy_memstats_read(target, how, &memstats, &err);
		if (code == GOSPY_E_GONE && seen != GOSPY_UNKNOWN)
			return EXIT_STATUS_OK;
		if (code)
			return cli_fail(cli, &err);
		if (memstats.num_gc == GOSPY_UNKNOWN)
			return shared_note_reading(cli, target, &memstats.reading);
		if (seen != GOSPY_UNKNOWN)
			left -= report_gc_cycles(cli->out, &memstats, seen, left, &max_pause_ns,
						 cli->format);
		else
			say_what_is_awaited(cli, &memstats);
		seen = memstats.num_gc;
		if (!out_flush(cli->out) || !left)
			return EXIT_STATUS_OK;
		clock_sleep(options->watch_ns);
	}
}

static int show(struct cli *cli, const struct which_one *one, void *ctx)
{
	const struct memstats_options *options = ctx;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	struct gospy_read_options how;
	struct gospy_memstats memstats;
	struct gospy_error err;
	if (shared_open(&options->snapshot, one, &target, &how, &err))
		return cli_fail(cli, &err);
	if (options->watch_ns && one->core) {
		err_set(&err, GOSPY_E_USAGE,
			"nothing happens in a core file: --watch is for processes");
		return cli_fail(cli, &err);
	}
	if (options->watch_ns)
		return watch(cli, options, target, &how);
	if (gospy_memstats_read(target, &how, &memstats, &err))
		return cli_fail(cli, &err);
	report_memstats(cli->out, gospy_target_info(target), &memstats,
			options->all || cli->verbose, cli->format);
	return shared_note_reading(cli, target, &memstats.reading);
}

static int memstats_run(struct cli *cli, char **args)
{
	struct memstats_options options = {.snapshot.max_pause_ns = 1000000000};
	struct target_options *target = &options.snapshot.target;
	struct gospy_error err;
	size_t count;
	if (agent_wanted(args))
		return agent_run(cli, &cmd_memstats, GOSPY_AGENT_MEMSTATS, args);
	int status = cli_parse(cli, &cmd_memstats, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	// --all is older than names of processes. With PIDs and core files it means what it did.
	uint64_t number;
	for (size_t i = 0; i < count; i++)
		target->all |=
			options.all && !opts_number(args[i], &number) && !which_is_core(args[i]);
	if (!check(&options, &err) && options.watch_ns && (target->all || count > 1))
		err_set(&err, GOSPY_E_USAGE,
			"--watch watches one process: give one, without --all");
	else if (!check(&options, &err))
		return which_each(cli, target, args, count, show, &options);
	return cli_fail(cli, &err);
}

const struct cmd cmd_memstats = {
	.name = "memstats",
	.aliases = {"mem"},
	.synopsis = "[OPTIONS] PROCESS...",
	.summary = "show what runtime.ReadMemStats would return, as gops does",
	.description = "What the P's have in their caches is counted as ReadMemStats counts it, "
		       "which empties them. JSON has all fields, and those of --all.",
	.groups = {&memstats_group, &read_group, &core_group, &agent_group, &target_group,
		   &common_group},
	.examples = "gospy memstats 4711\n"
		    "gospy memstats --all 4711\n"
		    "gospy memstats --watch 100ms 4711",
	.pages = true,
	.run = memstats_run,
};
