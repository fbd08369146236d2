#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/save.h"
#include "cli/shared.h"
#include "cli/sink.h"
#include "cli/which.h"
#include "render/json.h"
#include "render/pprof.h"
#include "render/profile_flame.h"
#include "render/profile_folded.h"
#include "render/profile_speedscope.h"
#include "render/profile_stack.h"
#include "render/profile_text.h"
#include "render/profile_top.h"
#include "render/report_stack.h"

struct pprof_options {
	struct snapshot_options snapshot;
	const char *output;
	int format; /* enum format, or NOT_GIVEN */
	int debug;  /* as in runtime/pprof.Profile.WriteTo, or NOT_GIVEN */
	const char *sample_type;
	uint64_t limit;
};

enum { NOT_GIVEN = -1 };

enum format {
	FORMAT_PPROF,
	FORMAT_TEXT,
	FORMAT_FOLDED,
	FORMAT_SPEEDSCOPE,
	FORMAT_TOP,
	FORMAT_HTML,
	FORMAT_SVG,
};

static const struct opt_choice formats[] = {
	{"pprof", FORMAT_PPROF},   {"text", FORMAT_TEXT},
	{"folded", FORMAT_FOLDED}, {"speedscope", FORMAT_SPEEDSCOPE},
	{"top", FORMAT_TOP},       {"html", FORMAT_HTML},
	{"svg", FORMAT_SVG},       {0},
};

#define AT(member) .offset = offsetof(struct pprof_options, member)

static const struct opt_choice debug_levels[] = {{"0", 0}, {"1", 1}, {"2", 2}, {0}};

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
	{"goroutine", GOSPY_PROFILE_GOROUTINE}, {"heap", GOSPY_PROFILE_HEAP},
	{"allocs", GOSPY_PROFILE_ALLOCS},       {"block", GOSPY_PROFILE_BLOCK},
	{"mutex", GOSPY_PROFILE_MUTEX},         {"threadcreate", GOSPY_PROFILE_THREADCREATE},
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
		       "%s%s%s: say which profile, goroutine, heap, allocs, block, mutex or "
		       "threadcreate, and then whose",
		       *count ? "there is no profile '" : "no profile is named",
		       *count ? **words : "", *count ? "'" : "");
}

static void profile_free(struct gospy_profile **profile)
{
	gospy_profile_destroy(*profile);
}

enum { DEFAULT_PATH_SIZE = 192 };
/* gospy-NAME-PID-TYPE-TIME-RANDOM in the working directory. */
static void default_path(const struct gospy_target_info *info, const char *kind,
			 const char *extension, char path[DEFAULT_PATH_SIZE])
{
	char name[64], stamp[SAVE_STAMP_SIZE];
	snprintf(name, sizeof(name), "%s", info->comm);
	for (char *c = name; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || strchr("._-", *c);
		*c = plain ? *c : '_';
	}
	save_stamp(stamp);
	snprintf(path, DEFAULT_PATH_SIZE, "gospy-%s-%d-%s-%s.%s", name, (int)info->pid, kind, stamp,
		 extension);
}

/* What was written, for say_written. */
struct facts {
	const char *profile;
	enum format format;
	const struct gospy_profile *counts; /* NULL: stacks */
	size_t samples;
	uint64_t time_unix_ns, paused_ns;
};

/* What opens a file, printed with its path; NULL: it is read as it is. */
static const char *opener(enum format format)
{
	switch (format) {
	case FORMAT_PPROF:
		return "; open it with: go tool pprof ";
	case FORMAT_FOLDED:
		return "; open it with: flamegraph.pl ";
	case FORMAT_SPEEDSCOPE:
		return "; open it with: speedscope ";
	case FORMAT_HTML:
	case FORMAT_SVG:
		return "; open it in a browser: xdg-open ";
	case FORMAT_TEXT:
	case FORMAT_TOP:
		return NULL;
	}
	return NULL;
}

static void say_json(struct cli *cli, const struct facts *facts, const struct save *save, pid_t pid)
{
	struct json json = {.out = cli->out};
	json_begin(&json, "pprof");
	json_u64(&json, "pid", (uint64_t)pid);
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
	json_u64(&json, "paused_ns", facts->paused_ns);
	if (facts->counts && facts->counts->note)
		json_str(&json, "note", facts->counts->note);
	json_object_end(&json);
	json_newline(&json);
}

/* What was written where, and what opens it. */
static void say_written(struct cli *cli, const struct facts *facts, const struct save *save,
			pid_t pid)
{
	if (cli->format != REPORT_TEXT) {
		say_json(cli, facts, save, pid);
		return;
	}
	out_printf(cli->out, "%s: %s profile of process %d, %zu samples", save->path,
		   facts->profile, (int)pid, facts->samples);
	const char *how = opener(facts->format);
	if (how) {
		out_puts(cli->out, how);
		out_puts(cli->out, save->path);
	}
	out_putc(cli->out, '\n');
}

static struct facts facts_of(const struct gospy_profile *profile, enum format format)
{
	return (struct facts){
		.profile = profile->name,
		.format = format,
		.counts = profile,
		.samples = profile->sample_count,
		.time_unix_ns = profile->time_unix_ns,
		.paused_ns = profile->paused_ns,
	};
}

/* What there is to say of a profile that is written. Exit status. */
static int note_profile(struct cli *cli, const struct gospy_profile *profile)
{
	if (profile->note)
		cli_note(cli, "%s", profile->note);
	return profile->soundness == GOSPY_SOUND ? EXIT_STATUS_OK : EXIT_STATUS_PARTIAL;
}

static int write_pprof(struct cli *cli, const struct pprof_options *options,
		       const struct gospy_profile *profile, const struct gospy_target_info *info)
{
	char path[DEFAULT_PATH_SIZE];
	struct gospy_error err;
	CLEANUP(save_drop) struct save save = SAVE_NONE;
	CLEANUP(strbuf_deinit) struct strbuf bytes = {0};
	const struct facts facts = facts_of(profile, FORMAT_PPROF);
	if (!options->output)
		default_path(info, profile->name, "pb.gz", path);
	if (!pprof_encode_gzip(profile, PPROF_RUNTIME, &bytes)) {
		err_nomem(&err);
		return cli_fail(cli, &err);
	}
	if (save_begin(&save, options->output ? options->output : path, &err) ||
	    save_part(&save, bytes.s, bytes.len, &err) || save_end(&save, &err))
		return cli_fail(cli, &err);
	if (!options->output || strcmp(options->output, "-") != 0)
		say_written(cli, &facts, &save, info->pid);
	return note_profile(cli, profile);
}

/* ---------------------------------------------------------------------------------------- text --
 */

/* Has the process a memory profile's figures? They are read without a stop, as the profile is. */
static bool read_memory(struct cli *cli, struct gospy_target *target, struct gospy_read_options how,
			struct gospy_memstats *ret, struct profile_text_memory *memory_ret)
{
	struct gospy_process_usage usage;
	struct gospy_error err;
	how.non_blocking = true;
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
	enum format format;
	const struct gospy_profile *profile;
	const struct profile_text_memory *memory; /* or NULL */
	const char *title, *go_version;
	size_t type, limit;
};

static bool write_format(struct out *out, const struct writing *w)
{
	switch (w->format) {
	case FORMAT_PPROF:
		break;
	case FORMAT_TEXT:
		return profile_text(out, w->profile, w->memory);
	case FORMAT_FOLDED:
		return profile_folded(out, w->profile, w->type);
	case FORMAT_SPEEDSCOPE:
		return profile_speedscope(out, w->profile, w->title, w->type);
	case FORMAT_TOP:
		return profile_top(out, w->profile, w->type, w->limit);
	case FORMAT_HTML:
		return profile_flame_html(out, w->profile, w->title, w->go_version, w->type);
	case FORMAT_SVG:
		return profile_flame_svg(out, w->profile, w->title, w->go_version, w->type);
	}
	return true;
}

static int write_text(struct cli *cli, const struct pprof_options *options, enum format format,
		      const struct gospy_profile *profile, const struct gospy_read_options *how,
		      struct gospy_target *target)
{
	struct gospy_error err;
	struct gospy_memstats memstats;
	struct profile_text_memory memory;
	char title[64], path[DEFAULT_PATH_SIZE];
	CLEANUP(sink_drop) struct sink sink = SINK_NONE;
	const struct gospy_target_info *info = gospy_target_info(target);
	const struct facts facts = facts_of(profile, format);
	struct writing writing = {
		.format = format,
		.profile = profile,
		.title = title,
		.go_version = info->go_version,
		.limit = options->limit,
	};
	// A terminal shows a page's source, which nobody wants to read.
	const char *output = options->output;
	bool is_page = format == FORMAT_HTML || format == FORMAT_SVG;
	if (!output && is_page && cli->out->rows) {
		default_path(info, profile->name, formats[format].name, path);
		output = path;
	}
	snprintf(title, sizeof(title), "%s of %s (%d)", profile->name, info->comm, (int)info->pid);
	if (profile_find_type(profile, options->sample_type, &writing.type, &err) ||
	    sink_open(&sink, cli, output, &err))
		return cli_fail(cli, &err);
	bool of_memory =
		profile->kind == GOSPY_PROFILE_HEAP || profile->kind == GOSPY_PROFILE_ALLOCS;
	if (format == FORMAT_TEXT && of_memory &&
	    read_memory(cli, target, *how, &memstats, &memory))
		writing.memory = &memory;
	if (!write_format(sink.out, &writing)) {
		err_nomem(&err);
		return cli_fail(cli, &err);
	}
	if (sink_end(&sink, &err))
		return cli_fail(cli, &err);
	if (sink.is_file)
		say_written(cli, &facts, &sink.save, info->pid);
	return note_profile(cli, profile);
}

/* The goroutine profile at debug=2: tracebacks. */
static int write_stacks(struct cli *cli, const struct pprof_options *options,
			struct gospy_target *target)
{
	struct gospy_error err;
	CLEANUP(shared_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
	CLEANUP(sink_drop) struct sink sink = SINK_NONE;
	struct gospy_snapshot_options how = {.stacks = true, .labels = true, .arguments = true};
	struct select select = {.pc = SELECT_PC_CURRENT, .sort = SELECT_SORT_GOID};
	struct stack_report report = {.target = gospy_target_info(target), .select = &select};
	if (sink_open(&sink, cli, options->output, &err) ||
	    shared_take(cli, &options->snapshot, &how, target, &snapshot, &err))
		return cli_fail(cli, &err);
	report.snapshot = snapshot;
	if (report_stacks(sink.out, &report, REPORT_TEXT, &err) || sink_end(&sink, &err))
		return cli_fail(cli, &err);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	const struct facts facts = {
		.profile = "goroutine",
		.format = FORMAT_TEXT,
		.samples = report.shown,
		.time_unix_ns = info->time_unix_ns,
		.paused_ns = info->paused_ns,
	};
	if (sink.is_file)
		say_written(cli, &facts, &sink.save, report.target->pid);
	int status = shared_note_problems(cli, info);
	return report.problems || report.missing ? EXIT_STATUS_PARTIAL : status;
}

/* -----------------------------------------------------------------------------------------------
 */

/* Do the options fit together, and what is to be written? */
static enum gospy_code check(const struct cli *cli, const struct pprof_options *options,
			     enum format *ret, struct gospy_error *err)
{
	bool to_stdout = !options->output || strcmp(options->output, "-") == 0;
	if (options->format != NOT_GIVEN)
		*ret = (enum format)options->format;
	else
		*ret = options->debug > 0 ? FORMAT_TEXT : FORMAT_PPROF;
	if (options->debug != NOT_GIVEN && (options->debug > 0) != (*ret == FORMAT_TEXT))
		return err_set(err, GOSPY_E_USAGE,
			       "--debug says whether it is text: it does not go with another "
			       "--format");
	if (options->sample_type && (*ret == FORMAT_PPROF || *ret == FORMAT_TEXT))
		return err_set(err, GOSPY_E_USAGE,
			       "--format %s has all values: --sample-type does not go with it",
			       formats[*ret].name);
	if (options->limit && *ret != FORMAT_TOP)
		return err_set(err, GOSPY_E_USAGE, "--limit is for --format top");
	if (*ret != FORMAT_PPROF && to_stdout && cli->format != REPORT_TEXT)
		return err_set(
			err, GOSPY_E_USAGE,
			"standard output is either the profile or JSON about it: name a file "
			"for the profile with -o");
	return shared_check(&options->snapshot, err);
}

static int pprof_run(struct cli *cli, char **args)
{
	struct pprof_options options = {
		.snapshot.max_pause_ns = 1000000000, .format = NOT_GIVEN, .debug = NOT_GIVEN};
	enum format format;
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_pprof, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(profile_free) struct gospy_profile *profile = NULL;
	enum gospy_profile_kind kind = GOSPY_PROFILE_GOROUTINE;
	struct gospy_read_options read;
	if (parse_kind(&args, &count, &kind, &err))
		return cli_fail(cli, &err);
	pid_t pid = which_target(cli, &options.snapshot.target, &args, &count, &err);
	if (!pid || cli_no_more(args, count, &err) || check(cli, &options, &format, &err) ||
	    shared_open(&options.snapshot, pid, &target, &read, &err))
		return cli_fail(cli, &err);
	const struct gospy_profile_options how = {
		.size = sizeof(how),
		.kind = kind,
		.non_blocking = read.non_blocking,
		.max_pause_ns = read.max_pause_ns,
		.cancel_fd = read.cancel_fd,
		.frames = format == FORMAT_TEXT,
	};
	if (kind == GOSPY_PROFILE_GOROUTINE && options.debug == 2)
		return write_stacks(cli, &options, target);
	if (gospy_profile_create(target, &how, &profile, &err))
		return cli_fail(cli, &err);
	if (format == FORMAT_PPROF)
		return write_pprof(cli, &options, profile, gospy_target_info(target));
	return write_text(cli, &options, format, profile, &read, target);
}

const struct cmd cmd_pprof = {
	.name = "pprof",
	.synopsis = "[OPTIONS] TYPE PROCESS",
	.summary =
		"write a profile as net/http/pprof would serve it, with no handler in the process",
	.description =
		"TYPE is goroutine, heap, allocs, block, mutex or threadcreate. The file is, "
		"uncompressed, byte for byte what the process itself would write. Only the "
		"goroutine "
		"profile stops the process, as `summary` does.",
	.groups = {&pprof_group, &read_group, &target_group, &common_group},
	.examples = "gospy pprof heap shop\n"
		    "gospy pprof goroutine 4711 --debug 1\n"
		    "gospy pprof allocs shop --format top --limit 20\n"
		    "gospy pprof block shop --format folded | inferno-flamegraph >block.svg\n"
		    "gospy pprof heap shop --format html -o heap.html\n"
		    "gospy pprof goroutine 4711 -o now.pb.gz && go tool pprof -http : now.pb.gz",
	.pages = true,
	.run = pprof_run,
};
