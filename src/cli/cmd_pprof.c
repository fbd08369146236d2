#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/pprof_make.h"
#include "cli/profile_file.h"
#include "cli/shared.h"
#include "cli/sink.h"
#include "render/json.h"
#include "render/profile_flame.h"
#include "render/profile_folded.h"
#include "render/profile_speedscope.h"
#include "render/profile_stack.h"
#include "render/profile_text.h"
#include "render/profile_top.h"
#include "render/report_stack.h"
#include "render/units.h"

struct pprof_options {
	struct snapshot_options snapshot;
	const char *output;
	int format; /* enum profile_format, or NOT_GIVEN */
	int debug;  /* as in runtime/pprof.Profile.WriteTo, or NOT_GIVEN */
	const char *sample_type;
	uint64_t limit;
	uint64_t seconds_ns;
	const char *diff;
	opt_strings tags;
};

enum { NOT_GIVEN = -1 };

static const struct opt_choice formats[] = {
	{"pprof", PROFILE_PPROF},   {"text", PROFILE_TEXT},
	{"folded", PROFILE_FOLDED}, {"speedscope", PROFILE_SPEEDSCOPE},
	{"top", PROFILE_TOP},       {"html", PROFILE_HTML},
	{"svg", PROFILE_SVG},       {0},
};

#define AT(member) .offset = offsetof(struct pprof_options, member)

static const struct opt_choice debug_levels[] = {{"0", 0}, {"1", 1}, {"2", 2}, {0}};

static const struct opt_choice tag_names[] = {
	{"pid", PPROF_TAG_PID},
	{"host", PPROF_TAG_HOST},
	{"container", PPROF_TAG_CONTAINER},
	{"state", PPROF_TAG_STATE},
	{"reason", PPROF_TAG_REASON},
	{0},
};

static const struct opt pprof_opts[] = {
	{"format", .type = OPT_CHOICE, AT(format), .arg = "F", .choices = formats,
	 .help = "pprof, the default; text, as the runtime prints it; folded stacks; speedscope; "
		 "top, as `go tool pprof -top`; html, a page with a flame graph; svg, a picture of "
		 "it"},
	{"sample-type", .type = OPT_STRING, AT(sample_type), .arg = "VALUES",
	 .help = "of heap and the like, which values: inuse_space, alloc_objects, delay, ... "
		 "Default: as pprof"},
	{"limit", 'n', .type = OPT_NUMBER, AT(limit), .arg = "N",
	 .help = "with --format top: the first N functions"},
	{"debug", .type = OPT_CHOICE, AT(debug), .arg = "N", .choices = debug_levels,
	 .help = "1: --format text; 2: the same, but of goroutine the stacks, as `stack` does"},
	{"seconds", .type = OPT_DURATION, AT(seconds_ns), .arg = "D", .above_zero = true,
	 .help = "what has come within so many seconds (or 2m, 500ms): read it, wait, read it "
		 "again"},
	{"diff", .type = OPT_STRING, AT(diff), .arg = "FILE",
	 .help = "less what is in this file of pprof, or in this core file or bundle, as `go tool "
		 "pprof -diff_base`"},
	{"tag", .type = OPT_STRINGS, AT(tags), .arg = "TAG[,TAG]", .choices = tag_names,
	 .help = "label each sample: pid, host, container; of goroutine also state, reason"},
	{"all", .type = OPT_FLAG, AT(snapshot.target.all),
	 .help = "all processes that the word fits, in one profile"},
	{"output", 'o', OPT_STRING, AT(output), .arg = "FILE",
	 .help = "write it there; -: to standard output, the default of all that is text. Default: "
		 "gospy-NAME-PID-TYPE-TIME.pb.gz, and instead of to a terminal .html or .svg"},
	{0},
};

static const struct opt_group pprof_group = {"How, and where to", pprof_opts};

static const struct {
	const char *name;
	enum gospy_profile_kind kind;
} kinds[] = {
	{"goroutine", GOSPY_PROFILE_GOROUTINE},
	{"heap", GOSPY_PROFILE_HEAP},
	{"allocs", GOSPY_PROFILE_ALLOCS},
	{"block", GOSPY_PROFILE_BLOCK},
	{"mutex", GOSPY_PROFILE_MUTEX},
	{"threadcreate", GOSPY_PROFILE_THREADCREATE},
	{"goroutineleak", GOSPY_PROFILE_GOROUTINELEAK},
};

static enum gospy_code parse_kind(char ***words, size_t *count, enum gospy_profile_kind *ret,
				  struct gospy_error *err)
{
	for (size_t i = 0; *count && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(**words, kinds[i].name) == 0) {
			*ret = kinds[i].kind;
			(*words)++;
			(*count)--;
			return GOSPY_OK;
		}
	}
	return err_set(err, GOSPY_E_USAGE,
		       "%s%s%s: say which profile, goroutine, heap, allocs, block, mutex, "
		       "threadcreate or goroutineleak, and then whose",
		       *count ? "there is no profile '" : "no profile is named",
		       *count ? **words : "", *count ? "'" : "");
}

static void profile_free(struct gospy_profile **profile)
{
	gospy_profile_destroy(*profile);
}

/* gospy-NAME-PID-TYPE-TIME-RANDOM in the working directory. */
static void default_path(const struct pprof_product *product, const char *extension,
			 char path[PROFILE_PATH_SIZE])
{
	const struct gospy_target_info *info = pprof_first(product);
	if (product->count == 1)
		profile_path(info->comm, info->pid, product->now->name, extension, path);
	else
		profile_path_of_several(product->count, product->now->name, extension, path);
}

/* What was written, for say_written. */
struct facts {
	const char *profile;
	enum profile_format format;
	const struct gospy_profile *counts; /* NULL: stacks */
	size_t samples;
	uint64_t time_unix_ns, paused_ns, over_ns;
	const pid_t *pids;
	size_t pid_count;
	const char *base; /* file, or NULL */
};

static void say_json(struct cli *cli, const struct facts *facts, const struct save *save)
{
	struct json json = {.out = cli->out};
	json_begin(&json, "pprof");
	if (facts->pid_count == 1)
		json_u64(&json, "pid", (uint64_t)facts->pids[0]);
	json_array(&json, "pids");
	for (size_t i = 0; i < facts->pid_count; i++)
		json_u64(&json, NULL, (uint64_t)facts->pids[i]);
	json_array_end(&json);
	json_str(&json, "profile", facts->profile);
	json_str(&json, "format", formats[facts->format].name);
	json_str(&json, "file", save->path);
	json_u64(&json, "bytes", save->bytes);
	json_u64(&json, "samples", facts->samples);
	if (facts->counts) {
		json_u64(&json, "locations", facts->counts->location_count);
		json_u64(&json, "functions", facts->counts->function_count);
	}
	json_u64(&json, "time_unix_ns", facts->time_unix_ns);
	if (facts->counts && facts->counts->duration_ns)
		json_i64(&json, "duration_ns", facts->counts->duration_ns);
	json_str(&json, "base", facts->base);
	json_u64(&json, "paused_ns", facts->paused_ns);
	if (facts->counts && facts->counts->note)
		json_str(&json, "note", facts->counts->note);
	json_object_end(&json);
	json_newline(&json);
}

/* What was written where, and what opens it. */
static void say_written(struct cli *cli, const struct facts *facts, const struct save *save)
{
	if (cli->format != REPORT_TEXT) {
		say_json(cli, facts, save);
		return;
	}
	const struct out_mark mark = out_mark(cli->out);
	out_printf(cli->out, "%s: %s profile of ", save->path, facts->profile);
	if (facts->pid_count == 1)
		out_printf(cli->out, "process %d", (int)facts->pids[0]);
	else
		out_printf(cli->out, "%zu processes", facts->pid_count);
	if (facts->over_ns)
		out_printf(cli->out, " over %s", units_ms(facts->over_ns).s);
	if (facts->base)
		out_printf(cli->out, " less %s", facts->base);
	out_printf(cli->out, ", %zu samples", facts->samples);
	const char *how = profile_opener(facts->format);
	if (how) {
		out_puts(cli->out, how);
		out_puts(cli->out, save->path);
	}
	out_putc(cli->out, '\n');
	out_wrap(cli->out, mark);
}

static struct facts facts_of(const struct pprof_options *options,
			     const struct pprof_product *product, enum profile_format format)
{
	const struct gospy_profile *shown = product->shown;
	return (struct facts){
		.profile = product->now->name,
		.format = format,
		.counts = shown,
		.samples = shown->sample_count,
		.time_unix_ns = shown->time_unix_ns,
		.paused_ns = shown->paused_ns,
		.over_ns = options->seconds_ns,
		.pids = product->pids.at,
		.pid_count = product->pids.len,
		.base = options->diff,
	};
}

/* What there is to say of a profile that is written. Exit status. */
static int note_profile(struct cli *cli, const struct pprof_product *product)
{
	const struct gospy_profile *now = product->now;
	cli->about = product->count == 1 ? cli->about : 0;
	if (now->note)
		cli_note(cli, "%s", now->note);
	bool whole = now->soundness == GOSPY_SOUND && product->count == product->subjects.len;
	for (size_t i = 0; i < product->subjects.len; i++) {
		const struct gospy_target *target = product->subjects.at[i].target;
		const char *problem = target ? gospy_target_info(target)->problem : NULL;
		whole &= !problem;
		if (problem)
			cli_note(cli, "%s", problem);
	}
	return whole ? EXIT_STATUS_OK : EXIT_STATUS_PARTIAL;
}

static int write_pprof(struct cli *cli, const struct pprof_options *options,
		       const struct pprof_product *product)
{
	char path[PROFILE_PATH_SIZE];
	struct gospy_error err;
	CLEANUP(save_drop) struct save save = SAVE_NONE;
	CLEANUP(strbuf_deinit) struct strbuf bytes = {0};
	const struct facts facts = facts_of(options, product, PROFILE_PPROF);
	if (!options->output)
		default_path(product, "pb.gz", path);
	if (!pprof_encode_gzip(product->shown, product->writer, &bytes)) {
		err_nomem(&err);
		return cli_fail(cli, &err);
	}
	if (save_begin(&save, options->output ? options->output : path, &err) ||
	    save_part(&save, bytes.s, bytes.len, &err) || save_end(&save, &err))
		return cli_fail(cli, &err);
	if (!options->output || strcmp(options->output, "-") != 0)
		say_written(cli, &facts, &save);
	return note_profile(cli, product);
}

/* ---------------------------------------------------------------------------------------- text --
 */

/* Has the process a memory profile's figures? They are read without a stop, as the profile is. */
static bool read_memory(struct cli *cli, const struct pprof_options *options,
			struct gospy_target *target, struct gospy_memstats *ret,
			struct profile_text_memory *memory_ret)
{
	const struct gospy_read_options how = {
		.size = sizeof(how),
		.non_blocking = true,
		.max_pause_ns = options->snapshot.max_pause_ns,
	};
	struct gospy_process_usage usage;
	struct gospy_error err;
	if (gospy_memstats_read(target, &how, ret, &err)) {
		cli_note(cli, "runtime.MemStats is left out: %s", err.msg);
		return false;
	}
	if (ret->reading.soundness == GOSPY_SOUND_TORN)
		cli_note(cli, "memory was allocated all the time: some figures of "
			      "runtime.MemStats may be off");
	if (gospy_process_usage(gospy_target_info(target)->pid, &usage, &err))
		usage.rss_max = GOSPY_UNKNOWN;
	*memory_ret = (struct profile_text_memory){.memstats = ret, .rss_max = usage.rss_max};
	return true;
}

/* What a format is written from. */
struct writing {
	enum profile_format format;
	const struct gospy_profile *profile;      /* less the base, if there is one */
	const struct gospy_profile *now, *base;   /* both by themselves; the base may be NULL */
	const struct profile_text_memory *memory; /* or NULL */
	const char *title, *go_version;
	size_t type, limit;
};

static bool write_format(struct out *out, const struct writing *w)
{
	switch (w->format) {
	case PROFILE_PPROF:
		break;
	case PROFILE_TEXT:
		return profile_text(out, w->profile, w->memory);
	case PROFILE_FOLDED:
		return profile_folded(out, w->now, w->base, w->type);
	case PROFILE_SPEEDSCOPE:
		return profile_speedscope(out, w->profile, w->title, w->type);
	case PROFILE_TOP:
		return profile_top(out, w->profile, w->type, w->limit);
	case PROFILE_HTML:
		return profile_flame_html(out, w->now, w->base, w->title, w->go_version, w->type);
	case PROFILE_SVG:
		return profile_flame_svg(out, w->now, w->base, w->title, w->go_version, w->type);
	}
	return true;
}

/* "heap of shop (4711)" */
static void make_title(const struct pprof_options *options, const struct pprof_product *product,
		       char *title, size_t size)
{
	const struct gospy_target_info *info = pprof_first(product);
	int n = product->count == 1 ? snprintf(title, size, "%s of %s (%d)", product->now->name,
					       info->comm, (int)info->pid)
				    : snprintf(title, size, "%s of %zu processes",
					       product->now->name, product->count);
	if (options->seconds_ns && n > 0 && (size_t)n < size)
		snprintf(title + n, size - (size_t)n, " over %s", units_ms(options->seconds_ns).s);
}

/* What all of them run. */
static const char *go_version_of(const struct pprof_product *product)
{
	const char *version = pprof_first(product)->go_version;
	for (size_t i = 0; i < product->subjects.len; i++) {
		const struct gospy_target *target = product->subjects.at[i].target;
		if (target && strcmp(gospy_target_info(target)->go_version, version) != 0)
			return "several versions of Go";
	}
	return version;
}

static int write_text(struct cli *cli, const struct pprof_options *options,
		      enum profile_format format, const struct pprof_product *product,
		      const struct gospy_profile *base)
{
	struct gospy_error err;
	struct gospy_memstats memstats;
	struct profile_text_memory memory;
	char title[96], path[PROFILE_PATH_SIZE];
	CLEANUP(sink_drop) struct sink sink = SINK_NONE;
	const struct gospy_profile *profile = product->shown;
	const struct facts facts = facts_of(options, product, format);
	struct writing writing = {
		.format = format,
		.profile = profile,
		.now = product->now,
		.base = base,
		.title = title,
		.go_version = go_version_of(product),
		.limit = options->limit,
	};
	// A terminal shows a page's source, which nobody wants to read.
	const char *output = options->output;
	bool is_page = format == PROFILE_HTML || format == PROFILE_SVG;
	if (!output && is_page && cli->out->rows) {
		default_path(product, formats[format].name, path);
		output = path;
	}
	make_title(options, product, title, sizeof(title));
	if (profile_find_type(profile, options->sample_type, &writing.type, &err) ||
	    sink_open(&sink, cli, output, &err))
		return cli_fail(cli, &err);
	bool of_memory =
		profile->kind == GOSPY_PROFILE_HEAP || profile->kind == GOSPY_PROFILE_ALLOCS;
	if (format == PROFILE_TEXT && of_memory &&
	    read_memory(cli, options, product->subjects.at[0].target, &memstats, &memory))
		writing.memory = &memory;
	if (!write_format(sink.out, &writing)) {
		err_nomem(&err);
		return cli_fail(cli, &err);
	}
	if (sink_end(&sink, &err))
		return cli_fail(cli, &err);
	if (sink.is_file)
		say_written(cli, &facts, &sink.save);
	return note_profile(cli, product);
}

/* The goroutine profile at debug=2: tracebacks. */
static int write_stacks(struct cli *cli, const struct pprof_options *options,
			const struct which_one *one)
{
	struct gospy_error err;
	struct gospy_read_options unused;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(shared_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
	CLEANUP(sink_drop) struct sink sink = SINK_NONE;
	struct gospy_snapshot_options how = {.stacks = true, .labels = true, .arguments = true};
	struct select select = {.pc = SELECT_PC_CURRENT, .sort = SELECT_SORT_GOID};
	struct stack_report report = {.select = &select};
	if (shared_open(&options->snapshot, one, &target, &unused, &err) ||
	    sink_open(&sink, cli, options->output, &err) ||
	    shared_take(cli, &options->snapshot, &how, target, &snapshot, &err))
		return cli_fail(cli, &err);
	report.target = gospy_target_info(target);
	report.snapshot = snapshot;
	if (report_stacks(sink.out, &report, REPORT_TEXT, &err) || sink_end(&sink, &err))
		return cli_fail(cli, &err);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	const struct facts facts = {
		.profile = "goroutine",
		.format = PROFILE_TEXT,
		.samples = report.shown,
		.time_unix_ns = info->time_unix_ns,
		.paused_ns = info->paused_ns,
		.pids = &report.target->pid,
		.pid_count = 1,
	};
	if (sink.is_file)
		say_written(cli, &facts, &sink.save);
	int status = shared_worst(shared_note_problems(cli, info),
				  shared_note_target(cli, report.target));
	return report.problems || report.missing ? EXIT_STATUS_PARTIAL : status;
}

/* -----------------------------------------------------------------------------------------------
 */

/* What is not to be had of what --seconds, --diff, --tag and several processes give. */
static enum gospy_code check_format(const struct pprof_options *options, enum profile_format format,
				    bool several, struct gospy_error *err)
{
	const char *what = options->seconds_ns ? "--seconds"
			   : options->diff     ? "--diff"
			   : options->tags.len ? "--tag"
					       : NULL;
	if (format == PROFILE_TEXT && (what || several))
		return err_set(err, GOSPY_E_USAGE,
			       "text is that of one process as it is: %s does not go with --debug "
			       "and --format text; --format top is text, too",
			       what ? what : "more than one");
	if (format == PROFILE_SPEEDSCOPE && options->diff)
		return err_set(err, GOSPY_E_USAGE,
			       "speedscope shows no differences: --diff goes with --format pprof, "
			       "folded, top, html or svg");
	return GOSPY_OK;
}

/* Do the options fit together, and what is to be written? */
static enum gospy_code check(const struct cli *cli, const struct pprof_options *options,
			     enum profile_format *ret, struct gospy_error *err)
{
	bool to_stdout = !options->output || strcmp(options->output, "-") == 0;
	if (options->format != NOT_GIVEN)
		*ret = (enum profile_format)options->format;
	else
		*ret = options->debug > 0 ? PROFILE_TEXT : PROFILE_PPROF;
	if (options->debug != NOT_GIVEN && (options->debug > 0) != (*ret == PROFILE_TEXT))
		return err_set(err, GOSPY_E_USAGE,
			       "--debug says whether it is text: it does not go with another "
			       "--format");
	if (options->sample_type && (*ret == PROFILE_PPROF || *ret == PROFILE_TEXT))
		return err_set(err, GOSPY_E_USAGE,
			       "--format %s has all values: --sample-type does not go with it",
			       formats[*ret].name);
	if (options->limit && *ret != PROFILE_TOP)
		return err_set(err, GOSPY_E_USAGE, "--limit is for --format top");
	if (*ret != PROFILE_PPROF && to_stdout && cli->format != REPORT_TEXT)
		return err_set(
			err, GOSPY_E_USAGE,
			"standard output is either the profile or JSON about it: name a file "
			"for the profile with -o");
	return shared_check(&options->snapshot, err);
}

/* One of the names that --tag takes; `*text` moves on to what stands behind it. */
static enum gospy_code parse_tag(const char **text, uint32_t *tags, struct gospy_error *err)
{
	size_t len = strcspn(*text, ",");
	for (const struct opt_choice *c = tag_names; c->name; c++) {
		if (strlen(c->name) != len || memcmp(c->name, *text, len) != 0)
			continue;
		*tags |= (uint32_t)c->value;
		*text += len;
		return GOSPY_OK;
	}
	return err_set(err, GOSPY_E_USAGE,
		       "--tag takes pid, host, container, state and reason, not '%.*s'", (int)len,
		       *text);
}

static enum gospy_code parse_tags(const struct pprof_options *options, enum gospy_profile_kind kind,
				  uint32_t *ret, struct gospy_error *err)
{
	*ret = 0;
	for (size_t i = 0; i < options->tags.len; i++) {
		const char *text = options->tags.at[i];
		for (bool more = true; more; text++) {
			if (parse_tag(&text, ret, err))
				return err->code;
			more = *text;
		}
	}
	if (*ret & (PPROF_TAG_STATE | PPROF_TAG_REASON) && kind != GOSPY_PROFILE_GOROUTINE &&
	    kind != GOSPY_PROFILE_GOROUTINELEAK)
		return err_set(err, GOSPY_E_USAGE,
			       "--tag state and --tag reason are of goroutines: they go with the "
			       "goroutine profile only");
	return GOSPY_OK;
}

static int make_and_write(struct cli *cli, const struct pprof_options *options,
			  enum profile_format format, const struct pprof_request *request,
			  const which_ones *ones)
{
	CLEANUP(pprof_product_deinit) struct pprof_product product = {0};
	int status = pprof_make(cli, request, ones, &product);
	if (status != CLI_GO_ON)
		return status;
	if (format == PROFILE_PPROF)
		return write_pprof(cli, options, &product);
	return write_text(cli, options, format, &product, request->base);
}

static int pprof_run(struct cli *cli, char **args)
{
	struct pprof_options options = {
		.snapshot.max_pause_ns = 1000000000, .format = NOT_GIVEN, .debug = NOT_GIVEN};
	enum profile_format format;
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_pprof, args, &options, &count);
	CLEANUP(shared_strings_free) opt_strings tags = options.tags;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(which_ones_free) which_ones ones = {0};
	CLEANUP(profile_free) struct gospy_profile *base = NULL;
	struct pprof_request request = {.snapshot = &options.snapshot,
					.over_ns = options.seconds_ns};
	if (parse_kind(&args, &count, &request.kind, &err) || check(cli, &options, &format, &err) ||
	    parse_tags(&options, request.kind, &request.tags, &err) ||
	    which_runtimes(cli, &options.snapshot.target, args, count, &ones, &request.several,
			   &err) ||
	    check_format(&options, format, request.several, &err))
		return cli_fail(cli, &err);
	request.frames = format == PROFILE_TEXT;
	if (options.diff && pprof_read_base(options.diff, &request, &base, &err))
		return cli_fail(cli, &err);
	if (request.kind == GOSPY_PROFILE_GOROUTINE && options.debug == 2)
		return write_stacks(cli, &options, &ones.at[0]);
	request.base = base;
	return make_and_write(cli, &options, format, &request, &ones);
}

const struct cmd cmd_pprof = {
	.name = "pprof",
	.synopsis = "[OPTIONS] TYPE PROCESS...",
	.summary =
		"write a profile as net/http/pprof would serve it, with no handler in the process",
	.description =
		"TYPE is goroutine, heap, allocs, block, mutex, threadcreate or goroutineleak. The "
		"file is, uncompressed, byte for byte what the process itself would write. Only "
		"the goroutine profile stops the process, as `summary` does, and goroutineleak, "
		"as `leaks` does.",
	.groups = {&pprof_group, &read_group, &core_group, &target_group, &common_group},
	.examples = "gospy pprof heap shop\n"
		    "gospy pprof goroutine 4711 --debug 1\n"
		    "gospy pprof allocs shop --format top --limit 20\n"
		    "gospy pprof block shop --format folded | inferno-flamegraph >block.svg\n"
		    "gospy pprof heap shop --format html -o heap.html\n"
		    "gospy pprof goroutine 4711 -o now.pb.gz && go tool pprof -http : now.pb.gz\n"
		    "gospy pprof heap shop --seconds 10 --format top\n"
		    "gospy pprof heap shop --diff now.pb.gz --format top\n"
		    "gospy pprof goroutineleak shop --format top\n"
		    "gospy pprof goroutine --all shop --tag pid,state,reason",
	.pages = true,
	.run = pprof_run,
};
