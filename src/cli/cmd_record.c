#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/save.h"
#include "cli/ctrl_c.h"
#include "cli/profile_file.h"
#include "cli/record_at.h"
#include "cli/shared.h"
#include "cli/sink.h"
#include "render/pprof.h"
#include "render/profile_flame.h"
#include "render/profile_folded.h"
#include "render/profile_speedscope.h"
#include "render/profile_stack.h"
#include "render/profile_top.h"
#include "render/report_record.h"
#include "render/units.h"

struct record_options {
	struct target_options target;
	bool cpu, wall, off, kernel, force;
	uint64_t duration_ns, rate, limit;
	enum profile_format format;
	const char *by, *output;
	enum gospy_record_events events;
	enum { UNTIL_TIME, UNTIL_EXIT } until;
	struct record_at at;
};

enum { RATE_FORCED = 1000 };

#define AT(member) .offset = offsetof(struct record_options, member)

static const struct opt_choice formats[] = {
	{"pprof", PROFILE_PPROF},
	{"folded", PROFILE_FOLDED},
	{"speedscope", PROFILE_SPEEDSCOPE},
	{"top", PROFILE_TOP},
	{"html", PROFILE_HTML},
	{"svg", PROFILE_SVG},
	{0},
};

static const struct opt_choice event_sets[] = {
	{"threads", GOSPY_RECORD_EVENTS_THREADS},
	{"system", GOSPY_RECORD_EVENTS_SYSTEM},
	{0},
};

static const struct opt_choice untils[] = {
	{"exit", UNTIL_EXIT},
	{0},
};

static const struct opt record_opts[] = {
	{"cpu", .type = OPT_FLAG, AT(cpu), .help = "where processor time goes; the default"},
	{"wall", .type = OPT_FLAG, AT(wall),
	 .help = "what all goroutines do all the time, whether they run or wait"},
	{"off", .type = OPT_FLAG, AT(off), .help = "the same, of those that do not run"},
	{"duration", 'd', OPT_DURATION, AT(duration_ns), .arg = "D",
	 .help = "for so many seconds (or 2m, 500ms); 0: until Ctrl-C. Default: 10s"},
	{"until", .type = OPT_CHOICE, AT(until), .arg = "WHAT", .choices = untils,
	 .help = "exit: until the process ends, or Ctrl-C"},
	{"at-goroutines", .type = OPT_NUMBER, AT(at.goroutines), .arg = "N",
	 .help = "begin when it has so many goroutines"},
	{"at-rss", .type = OPT_STRING, AT(at.rss), .arg = "SIZE",
	 .help = "begin when it has so much memory (2GB)"},
	{"at-cpu", .type = OPT_NUMBER, AT(at.cpu), .arg = "PERCENT",
	 .help = "begin when it has used so much of a processor in a second; 250: of two and a "
		 "half"},
	{"rate", 'r', OPT_NUMBER, AT(rate), .arg = "N",
	 .help = "samples in a second of processor time; with --wall, how often goroutines are "
		 "looked at in a second. Default: 99; 20"},
	{"force", .type = OPT_FLAG, AT(force),
	 .help = "allow rates beyond 1000, which cost the process a few percent"},
	{"by", .type = OPT_STRING, AT(by), .arg = "WHAT",
	 .help = "an outermost frame for each goroutine, thread, or label=KEY, each value of a "
		 "profiler label; with --wall, also for each state, or reason to wait"},
	{"kernel", .type = OPT_FLAG, AT(kernel),
	 .help = "time in the kernel is a frame [kernel] of its own, not the caller's"},
	{"events", .type = OPT_CHOICE, AT(events), .arg = "SET", .choices = event_sets,
	 .help = "perf events for the threads of the process, or for the whole system. Default: "
		 "threads, unless they are too many"},
	{"format", .type = OPT_CHOICE, AT(format), .arg = "F", .choices = formats,
	 .help = "pprof, the default; folded stacks; speedscope; top, as `go tool pprof -top`; "
		 "html, a page with a flame graph; svg, a picture of it"},
	{"limit", 'n', .type = OPT_NUMBER, AT(limit), .arg = "N",
	 .help = "with --format top: the first N functions"},
	{"output", 'o', OPT_STRING, AT(output), .arg = "FILE",
	 .help = "write it there; -: to standard output, the default of all that is text. Default: "
		 "gospy-NAME-PID-cpu-TIME.pb.gz (wall, off), and instead of to a terminal .html or "
		 ".svg"},
	{0},
};

static const struct opt_group record_group = {"What to record, and where to", record_opts};

/* --------------------------------------------------------------------------------- recording --
 */

/* A line that stands on the terminal while it lasts. */
struct line {
	bool enabled;
	uint64_t duration_ns, next_ns;
	int width;
	struct cli *cli;
	bool begun;
};

static void show_line(void *ctx, const struct gospy_recording_info *info)
{
	enum { EVERY_NS = 500 * 1000 * 1000 };
	struct line *line = ctx;
	uint64_t now = clock_mono_ns();
	if (!line->begun && line->cli->verbose)
		cli_note(line->cli, "recording has begun; Ctrl-C ends it");
	line->begun = true;
	if (!line->enabled || now < line->next_ns)
		return;
	line->next_ns = now + EVERY_NS;
	int width = fprintf(stderr,
			    "\rrecording: %s%s%s, %" PRIu64 " samples of %" PRIu64
			    " goroutines, %" PRIu64 " lost; Ctrl-C ends it",
			    units_ms(info->duration_ns).s, line->duration_ns ? " of " : "",
			    line->duration_ns ? units_ms(line->duration_ns).s : "", info->samples,
			    info->goroutines, info->lost);
	if (width > 0 && width < line->width)
		fprintf(stderr, "%*s", line->width - width, "");
	if (width > line->width)
		line->width = width;
	fflush(stderr);
}

static void line_end(struct line *line)
{
	if (line->width)
		fprintf(stderr, "\r%*s\r", line->width, "");
	line->width = 0;
}

static void recording_free(struct gospy_recording **recording)
{
	gospy_recording_destroy(*recording);
}

static enum gospy_code parse_by(const char *by, struct gospy_record_options *how,
				struct gospy_error *err)
{
	static const char label[] = "label=";
	if (!by)
		return GOSPY_OK;
	if (strcmp(by, "goroutine") == 0)
		how->by = GOSPY_RECORD_BY_GOROUTINE;
	else if (strcmp(by, "thread") == 0)
		how->by = GOSPY_RECORD_BY_THREAD;
	else if (strcmp(by, "state") == 0)
		how->by = GOSPY_RECORD_BY_STATE;
	else if (strcmp(by, "reason") == 0)
		how->by = GOSPY_RECORD_BY_REASON;
	else if (strncmp(by, label, sizeof(label) - 1) == 0 && by[sizeof(label) - 1]) {
		how->by = GOSPY_RECORD_BY_LABEL;
		how->label_key = by + sizeof(label) - 1;
	} else
		return err_set(err, GOSPY_E_USAGE,
			       "--by takes goroutine, thread, label=KEY, state or reason, not "
			       "'%.60s'",
			       by);
	return GOSPY_OK;
}

/* Each thread has an event on each processor, and each event a descriptor. */
static void raise_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static enum gospy_record_what what_of(const struct record_options *options)
{
	if (options->off)
		return GOSPY_RECORD_OFF;
	return options->wall ? GOSPY_RECORD_WALL : GOSPY_RECORD_CPU;
}

static enum gospy_code record(struct cli *cli, const struct record_options *options,
			      struct gospy_target *target, struct gospy_recording **ret,
			      struct gospy_error *err)
{
	CLEANUP(ctrl_c_end) struct ctrl_c ctrl_c;
	CLEANUP(line_end)
	struct line line = {
		.enabled = !cli->quiet && !cli->pager.pid && isatty(STDERR_FILENO),
		.duration_ns = options->until == UNTIL_EXIT ? 0 : options->duration_ns,
		.cli = cli,
	};
	struct gospy_record_options how = {
		.size = sizeof(how),
		.rate_hz = options->rate == GOSPY_UNKNOWN ? 0 : (uint32_t)options->rate,
		.duration_ns = options->until == UNTIL_EXIT ? 0 : options->duration_ns,
		.events = options->events,
		.kernel = options->kernel,
		.progress = show_line,
		.ctx = &line,
		.what = what_of(options),
	};
	if (parse_by(options->by, &how, err) || record_at_wait(cli, &options->at, target, err))
		return err->code;
	raise_descriptors();
	ctrl_c_begin(&ctrl_c);
	how.end_fd = ctrl_c.fd;
	return gospy_record(target, &how, ret, err);
}

/* ----------------------------------------------------------------------------------- writing --
 */

static bool write_format(struct out *out, const struct record_options *options,
			 const struct gospy_target_info *target, const struct gospy_profile *cpu,
			 size_t type)
{
	char title[96];
	CLEANUP(strbuf_deinit) struct strbuf bytes = {0};
	snprintf(title, sizeof(title), "%s of %s (%d) over %s", cpu->name, target->comm,
		 (int)target->pid, units_ms((uint64_t)cpu->duration_ns).s);
	switch (options->format) {
	case PROFILE_TEXT:
		break;
	case PROFILE_PPROF:
		if (!pprof_encode_gzip(cpu, PPROF_TOOL, &bytes))
			return false;
		out_write(out, bytes.s, bytes.len);
		break;
	case PROFILE_FOLDED:
		return profile_folded(out, cpu, NULL, 0);
	case PROFILE_SPEEDSCOPE:
		return profile_speedscope(out, cpu, title, type);
	case PROFILE_TOP:
		return profile_top(out, cpu, type, options->limit);
	case PROFILE_HTML:
		return profile_flame_html(out, cpu, NULL, title, target->go_version, type);
	case PROFILE_SVG:
		return profile_flame_svg(out, cpu, NULL, title, target->go_version, type);
	}
	return true;
}

static const char *format_name(enum profile_format format)
{
	const struct opt_choice *choice = formats;
	while (choice->value != (int)format)
		choice++;
	return choice->name;
}

static void note_lines(struct cli *cli, const struct strbuf *lines)
{
	for (const char *line = lines->s; line && *line;) {
		size_t len = strcspn(line, "\n");
		cli_note(cli, "%.*s", (int)len, line);
		line += len + (line[len] != '\0');
	}
}

static const struct gospy_profile *profile_of(const struct gospy_recording *recording)
{
	return recording->cpu ? recording->cpu : recording->wall;
}

/* What there is to say of a recording that was written. Exit status. */
static int note_recording(struct cli *cli, const struct record_options *options,
			  const struct gospy_target_info *target,
			  const struct gospy_recording *recording)
{
	CLEANUP(strbuf_deinit) struct strbuf missing = {0}, details = {0};
	const struct gospy_recording_info *info = recording->info;
	struct gospy_recording_info but_for_end = *info;
	// Its end is what was waited for.
	if (options->until == UNTIL_EXIT && info->ended == GOSPY_RECORD_GONE)
		but_for_end.ended = GOSPY_RECORD_TIME;
	report_record_missing(&but_for_end, &missing);
	note_lines(cli, &missing);
	const struct gospy_profile *profile = profile_of(recording);
	if (profile->note)
		cli_note(cli, "%s", profile->note);
	if (!info->samples)
		cli_note(cli, info->what == GOSPY_RECORD_CPU
				      ? "the process has used no processor time that was sampled"
				      : "the process had no goroutine that counts");
	report_record_details(info, &details);
	if (cli->verbose)
		note_lines(cli, &details);
	int status = shared_note_target(cli, target);
	return missing.len || profile->note ? EXIT_STATUS_PARTIAL : status;
}

static void say_written(struct cli *cli, const struct record_options *options,
			const struct gospy_target_info *target,
			const struct gospy_recording *recording, const struct sink *sink)
{
	const struct gospy_recording_info *info = recording->info;
	const struct record_report report = {
		.pid = target->pid,
		.format = format_name(options->format),
		.file = sink->is_file ? sink->save.path : NULL,
		.bytes = sink->save.bytes,
		.recording = recording,
	};
	if (cli->format != REPORT_TEXT) {
		report_record_json(&report, cli->out);
		return;
	}
	if (!sink->is_file)
		return;
	static const char *const names[] = {"CPU", "wall-clock", "off-CPU"};
	const struct out_mark mark = out_mark(cli->out);
	out_printf(cli->out,
		   "%s: %s profile of process %d over %s: %" PRIu64 " samples of %" PRIu64
		   " goroutines",
		   sink->save.path, names[info->what], (int)target->pid,
		   units_ms(info->duration_ns).s, info->samples, info->goroutines);
	const char *how = profile_opener(options->format);
	if (how) {
		out_puts(cli->out, how);
		out_puts(cli->out, sink->save.path);
	}
	out_putc(cli->out, '\n');
	out_wrap(cli->out, mark);
}

static int write_recording(struct cli *cli, const struct record_options *options,
			   const struct gospy_target_info *target,
			   const struct gospy_recording *recording)
{
	enum { TIME = 1 };
	char path[PROFILE_PATH_SIZE];
	struct gospy_error err;
	CLEANUP(sink_drop) struct sink sink = SINK_NONE;
	const char *output = options->output;
	// A terminal shows a page's source, which nobody wants to read; and JSON is about a file.
	bool is_page = options->format == PROFILE_HTML || options->format == PROFILE_SVG;
	if (!output && (options->format == PROFILE_PPROF || (is_page && cli->out->rows))) {
		bool is_pprof = options->format == PROFILE_PPROF;
		profile_path(target->comm, target->pid, profile_of(recording)->name,
			     is_pprof ? "pb.gz" : format_name(options->format), path);
		output = path;
	}
	if (sink_open(&sink, cli, output, &err))
		return cli_fail(cli, &err);
	if (!write_format(sink.out, options, target, profile_of(recording), TIME)) {
		err_nomem(&err);
		return cli_fail(cli, &err);
	}
	if (sink_end(&sink, &err))
		return cli_fail(cli, &err);
	say_written(cli, options, target, recording, &sink);
	return note_recording(cli, options, target, recording);
}

/* -----------------------------------------------------------------------------------------------
 */

static enum gospy_code check(const struct cli *cli, const struct record_options *options,
			     struct gospy_error *err)
{
	bool is_text = options->format != PROFILE_PPROF;
	bool to_stdout = options->output ? strcmp(options->output, "-") == 0 : is_text;
	if (options->cpu + options->wall + options->off > 1)
		return err_set(err, GOSPY_E_USAGE, "--cpu, --wall and --off: one at a time");
	if ((options->wall || options->off) && (options->kernel || options->events))
		return err_set(err, GOSPY_E_USAGE, "--kernel and --events are for processor time");
	if (record_at_check(&options->at, err))
		return err->code;
	if (!options->rate)
		return err_set(err, GOSPY_E_USAGE, "--rate 0 would record nothing");
	if (options->rate != GOSPY_UNKNOWN && options->rate > RATE_FORCED && !options->force)
		return err_set(err, GOSPY_E_USAGE,
			       "--rate %" PRIu64 " costs the process a few percent: it takes "
			       "--force beyond %d",
			       options->rate, RATE_FORCED);
	if (options->limit && options->format != PROFILE_TOP)
		return err_set(err, GOSPY_E_USAGE, "--limit is for --format top");
	if (to_stdout && cli->format != REPORT_TEXT)
		return err_set(
			err, GOSPY_E_USAGE,
			"standard output is either the profile or JSON about it: name a file "
			"for the profile with -o");
	if (!is_text && options->output && to_stdout && cli->out->rows)
		return err_set(err, GOSPY_E_USAGE,
			       "a terminal shows no profile of pprof: --format top does");
	return GOSPY_OK;
}

static int record_run(struct cli *cli, char **args)
{
	struct record_options options = {.duration_ns = UINT64_C(10000000000),
					 .rate = GOSPY_UNKNOWN};
	struct gospy_record_options unused = {0};
	struct gospy_error err;
	struct which_one one;
	size_t count;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(recording_free) struct gospy_recording *recording = NULL;
	int status = cli_parse(cli, &cmd_record, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	if (check(cli, &options, &err) || parse_by(options.by, &unused, &err) ||
	    which_runtime(cli, &options.target, &args, &count, &one, &err) ||
	    cli_no_more(args, count, &err) ||
	    shared_target_open(&options.target, NULL, &one, &target, &err) ||
	    record(cli, &options, target, &recording, &err))
		return cli_fail(cli, &err);
	return write_recording(cli, &options, gospy_target_info(target), recording);
}

const struct cmd cmd_record = {
	.name = "record",
	.synopsis = "[OPTIONS] PROCESS",
	.summary = "sample where time goes, on and off the processor, without stopping the process",
	.description =
		"The kernel notes registers and a piece of the stack whenever a thread has used "
		"so much processor time (perf events); gospy makes stacks of Go and C of that, "
		"finds the goroutine, and counts. With --wall it looks at what goroutines do, "
		"those that wait, too. Nothing is stopped, no signal is sent. Ctrl-C ends it and "
		"writes what there is.",
	.groups = {&record_group, &core_group, &target_group, &common_group},
	.examples = "gospy record shop\n"
		    "gospy record shop -d 30s --format html -o shop.html\n"
		    "gospy record 4711 -d 5s --format top --limit 20\n"
		    "gospy record shop --at-goroutines 10000 --wall\n"
		    "gospy record shop --off --by reason --format html -o waits.html\n"
		    "gospy record shop --by label=tenant --format svg -o tenants.svg\n"
		    "gospy record shop -o cpu.pb.gz && go tool pprof -http : cpu.pb.gz",
	.pages = true,
	.run = record_run,
};
