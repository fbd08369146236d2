#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/progress.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/heap_flame.h"
#include "render/heap_pprof.h"
#include "render/report_heap.h"
#include "render/report_heap_diff.h"
#include "render/units.h"

enum heap_format { HEAP_REPORT, HEAP_HTML, HEAP_SVG, HEAP_PPROF };

struct heap_cmd_options {
	struct target_options target;
	uint64_t limit, max_memory, max_pause_ns, for_ns;
	const char *who, *diff;
	enum heap_format picture;
	bool retained, stop, values;
};

#define AT(member) .offset = offsetof(struct heap_cmd_options, member)

static const struct opt_choice pictures[] = {
	{"html", HEAP_HTML},
	{"svg", HEAP_SVG},
	{"pprof", HEAP_PPROF},
	{0},
};

static const struct opt heap_opts[] = {
	{"who", .type = OPT_STRING, AT(who), .arg = "TYPE|ADDR",
	 .help = "what keeps the objects of this type alive, or the one at this address: paths "
		 "from globals and stacks"},
	{"values", .type = OPT_FLAG, AT(values),
	 .help = "with --who ADDR: what is in the object, field by field. It may be secret: "
		 "without "
		 "this no values of the process are shown"},
	{"retained", .type = OPT_FLAG, AT(retained),
	 .help = "how much would be freed with the objects of each type, most first"},
	{"format", .type = OPT_CHOICE, AT(picture), .arg = "F", .choices = pictures,
	 .help = "who keeps what alive: a flame graph, html (a page of its own) or svg; or a "
		 "profile "
		 "for go tool pprof: pprof"},
	{"limit", 'n', OPT_NUMBER, AT(limit), .arg = "N",
	 .help = "show the first N types (default 30 on a terminal; 0: all), or paths (default "
		 "10)"},
	{"for", .type = OPT_DURATION, AT(for_ns), .arg = "D", .above_zero = true,
	 .help = "look, wait so long, look again: which types have grown, most first"},
	{"diff", .type = OPT_STRING, AT(diff), .arg = "FIRST",
	 .help = "how it differs from the heap of another process, core file or bundle, which is "
		 "the first of the two: which types are more, most first, and which are less"},
	{"stop", .type = OPT_FLAG, AT(stop),
	 .help = "hold the process while its heap is copied: some tenths of a second a gigabyte"},
	{"max-pause", .type = OPT_DURATION, AT(max_pause_ns), .arg = "D", .above_zero = true,
	 .help = "with --stop: hold it no longer than this (default 1s), else copy it as it runs"},
	{"max-memory", .type = OPT_NUMBER, AT(max_memory), .arg = "BYTES",
	 .help = "what gospy may use to hold the graph (default: a quarter of what is available)"},
	{0},
};

static const struct opt_group heap_group = {"What to show", heap_opts};

enum { LIMIT_TERMINAL = 30, LIMIT_PATHS = 10, VALUES_MOST = 256 };

static void graph_destroy(struct gospy_graph **graph)
{
	gospy_graph_destroy(*graph);
}

static int note_graph(struct cli *cli, const struct gospy_target *target,
		      const struct gospy_graph_info *info)
{
	int status = shared_note_target(cli, gospy_target_info(target));
	if (info->not_stopped)
		cli_note(cli, "it was copied without a stop: %s", info->not_stopped);
	if (info->problem)
		cli_note(cli, "%s", info->problem);
	if (info->types_cut)
		cli_note(cli, "types were not followed to their end: some are missing");
	if (cli->verbose)
		cli_note(cli,
			 "%lu spans, %lu pointers, looked through %s in %s, the graph takes %s",
			 info->spans, info->pointers, units_bytes(info->scanned).s,
			 units_ms(info->total_ns).s, units_bytes(info->memory).s);
	return info->problem ? EXIT_STATUS_PARTIAL : status;
}

static enum gospy_code look(struct cli *cli, const struct heap_cmd_options *options,
			    struct gospy_target *target, struct gospy_graph **ret,
			    struct gospy_error *err)
{
	CLEANUP(progress_end) struct progress progress;
	progress_init(&progress, cli);
	const struct gospy_graph_options how = {.size = sizeof(how),
						.max_memory = options->max_memory,
						.paths = options->who || options->picture,
						.stop = options->stop,
						.max_pause_ns = options->max_pause_ns,
						.retained = options->retained && !options->who,
						.progress = progress_update,
						.progress_ctx = &progress};
	return gospy_graph_take(target, &how, ret, err);
}

static int show_who(struct cli *cli, const struct heap_cmd_options *options,
		    struct gospy_target *target, struct gospy_graph *graph)
{
	const struct gospy_graph_paths *paths;
	struct gospy_error err;
	uint64_t most = options->limit == UINT64_MAX ? LIMIT_PATHS
			: options->limit             ? options->limit
						     : SIZE_MAX;
	if (gospy_graph_who(graph, options->who, most, &paths, &err))
		return cli_fail(cli, &err);
	struct heap_who_report report = {.target = gospy_target_info(target), .paths = paths};
	if (options->values && !paths->addr) {
		err_set(&err, GOSPY_E_USAGE, "--values goes with --who ADDR: of one object");
		return cli_fail(cli, &err);
	}
	if (options->values && gospy_graph_values(graph, paths->addr, VALUES_MOST, &report.values,
						  &report.value_count, &report.more_values, &err))
		return cli_fail(cli, &err);
	report.has_values = options->values;
	report_heap_who(cli->out, &report, cli->format);
	return note_graph(cli, target, gospy_graph_info(graph));
}

static enum gospy_code write_profile(struct cli *cli, const struct gospy_graph_info *info,
				     const struct gospy_graph_paths *paths, struct gospy_error *err)
{
	CLEANUP(strbuf_deinit) struct strbuf bytes = {0};
	if (!heap_pprof(info, paths, &bytes))
		return err_nomem(err);
	out_write(cli->out, bytes.s, bytes.len);
	return GOSPY_OK;
}

static enum gospy_code draw(struct cli *cli, const struct heap_cmd_options *options,
			    struct gospy_target *target, const struct gospy_graph_info *info,
			    const struct gospy_graph_paths *paths, struct gospy_error *err)
{
	if (options->picture == HEAP_PPROF)
		return write_profile(cli, info, paths, err);
	return heap_flame(cli->out, gospy_target_info(target), info, paths,
			  options->picture == HEAP_SVG)
		       ? GOSPY_OK
		       : err_nomem(err);
}

static int show_picture(struct cli *cli, const struct heap_cmd_options *options,
			struct gospy_target *target, struct gospy_graph *graph)
{
	const struct gospy_graph_paths *paths;
	struct gospy_error err;
	enum gospy_code code = gospy_graph_who(graph, NULL, SIZE_MAX, &paths, &err);
	if (!code)
		code = draw(cli, options, target, gospy_graph_info(graph), paths, &err);
	return code ? cli_fail(cli, &err) : note_graph(cli, target, gospy_graph_info(graph));
}

static uint64_t limit_of(const struct cli *cli, const struct heap_cmd_options *options)
{
	return options->limit != UINT64_MAX ? options->limit : cli->out->cols ? LIMIT_TERMINAL : 0;
}

/* Of a second look, behind the first. */
static int show_change(struct cli *cli, const struct heap_cmd_options *options,
		       struct gospy_target *target, struct gospy_graph *before)
{
	CLEANUP(graph_destroy) struct gospy_graph *after = NULL;
	struct gospy_error err;
	clock_sleep(options->for_ns);
	if (look(cli, options, target, &after, &err))
		return cli_fail(cli, &err);
	const struct heap_diff_report report = {gospy_target_info(target), NULL, before, after,
						limit_of(cli, options)};
	if (report_heap_diff(cli->out, &report, cli->format, &err))
		return cli_fail(cli, &err);
	int status = note_graph(cli, target, gospy_graph_info(after));
	return shared_worst(status, gospy_graph_info(before)->problem ? EXIT_STATUS_PARTIAL : 0);
}

static enum gospy_code find_first(struct cli *cli, const struct heap_cmd_options *options,
				  struct which_one *ret, struct gospy_error *err)
{
	char word[PATH_MAX], *list[] = {word, NULL}, **words = list;
	struct target_options none = options->target;
	size_t count = 1;
	none.pid = 0;
	none.core = NULL;
	if (strlen(options->diff) >= sizeof(word))
		return err_set(err, GOSPY_E_USAGE, "--diff: the name is too long");
	strcpy(word, options->diff);
	enum gospy_code code = which_runtime(cli, &none, &words, &count, ret, err);
	// Not the word, which goes with this function.
	if (ret->core)
		ret->core = options->diff;
	return code ? err_context(err, code, "--diff") : GOSPY_OK;
}

/* Held against another heap. */
static int show_difference(struct cli *cli, const struct heap_cmd_options *options,
			   const struct which_one *one)
{
	CLEANUP(shared_target_close) struct gospy_target *first = NULL;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(graph_destroy) struct gospy_graph *before = NULL;
	CLEANUP(graph_destroy) struct gospy_graph *after = NULL;
	struct which_one other = {0};
	struct gospy_error err;
	if (find_first(cli, options, &other, &err) ||
	    shared_target_open(&options->target, NULL, &other, &first, &err) ||
	    look(cli, options, first, &before, &err) ||
	    shared_target_open(&options->target, NULL, one, &target, &err) ||
	    look(cli, options, target, &after, &err))
		return cli_fail(cli, &err);
	const struct heap_diff_report report = {gospy_target_info(target), gospy_target_info(first),
						before, after, limit_of(cli, options)};
	if (report_heap_diff(cli->out, &report, cli->format, &err))
		return cli_fail(cli, &err);
	int status = note_graph(cli, first, gospy_graph_info(before));
	return shared_worst(status, note_graph(cli, target, gospy_graph_info(after)));
}

static int show(struct cli *cli, const struct which_one *one, void *ctx)
{
	const struct heap_cmd_options *options = ctx;
	if (options->diff)
		return show_difference(cli, options, one);
	// The graph goes before its target does.
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(graph_destroy) struct gospy_graph *graph = NULL;
	struct gospy_error err;
	if (shared_target_open(&options->target, NULL, one, &target, &err) ||
	    look(cli, options, target, &graph, &err))
		return cli_fail(cli, &err);
	if (options->who)
		return show_who(cli, options, target, graph);
	if (options->picture)
		return show_picture(cli, options, target, graph);
	if (options->for_ns)
		return show_change(cli, options, target, graph);
	const struct heap_report report = {gospy_target_info(target), graph,
					   limit_of(cli, options)};
	report_heap(cli->out, &report, cli->format);
	return note_graph(cli, target, gospy_graph_info(graph));
}

static int heap_run(struct cli *cli, char **args)
{
	struct heap_cmd_options options = {.limit = UINT64_MAX};
	size_t count;
	int status = cli_parse(cli, &cmd_heap, args, &options, &count);
	struct gospy_error err;
	if (status != CLI_GO_ON)
		return status;
	if (options.for_ns && (options.who || options.retained || options.diff)) {
		err_set(&err, GOSPY_E_USAGE, "--for goes with none of --who, --retained, --diff");
		return cli_fail(cli, &err);
	}
	if (options.values && !options.who) {
		err_set(&err, GOSPY_E_USAGE, "--values goes with --who ADDR");
		return cli_fail(cli, &err);
	}
	if (options.diff && (options.who || options.retained)) {
		err_set(&err, GOSPY_E_USAGE, "--diff goes with neither --who nor --retained");
		return cli_fail(cli, &err);
	}
	if (options.picture &&
	    (options.who || options.retained || options.for_ns || options.diff || cli->format)) {
		err_set(&err, GOSPY_E_USAGE,
			"--format is a picture of the whole heap: it goes with "
			"none of --who, --retained, --for, --diff and --json");
		return cli_fail(cli, &err);
	}
	// A terminal shows a page's source, which nobody wants to read.
	if (options.picture && cli->out->rows) {
		err_set(&err, GOSPY_E_USAGE,
			"this is not for a terminal: write it to a file, > "
			"heap.%s",
			options.picture == HEAP_SVG     ? "svg"
			: options.picture == HEAP_PPROF ? "pb.gz"
							: "html");
		return cli_fail(cli, &err);
	}
	return which_each(cli, &options.target, args, count, show, &options);
}

const struct cmd cmd_heap = {
	.name = "heap",
	.synopsis = "[OPTIONS] PROCESS...",
	.summary = "show of which types the objects of the heap are",
	.description = "What can be reached from globals and stacks, by bytes. The process runs on "
		       "while its heap is copied. Where the type of objects is not known their "
		       "size stands for it. Core files must have the memory of the heap.",
	.groups = {&heap_group, &core_group, &all_group, &target_group, &common_group},
	.examples = "gospy heap 4711\n"
		    "gospy heap --limit 10 shop\n"
		    "gospy heap --stop --max-pause 200ms shop\n"
		    "gospy heap --format html shop > heap.html\n"
		    "gospy heap --format pprof shop > heap.pb.gz && go tool pprof heap.pb.gz\n"
		    "gospy heap --for 1m shop\n"
		    "gospy heap --diff yesterday.bundle shop\n"
		    "gospy heap --retained shop\n"
		    "gospy heap --who main.session shop\n"
		    "gospy heap --who 0xc000123450 --values shop\n"
		    "gospy heap --json core.4711",
	.pages = true,
	.run = heap_run,
};
