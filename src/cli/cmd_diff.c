#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/progress.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/report_diff.h"
#include "render/units.h"

struct diff_options {
	struct snapshot_options snapshot;
	uint64_t for_ns, limit;
	int by; /* enum diff_level */
	bool system, unchanged, waits, heap, leaks;
	uint64_t max_memory;
	const char *fail_over;
	opt_strings ignore, own, bins;
};

#define AT(member) .offset = offsetof(struct diff_options, member)

static const struct opt_choice levels[] = {
	{"exact", DIFF_EXACT},
	{"line", DIFF_LINE},
	{"function", DIFF_FUNCTION},
	{"start", DIFF_START},
	{0},
};

static const struct opt diff_opts[] = {
	{"for", .type = OPT_DURATION, AT(for_ns), .arg = "D", .above_zero = true,
	 .help = "one process with itself: look, wait so long, look again"},
	{"by", .type = OPT_CHOICE, AT(by), .arg = "LEVEL", .choices = levels,
	 .help = "what makes goroutines of both one group: exact, place in the code, the default "
		 "for one build; line, counted from the start of each function; function, those "
		 "called, the default for two builds; start, the function that began it"},
	{"fail-over", .type = OPT_STRING, AT(fail_over), .arg = "N|P%",
	 .help = "exit with 10 if all goroutines together, or those of any one group, have grown "
		 "by more than N, or by more than P percent of what there was before, which a new "
		 "group always has; N,P%: by more than both"},
	{"bin", .type = OPT_STRINGS, AT(bins), .arg = "FILE",
	 .help = "the program of both, or, given twice, that of the first and that of the second"},
	{"ignore", .type = OPT_STRINGS, AT(ignore), .arg = "REGEX",
	 .help = "leave out goroutines with a call that matches; may be given more than once"},
	{"system", .type = OPT_FLAG, AT(system), .help = "the runtime's own goroutines, too"},
	{"unchanged", .type = OPT_FLAG, AT(unchanged),
	 .help = "show the groups that have not changed, too"},
	{"waits", .type = OPT_FLAG, AT(waits),
	 .help = "of one process: what more goroutines wait for than before, and who holds it"},
	{"heap", .type = OPT_FLAG, AT(heap),
	 .help = "of which types there is more in the heap than before, and of which less"},
	{"leaks", .type = OPT_FLAG, AT(leaks),
	 .help = "which goroutines can never run again that there were not before: each side is "
		 "held for a moment to prove it, as gospy leaks does"},
	{"max-memory", .type = OPT_NUMBER, AT(max_memory), .arg = "BYTES",
	 .help = "with --heap, --leaks: what gospy may use to hold the graph of one side (default: "
		 "a quarter of what is available)"},
	{"limit", 'n', OPT_NUMBER, AT(limit), .arg = "N", .help = "show the first N groups"},
	{"own", .type = OPT_STRINGS, AT(own), .arg = "MODULE", .help = OWN_HELP},
	{0},
};

static const struct opt_group diff_options_group = {"What to compare, and how", diff_opts};

/* ---- options */

/* Patterns of --ignore. All zero is none. */
struct ignored {
	VEC(struct pattern) patterns;
};

static void ignored_deinit(struct ignored *ignored)
{
	for (size_t i = 0; i < ignored->patterns.len; i++)
		pattern_free(&ignored->patterns.at[i]);
	vec_free(&ignored->patterns);
}

static enum gospy_code compile_all(const opt_strings *texts, struct ignored *ret,
				   struct gospy_error *err)
{
	for (size_t i = 0; i < texts->len; i++) {
		struct pattern pattern = {0};
		enum gospy_code code = shared_compile("ignore", texts->at[i], &pattern, err);
		if (code)
			return code;
		if (!vec_push(&ret->patterns, pattern)) {
			pattern_free(&pattern);
			return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

/* "100", "12.5%" */
static bool parse_limit(const char *text, size_t len, struct diff_limit *ret)
{
	char copy[32], *end;
	if (!len || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (copy[len - 1] != '%') {
		ret->has_count = true;
		return opts_number(copy, &ret->count);
	}
	copy[len - 1] = '\0';
	if (!copy[0] || copy[strspn(copy, "0123456789.")])
		return false;
	ret->has_percent = true;
	ret->percent = strtod(copy, &end);
	return !*end;
}

static enum gospy_code parse_limits(const char *text, struct diff_limit *ret,
				    struct gospy_error *err)
{
	if (!text)
		return GOSPY_OK;
	size_t len = strcspn(text, ",");
	struct diff_limit limit = {0};
	bool ok = parse_limit(text, len, &limit);
	if (ok && text[len])
		ok = parse_limit(text + len + 1, strlen(text + len + 1), &limit) &&
		     limit.has_count && limit.has_percent;
	if (!ok)
		return err_set(err, GOSPY_E_USAGE,
			       "--fail-over takes a number of goroutines, a percentage, or both: "
			       "100, 10%% or 100,10%%, not '%.40s'",
			       text);
	*ret = limit;
	return GOSPY_OK;
}

/* ---- the two sides */

struct side {
	struct gospy_target *target;
	bool borrowed; /* the target is the other side's */
	struct gospy_snapshot *snapshot;
	struct gospy_graph *graph; /* of the heap, or NULL */
	struct gospy_leaks *leaks; /* or NULL */
	struct gospy_memstats memstats;
	struct gospy_process_usage usage;
	struct diff_input input;
};

/* Before and after; too large for the stack. */
struct sides {
	struct side of[2];
	struct still still; /* with --for */
};

static void sides_free(struct sides **sides_ptr)
{
	struct sides *sides = *sides_ptr;
	if (!sides)
		return;
	for (size_t i = 0; i < 2; i++) {
		gospy_snapshot_destroy(sides->of[i].snapshot);
		gospy_graph_destroy(sides->of[i].graph);
		gospy_leaks_destroy(sides->of[i].leaks);
		if (!sides->of[i].borrowed)
			gospy_target_close(sides->of[i].target);
	}
	still_deinit(&sides->still);
	free(sides);
}

/* What the command works with. */
struct work {
	struct cli *cli;
	const struct diff_options *options;
	const struct shared_own *own;
	int status;
};

/* Figures are not worth failing for. */
static void read_figures(struct work *work, struct side *side)
{
	const struct gospy_target_info *info = gospy_target_info(side->target);
	struct gospy_error err;
	const struct gospy_read_options how = {
		.size = sizeof(how),
		.non_blocking = work->options->snapshot.non_blocking,
		.max_pause_ns = work->options->snapshot.max_pause_ns,
	};
	if (gospy_memstats_read(side->target, &how, &side->memstats, &err)) {
		cli_note(work->cli, "memory statistics are left out: %s", err.msg);
		work->status = EXIT_STATUS_PARTIAL;
	} else {
		side->input.memstats = &side->memstats;
	}
	// What this machine has under that number is another process.
	if (info->kind == GOSPY_TARGET_PROCESS &&
	    !gospy_process_usage(info->pid, &side->usage, NULL))
		side->input.usage = &side->usage;
}

static enum gospy_code take_graph(struct work *work, struct side *side, struct gospy_error *err)
{
	CLEANUP(progress_end) struct progress progress;
	progress_init(&progress, work->cli);
	const struct gospy_graph_options how = {.size = sizeof(how),
						.max_memory = work->options->max_memory,
						.progress = progress_update,
						.progress_ctx = &progress};
	return gospy_graph_take(side->target, &how, &side->graph, err);
}

static enum gospy_code find_leaks(struct work *work, struct side *side, struct gospy_error *err)
{
	const struct snapshot_options *options = &work->options->snapshot;
	CLEANUP(progress_end) struct progress progress;
	progress_init(&progress, work->cli);
	const struct gospy_leak_options how = {.size = sizeof(how),
					       .non_blocking = options->non_blocking,
					       .max_pause_ns = options->max_pause_ns,
					       .max_memory = work->options->max_memory,
					       .progress = progress_update,
					       .progress_ctx = &progress};
	return gospy_leaks_find(side->target, &how, &side->leaks, err);
}

static void note_heap(struct work *work, const char *what, const char *problem)
{
	cli_note(work->cli, "%s: %s", what, problem);
	work->status = shared_worst(work->status, EXIT_STATUS_PARTIAL);
}

/* A bundle may be without the heap: the rest is worth showing. */
static enum gospy_code read_heap(struct work *work, struct side *side, struct gospy_error *err)
{
	enum gospy_code code = work->options->heap ? take_graph(work, side, err) : GOSPY_OK;
	if (!code && side->graph && gospy_graph_info(side->graph)->problem)
		note_heap(work, "the heap is known in part",
			  gospy_graph_info(side->graph)->problem);
	if (!code && work->options->leaks)
		code = find_leaks(work, side, err);
	if (!code && side->leaks && gospy_leaks_info(side->leaks)->problem)
		note_heap(work, "goroutines may be missing",
			  gospy_leaks_info(side->leaks)->problem);
	if (code != GOSPY_E_UNSUPPORTED)
		return code;
	note_heap(work, "the heap is left out", err->msg);
	return GOSPY_OK;
}

static enum gospy_code read_side(struct work *work, struct side *side, struct gospy_error *err)
{
	enum { HOLDERS = 1 << 16 };
	const bool waits = work->options->waits;
	struct gospy_snapshot_options how = {.stacks = true,
					     .objects = waits,
					     .sockets = waits,
					     .syscalls = waits,
					     .holder_limit = waits ? HOLDERS : 0};
	enum gospy_code code = shared_take(work->cli, &work->options->snapshot, &how, side->target,
					   &side->snapshot, err);
	if (code)
		return code;
	side->input.target = gospy_target_info(side->target);
	side->input.snapshot = side->snapshot;
	read_figures(work, side);
	code = read_heap(work, side, err);
	if (code)
		return code;
	int status = shared_note_problems(work->cli, gospy_snapshot_info(side->snapshot));
	work->status = shared_worst(work->status, status);
	if (work->cli->verbose)
		shared_note_details(work->cli, side->target, gospy_snapshot_info(side->snapshot));
	return GOSPY_OK;
}

static void sleep_until(uint64_t at_ns)
{
	for (uint64_t now_ns = clock_mono_ns(); now_ns < at_ns; now_ns = clock_mono_ns())
		clock_sleep(at_ns - now_ns);
}

/* A look at who moves, without stacks. */
static enum gospy_code look(struct work *work, struct gospy_target *target, struct still *still,
			    struct gospy_error *err)
{
	CLEANUP(shared_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
	struct gospy_snapshot_options how = {0};
	uint64_t begin_ns = clock_mono_ns();
	enum gospy_code code =
		shared_take(work->cli, &work->options->snapshot, &how, target, &snapshot, err);
	if (!code && !still_look(still, snapshot, begin_ns, clock_mono_ns()))
		return err_nomem(err);
	return code;
}

static enum gospy_code read_and_look(struct work *work, struct side *side, struct still *still,
				     struct gospy_error *err)
{
	uint64_t begin_ns = clock_mono_ns();
	enum gospy_code code = read_side(work, side, err);
	if (!code && !still_look(still, side->snapshot, begin_ns, clock_mono_ns()))
		return err_nomem(err);
	return code;
}

/* One process twice. */
static enum gospy_code read_over_time(struct work *work, struct sides *sides, uint64_t *watched_ret,
				      struct gospy_error *err)
{
	const uint64_t for_ns = work->options->for_ns;
	struct side *before = &sides->of[0], *after = &sides->of[1];
	struct still *still = &sides->still;
	uint64_t begin_ns = clock_mono_ns();
	enum gospy_code code = read_and_look(work, before, still, err);
	if (code)
		return code;
	// The look in between is not in the middle: see shared_take_after().
	uint64_t first_ns = still->end_ns;
	sleep_until(clock_after(begin_ns, for_ns / 8 * 3));
	code = look(work, before->target, still, err);
	if (code)
		return code;
	sleep_until(clock_after(begin_ns, for_ns));
	after->target = before->target;
	after->borrowed = true;
	code = read_and_look(work, after, still, err);
	*watched_ret = still->begin_ns - first_ns;
	return code;
}

/* ---- the command */

static void note_limit(struct cli *cli, const struct diff *diff, const char *limit)
{
	if (diff->over)
		cli_note(cli, "the number of goroutines has grown by more than %s", limit);
	if (diff->groups_over)
		cli_note(cli, "%" PRIu64 " group%s grown by more than %s", diff->groups_over,
			 diff->groups_over == 1 ? " has" : "s have", limit);
}

static int note_patterns(struct cli *cli, const struct ignored *ignored)
{
	uint64_t given_up = 0;
	for (size_t i = 0; i < ignored->patterns.len; i++)
		given_up += ignored->patterns.at[i].given_up;
	if (!given_up)
		return EXIT_STATUS_OK;
	cli_note(cli,
		 "--ignore takes too many steps on %" PRIu64
		 " name%s, which count as not matching: a simpler pattern may do",
		 given_up, units_plural(given_up));
	return EXIT_STATUS_PARTIAL;
}

/* What is waited for, before and after. All zero is none. */
struct waits_of_both {
	struct waits before, after;
	struct diff_waits diff;
	bool made;
};

static void waits_of_both_deinit(struct waits_of_both *waits)
{
	diff_waits_deinit(&waits->diff);
	waits_deinit(&waits->before);
	waits_deinit(&waits->after);
}

/* An address of one process means nothing in another one. */
static enum gospy_code find_waits(struct work *work, const struct diff_request *request,
				  const struct diff *diff, struct waits_of_both *ret,
				  struct gospy_error *err)
{
	if (!work->options->waits)
		return GOSPY_OK;
	if (!diff->same_process) {
		cli_note(work->cli, "--waits compares one process with itself: nothing is said of "
				    "what these two wait for");
		return GOSPY_OK;
	}
	const bool system = work->options->system;
	enum gospy_code code = waits_collect(&ret->before, request->before.snapshot, system, err);
	if (!code)
		code = waits_collect(&ret->after, request->after.snapshot, system, err);
	if (!code)
		code = diff_waits_make(&ret->diff, &ret->before, &ret->after, err);
	ret->made = !code;
	return code;
}

/* The heaps of both and who is leaked. All zero is none. */
struct heap_of_both {
	struct heap_changes heap;
	struct diff_leaks leaks;
	bool has_heap, has_leaks;
};

static void heap_of_both_deinit(struct heap_of_both *heap)
{
	heap_changes_deinit(&heap->heap);
	diff_leaks_deinit(&heap->leaks);
}

static enum gospy_code compare_heaps(const struct sides *sides, const struct diff *diff,
				     struct heap_of_both *ret, struct gospy_error *err)
{
	const struct side *before = &sides->of[0], *after = &sides->of[1];
	enum gospy_code code = GOSPY_OK;
	ret->has_heap = before->graph && after->graph;
	ret->has_leaks = before->leaks && after->leaks;
	if (ret->has_heap)
		code = heap_changes_make(&ret->heap, before->graph, after->graph, err);
	if (!code && ret->has_leaks)
		code = diff_leaks_make(&ret->leaks, before->leaks, after->leaks, diff->same_build,
				       err);
	return code;
}

static int compare(struct work *work, const struct sides *sides, struct diff_request *request,
		   const struct ignored *ignored)
{
	struct cli *cli = work->cli;
	struct gospy_error err;
	CLEANUP(diff_deinit) struct diff diff = {0};
	request->level = (enum diff_level)work->options->by;
	request->system = work->options->system;
	request->patterns = ignored->patterns.at;
	request->pattern_count = ignored->patterns.len;
	CLEANUP(waits_of_both_deinit) struct waits_of_both waits = {0};
	CLEANUP(heap_of_both_deinit) struct heap_of_both heap = {0};
	if (diff_make(request, &diff, &err) || find_waits(work, request, &diff, &waits, &err) ||
	    compare_heaps(sides, &diff, &heap, &err))
		return cli_fail(cli, &err);
	const struct diff_report report = {
		.request = request,
		.diff = &diff,
		.unchanged = work->options->unchanged,
		.limit = work->options->limit,
		.waits = waits.made ? &waits.diff : NULL,
		.leaks = heap.has_leaks ? &heap.leaks : NULL,
		.heap = heap.has_heap ? &heap.heap : NULL,
	};
	if (report_diff(cli->out, &report, cli->format, &err))
		return cli_fail(cli, &err);
	if (diff.backwards)
		cli_note(cli, "the first is the later one of the two: what ended has begun");
	if (request->level == DIFF_LINE && diff.level != DIFF_LINE)
		cli_note(cli, "Go before 1.20 does not say where functions begin: groups are by "
			      "function");
	if (diff.before.full || diff.after.full)
		cli_note(cli,
			 "there are more than %d different groups: further goroutines count by "
			 "their start function, those that were met first by their calls",
			 DIFF_GROUPS_MAX);
	note_limit(cli, &diff, work->options->fail_over);
	int status = shared_worst(work->status, note_patterns(cli, ignored));
	return diff.over || diff.groups_over ? EXIT_STATUS_CHECK : status;
}

/* The process that notes and errors are about from here on; of several it is said. */
static void speak_of(struct work *work, const struct which_one *one)
{
	if (!work->options->for_ns)
		work->cli->about = one ? one->pid : 0;
}

static enum gospy_code open_sides(struct work *work, const struct which_one ones[2], size_t count,
				  struct sides *sides, struct gospy_error *err)
{
	for (size_t i = 0; i < count; i++) {
		const opt_strings *bins = &work->options->bins;
		struct target_options options = work->options->snapshot.target;
		options.bin = bins->len ? bins->at[bins->len > 1 ? i : 0] : NULL;
		speak_of(work, &ones[i]);
		enum gospy_code code = shared_target_open(&options, work->own, &ones[i],
							  &sides->of[i].target, err);
		if (code)
			return code;
		int status = shared_note_target(work->cli, gospy_target_info(sides->of[i].target));
		work->status = shared_worst(work->status, status);
	}
	return GOSPY_OK;
}

/* CLI_GO_ON, or the exit status. */
static int read_both(struct work *work, const struct which_one ones[2], struct sides *sides,
		     struct diff_request *request)
{
	struct gospy_error err;
	const bool over_time = work->options->for_ns;
	if (open_sides(work, ones, over_time ? 1 : 2, sides, &err))
		return cli_fail(work->cli, &err);
	for (size_t i = 0; i < 2 && !over_time; i++) {
		speak_of(work, &ones[i]);
		if (read_side(work, &sides->of[i], &err))
			return cli_fail(work->cli, &err);
	}
	if (over_time && read_over_time(work, sides, &request->watched_ns, &err))
		return cli_fail(work->cli, &err);
	request->before = sides->of[0].input;
	request->after = sides->of[1].input;
	request->still = over_time ? &sides->still : NULL;
	speak_of(work, NULL);
	return CLI_GO_ON;
}

/* With --for one, else two. */
static enum gospy_code find_targets(struct cli *cli, const struct diff_options *options,
				    char **words, size_t count, struct which_one ret[2],
				    struct gospy_error *err)
{
	struct target_options none = options->snapshot.target;
	none.pid = 0;
	none.core = NULL;
	enum gospy_code code =
		which_runtime(cli, &options->snapshot.target, &words, &count, &ret[0], err);
	if (code)
		return code;
	if (options->bins.len > (options->for_ns ? 1 : 2))
		return err_set(err, GOSPY_E_USAGE, "there are more --bin than programs");
	if (options->for_ns && ret[0].core)
		return err_set(err, GOSPY_E_USAGE,
			       "nothing moves in a core file: --for is for processes");
	if (!options->for_ns && !count)
		return err_set(err, GOSPY_E_USAGE,
			       "compare it with which other one? or with --for D with itself");
	if (!options->for_ns)
		code = which_runtime(cli, &none, &words, &count, &ret[1], err);
	if (!code)
		code = which_check_stdin(ret, 2, err);
	return code ? code : cli_no_more(words, count, err);
}

static int diff_run(struct cli *cli, char **args)
{
	struct diff_options options = {.snapshot.max_pause_ns = 1000000000, .by = DIFF_LEVELS};
	struct gospy_error err;
	size_t count;
	struct which_one ones[2] = {0};
	int status = cli_parse(cli, &cmd_diff, args, &options, &count);
	CLEANUP(shared_strings_free) opt_strings ignore = options.ignore;
	CLEANUP(shared_strings_free) opt_strings modules = options.own;
	CLEANUP(shared_strings_free) opt_strings bins = options.bins;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(ignored_deinit) struct ignored ignored = {0};
	CLEANUP(shared_own_deinit) struct shared_own own = {0};
	CLEANUP(sides_free) struct sides *sides = calloc(1, sizeof(*sides));
	struct diff_request request = {0};
	struct work work = {.cli = cli, .options = &options, .own = &own};
	if (!sides) {
		err_nomem(&err);
		return cli_fail(cli, &err);
	}
	if (shared_check(&options.snapshot, &err) || shared_own(&modules, &own, &err) ||
	    parse_limits(options.fail_over, &request.limit, &err) ||
	    compile_all(&ignore, &ignored, &err) ||
	    find_targets(cli, &options, args, count, ones, &err))
		return cli_fail(cli, &err);
	status = read_both(&work, ones, sides, &request);
	return status == CLI_GO_ON ? compare(&work, sides, &request, &ignored) : status;
}

const struct cmd cmd_diff = {
	.name = "diff",
	.synopsis = "[OPTIONS] PROCESS PROCESS, or --for D PROCESS",
	.summary = "compare the goroutines and figures of two processes, or of two moments",
	.description = "Groups of goroutines that have grown come first. Two builds, or two "
		       "versions of Go, are compared by what their functions are called. Of one "
		       "process it is also known which goroutines began and ended, and which of "
		       "them waited at one place all the time.",
	.groups = {&diff_options_group, &snapshot_group, &core_rest_group, &target_group,
		   &common_group},
	.examples = "gospy diff --for 10s shop\n"
		    "gospy diff 4711 4712\n"
		    "gospy diff --for 1m --fail-over 100,10% shop\n"
		    "gospy diff --by function --ignore 'net/http' 4711 4712\n"
		    "gospy diff --for 10s shop --json",
	.pages = true,
	.run = diff_run,
};
