#include <inttypes.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/progress.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/report_waits.h"
#include "render/waits_chain.h"
#include "render/waits_leaks.h"

struct waits_options {
	struct snapshot_options snapshot;
	opt_strings own;
	opt_numbers goids;
	uint64_t limit;
	uint64_t max_memory;
	bool dot, heap, system;
};

#define AT(member) .offset = offsetof(struct waits_options, member)

static const struct opt waits_opts[] = {
	{"limit", .type = OPT_NUMBER, AT(limit), .arg = "N",
	 .help = "only the first N things that are waited for (0: all)"},
	{"goid", .type = OPT_NUMBERS, AT(goids), .arg = "N[,N]",
	 .help = "only whom these goroutines wait for, and for whom those do ..."},
	{"dot", .type = OPT_FLAG, AT(dot),
	 .help = "a graph, for Graphviz: gospy waits --dot ... | "
		 "dot -Tsvg"},
	{"heap", .type = OPT_FLAG, AT(heap),
	 .help = "read the heap, too: what objects lie in, who refers to channels, deadlocks of "
		 "channels"},
	{"max-memory", .type = OPT_NUMBER, AT(max_memory), .arg = "BYTES",
	 .help = "what gospy may use to hold the heap (default: a quarter of what is available)"},
	{"own", .type = OPT_STRINGS, AT(own), .arg = "MODULE", .help = OWN_HELP},
	{"system", .type = OPT_FLAG, AT(system), .help = "show the runtime's own goroutines, too"},
	{0},
};

static const struct opt_group waits_group = {"What is waited for, and how", waits_opts};

enum {
	HOLDERS = 1 << 16,        /* goroutines of which is looked at what they hold */
	AGAIN_NS = 100 * 1000000, /* later a deadlock has to be there still */
};

/* Of one look at the process. */
struct look {
	struct gospy_snapshot *snapshot;
	struct gospy_leaks *leaks; /* that it is of, or NULL */
	struct waits waits;
};

static void look_deinit(struct look *look)
{
	waits_deinit(&look->waits);
	if (!look->leaks)
		gospy_snapshot_destroy(look->snapshot);
	gospy_leaks_destroy(look->leaks);
}

struct request {
	const struct waits_options *options;
	const struct shared_own *own;
};

static enum gospy_code look_take(struct cli *cli, const struct waits_options *options,
				 struct gospy_target *target, struct look *ret,
				 struct gospy_error *err)
{
	struct gospy_snapshot_options how = {
		.objects = true,
		.stacks = true,
		.sockets = true,
		.syscalls = true,
		.figures = true,
		.holder_limit = HOLDERS,
	};
	enum gospy_code code =
		shared_take(cli, &options->snapshot, &how, target, &ret->snapshot, err);
	return code ? code
		    : waits_collect(&ret->waits, ret->snapshot,
				    options->system || options->goids.len, err);
}

/* The same, with what the heap tells of who waits for whom. */
static enum gospy_code look_through_heap(struct cli *cli, const struct waits_options *options,
					 struct gospy_target *target, struct look *ret,
					 struct gospy_error *err)
{
	CLEANUP(progress_end) struct progress progress;
	CLEANUP(waits_leaks_deinit)
	struct waits_leaks locks = {.waits = &ret->waits,
				    .system = options->system || options->goids.len};
	progress_init(&progress, cli);
	struct gospy_leak_options how = {.size = sizeof(how),
					 .non_blocking = options->snapshot.non_blocking,
					 .max_pause_ns = options->snapshot.max_pause_ns,
					 .max_memory = options->max_memory,
					 .holder_limit = HOLDERS,
					 .sockets = true,
					 .syscalls = true,
					 .figures = true,
					 .locks = waits_leaks_locks,
					 .locks_ctx = &locks,
					 .progress = progress_update,
					 .progress_ctx = &progress};
	enum gospy_code code = gospy_leaks_find(target, &how, &ret->leaks, err);
	if (code == GOSPY_E_LIMIT && !how.non_blocking) {
		how.non_blocking = true;
		code = gospy_leaks_find(target, &how, &ret->leaks, err);
	}
	if (code)
		return code;
	ret->snapshot = gospy_leaks_snapshot(ret->leaks);
	return waits_add_peers(&ret->waits, ret->leaks, err);
}

static enum gospy_code check_form(const struct cli *cli, const struct waits_options *options,
				  struct gospy_error *err)
{
	if (options->dot && options->goids.len)
		return err_set(err, GOSPY_E_USAGE, "--dot draws everything, --goid shows a part");
	if (options->dot && cli->format != REPORT_TEXT)
		return err_set(err, GOSPY_E_USAGE, "--dot and --json: only one of them");
	if (options->limit && options->goids.len)
		return err_set(err, GOSPY_E_USAGE, "--limit does not go with --goid");
	return GOSPY_OK;
}

static void numbers_free(opt_numbers *numbers)
{
	vec_free(numbers);
}

static void graph_destroy(struct gospy_graph **graph)
{
	gospy_graph_destroy(*graph);
}

/* The heap is read after the look: channels may be gone by then. */
static enum gospy_code look_at_heap(struct cli *cli, const struct waits_options *options,
				    struct gospy_target *target, const struct waits *waits,
				    struct waits_heap *heap, struct gospy_graph **graph,
				    struct gospy_error *err)
{
	if (!options->heap)
		return GOSPY_OK;
	CLEANUP(progress_end) struct progress progress;
	progress_init(&progress, cli);
	enum gospy_code code = waits_heap_ask(heap, waits, err);
	const struct gospy_graph_options how = {.size = sizeof(how),
						.max_memory = options->max_memory,
						.paths = true,
						.watched = heap->addrs.at,
						.watched_count = heap->addrs.len,
						.progress = progress_update,
						.progress_ctx = &progress};
	if (!code)
		code = gospy_graph_take(target, &how, graph, err);
	return code ? code : waits_heap_take(heap, *graph, err);
}

static bool has_deadlock(const struct waits *waits)
{
	return waits->circles.len && waits->circles.at[0].certain;
}

static void note_missing(struct cli *cli, const struct waits_options *options,
			 const struct waits *waits)
{
	enum { GOIDS_NOTED = 8 };
	for (size_t i = 0; i < options->goids.len && i < GOIDS_NOTED; i++) {
		if (waits_chain_find(waits, options->goids.at[i]) == SIZE_MAX)
			cli_note(cli, "there is no goroutine %" PRIu64, options->goids.at[i]);
	}
}

/* What the heap tells may not be proved, or not be all. */
static int note_proof(struct cli *cli, const struct gospy_leaks *leaks)
{
	const struct gospy_leak_info *info = gospy_leaks_info(leaks);
	size_t found;
	gospy_leaks_get(leaks, &found);
	if (info->not_proved && found)
		cli_note(cli, "nothing of what the heap tells could be proved: %s",
			 info->not_proved);
	if (!info->problem)
		return EXIT_STATUS_OK;
	cli_note(cli, "%s: deadlocks of channels may be missing", info->problem);
	return EXIT_STATUS_PARTIAL;
}

static int show(struct cli *cli, const struct which_one *one, void *ctx)
{
	const struct request *request = ctx;
	const struct waits_options *options = request->options;
	struct gospy_error err;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(look_deinit) struct look first = {0};
	CLEANUP(look_deinit) struct look again = {0};
	CLEANUP(graph_destroy) struct gospy_graph *graph = NULL;
	CLEANUP(waits_heap_deinit) struct waits_heap heap = {0};
	if (shared_target_open(&options->snapshot.target, request->own, one, &target, &err) ||
	    look_take(cli, options, target, &first, &err))
		return cli_fail(cli, &err);
	const struct look *look = &first;
	const struct gospy_target_info *info = gospy_target_info(target);
	// What never goes on does not do so in a moment, either.
	bool twice = info->kind == GOSPY_TARGET_PROCESS && has_deadlock(&first.waits);
	if (twice)
		clock_sleep(AGAIN_NS);
	if (twice || options->heap) {
		if (options->heap ? look_through_heap(cli, options, target, &again, &err)
				  : look_take(cli, options, target, &again, &err))
			return cli_fail(cli, &err);
		if (info->kind == GOSPY_TARGET_PROCESS)
			waits_confirm(&again.waits, &first.waits);
		look = &again;
	}
	if (look_at_heap(cli, options, target, &look->waits, &heap, &graph, &err))
		return cli_fail(cli, &err);
	const struct waits_report report = {
		.heap = options->heap ? &heap : NULL,
		.proof = look->leaks ? gospy_leaks_info(look->leaks) : NULL,
		.target = info,
		.snapshot = look->snapshot,
		.waits = &look->waits,
		.limit = options->limit,
		.goids = options->goids.at,
		.goid_count = options->goids.len,
		.dot = options->dot,
	};
	report_waits(cli->out, &report, cli->format);
	int status = shared_note_target(cli, info);
	note_missing(cli, options, &look->waits);
	if (look->leaks)
		status = shared_worst(note_proof(cli, look->leaks), status);
	const struct gospy_snapshot_info *how = gospy_snapshot_info(look->snapshot);
	if (cli->verbose)
		shared_note_details(cli, target, how);
	return shared_worst(shared_note_problems(cli, how), status);
}

static int waits_run(struct cli *cli, char **args)
{
	struct waits_options options = {.snapshot.max_pause_ns = 1000000000};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_waits, args, &options, &count);
	CLEANUP(numbers_free) opt_numbers goids = options.goids;
	CLEANUP(shared_strings_free) opt_strings modules = options.own;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(shared_own_deinit) struct shared_own own = {0};
	struct request request = {.options = &options, .own = &own};
	if (shared_check(&options.snapshot, &err) || check_form(cli, &options, &err) ||
	    shared_own(&modules, &own, &err))
		return cli_fail(cli, &err);
	return which_each(cli, &options.snapshot.target, args, count, show, &request);
}

const struct cmd cmd_waits = {
	.name = "waits",
	.synopsis = "[OPTIONS] PROCESS...",
	.summary = "show what goroutines wait for, who holds it, and deadlocks",
	.description = "Deadlocks come first, then each lock, channel, descriptor ... that "
		       "goroutines wait for. Who holds a lock is found out by what the code of "
		       "each goroutine has done so far; what is not certain is called so.",
	.groups = {&waits_group, &snapshot_group, &core_group, &all_group, &target_group,
		   &common_group},
	.examples = "gospy waits shop\n"
		    "gospy waits 4711 --limit 5\n"
		    "gospy waits 4711 --goid 18\n"
		    "gospy waits 4711 --dot | dot -Tsvg > waits.svg\n"
		    "gospy waits core.4711 --json",
	.pages = true,
	.run = waits_run,
};
