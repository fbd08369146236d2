#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/save.h"
#include "cli/progress.h"
#include "cli/shared.h"
#include "cli/when.h"
#include "cli/which.h"
#include "render/json.h"
#include "render/units.h"

struct capture_options {
	struct snapshot_options snapshot;
	const char *output;
	int redact; /* enum gospy_redaction */
	bool labels, plain, sockets, native, heap;
	uint64_t every_ns, keep, max_memory;
	const char *when;
};

static const struct opt_choice redact_choices[] = {
	{"pointers", GOSPY_REDACT_POINTERS},
	{"none", GOSPY_REDACT_NONE},
	{0},
};

#define AT(member) .offset = offsetof(struct capture_options, member)

static const struct opt capture_opts[] = {
	{"output", 'o', OPT_STRING, AT(output), .arg = "FILE",
	 .help = "the file to write; - is standard output (default: gospy-NAME-PID-TIME.core.zst)"},
	{"redact", .type = OPT_CHOICE, AT(redact), .arg = "WHAT", .choices = redact_choices,
	 .help = "of stacks keep only addresses: pointers (default); or all of them: none"},
	{"labels", .type = OPT_FLAG, AT(labels), .help = "with the texts of profiler labels"},
	{"sockets", .type = OPT_FLAG, AT(sockets),
	 .help = "with what descriptors are: addresses of sockets, who has the other end, paths"},
	{"native", .type = OPT_FLAG, AT(native),
	 .help = "with the stacks of C code (cgo); threads that sleep are stopped, too"},
	{"heap", .type = OPT_FLAG, AT(heap),
	 .help = "with the objects of the heap that may have pointers, for gospy heap and gospy "
		 "leaks; "
		 "how large they are is said before"},
	{"max-memory", .type = OPT_NUMBER, AT(max_memory), .arg = "BYTES",
	 .help = "with --heap: what gospy may use meanwhile (default: a quarter of what is "
		 "available)"},
	{"plain", .type = OPT_FLAG, AT(plain),
	 .help = "an ELF core file that is not packed, which gdb and delve open as it is"},
	{"every", .type = OPT_DURATION, AT(every_ns), .arg = "D", .above_zero = true,
	 .help = "one each D until the process ends; -o names a folder for them"},
	{"when", .type = OPT_STRING, AT(when), .arg = "CONDITION",
	 .help = "one whenever this becomes true: 'goroutines>N', 'rss>SIZE' or 'wait>D'; it is "
		 "looked at each --every (default 10s)"},
	{"keep", .type = OPT_NUMBER, AT(keep), .arg = "N",
	 .help = "with --every or --when: only the last N files (default 10)"},
	{0},
};

static const struct opt_group capture_group = {"What to keep, and where", capture_opts};

static void capture_destroy(struct gospy_capture **capture)
{
	gospy_capture_destroy(*capture);
}

enum { DEFAULT_PATH_SIZE = 192 };

static void default_path(const struct gospy_target_info *info, bool plain,
			 char path[DEFAULT_PATH_SIZE])
{
	char name[64], stamp[SAVE_STAMP_SIZE];
	snprintf(name, sizeof(name), "%s", info->comm);
	for (char *c = name; *c; c++) {
		bool fits = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			    (*c >= '0' && *c <= '9') || strchr("._-", *c);
		*c = fits ? *c : '_';
	}
	save_stamp(stamp);
	snprintf(path, DEFAULT_PATH_SIZE, "gospy-%s-%d-%s.core%s", name, (int)info->pid, stamp,
		 plain ? "" : ".zst");
}

static void write_json(struct cli *cli, const struct gospy_target_info *target,
		       const struct gospy_capture_info *info, const char *path)
{
	struct json json = {.out = cli->out};
	json_begin(&json, "capture");
	json_u64(&json, "pid", (uint64_t)target->pid);
	json_str(&json, "file", path);
	json_u64(&json, "bytes", info->bytes);
	json_u64(&json, "pages", info->pages);
	json_u64(&json, "goroutines", info->goroutines);
	json_u64(&json, "time_unix_ns", info->time_unix_ns);
	json_u64(&json, "paused_ns", info->paused_ns);
	json_u64(&json, "stopped_threads", info->stopped_threads);
	json_str(&json, "not_stopped", info->not_stopped);
	json_u64(&json, "moved", info->moved);
	json_u64(&json, "torn", info->torn);
	json_u64(&json, "late", info->late);
	json_u64(&json, "unreadable", info->unreadable);
	json_str(&json, "problem", info->problem);
	json_u64(&json, "heap_bytes", info->heap_bytes);
	json_bool(&json, "heap_instant", info->heap_instant);
	json_str(&json, "left_out", info->left_out);
	json_object_end(&json);
	json_newline(&json);
}

static void write_line(struct cli *cli, const struct gospy_target_info *target,
		       const struct gospy_capture_info *info, const char *path)
{
	struct out *out = cli->out;
	out_printf(out, "%s: %s, %" PRIu64 " goroutine%s of ", path, units_bytes(info->bytes).s,
		   info->goroutines, units_plural(info->goroutines));
	out_text(out, target->comm);
	if (target->kind != GOSPY_TARGET_PROCESS)
		out_putc(out, '\n');
	else if (info->stopped_threads)
		out_printf(out, " (pid %d), paused %s\n", (int)target->pid,
			   units_ms(info->paused_ns).s);
	else
		out_printf(out, " (pid %d), nothing stopped\n", (int)target->pid);
	if (info->heap_bytes)
		out_printf(out, "with %s of the heap, %s\n", units_bytes(info->heap_bytes).s,
			   info->heap_instant ? "of the same instant"
					      : "copied while the process ran");
	out_puts(out, "look at it with: gospy ");
	out_puts(out, path);
	out_printf(out, "\nleft out: %s\n", info->left_out);
}

/* What is missing or inexact; the exit status. */
static int note_problems(struct cli *cli, const struct gospy_capture_info *info)
{
	if (info->not_stopped)
		cli_note(cli, "it was read without a stop: %s", info->not_stopped);
	if (info->torn || info->late || info->unreadable)
		cli_note(cli,
			 "some goroutines are not exact, and marked: %" PRIu64 " torn, %" PRIu64
			 " read after the stop, %" PRIu64 " unreadable",
			 info->torn, info->late, info->unreadable);
	if (info->problem)
		cli_note(cli, "%s", info->problem);
	bool partial = info->torn || info->late || info->unreadable || info->problem;
	return partial ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
}

static void say_how_large(void *ctx, uint64_t bytes, uint64_t pause_ns)
{
	struct cli *cli = ctx;
	if (pause_ns)
		cli_note(cli,
			 "the heap adds up to %s, which will be packed; the process is held for "
			 "about %s",
			 units_bytes(bytes).s, units_ms(pause_ns).s);
	else
		cli_note(cli, "the heap adds up to %s, which will be packed", units_bytes(bytes).s);
}

static enum gospy_code take_it(struct cli *cli, const struct capture_options *options,
			       struct gospy_target *target, struct gospy_capture **ret,
			       struct gospy_error *err)
{
	CLEANUP(progress_end) struct progress progress;
	progress_init(&progress, cli);
	const struct gospy_capture_options how = {
		.size = sizeof(how),
		.non_blocking = options->snapshot.non_blocking,
		.max_pause_ns = options->snapshot.max_pause_ns,
		.redact = (enum gospy_redaction)options->redact,
		.labels = options->labels,
		.sockets = options->sockets,
		.native = options->native,
		.heap = options->heap,
		.max_memory = options->max_memory,
		.heap_expected = say_how_large,
		.heap_expected_ctx = cli,
		.progress = progress_update,
		.progress_ctx = &progress,
	};
	return gospy_capture_take(target, &how, ret, err);
}

/* Whoever may look into the process may not be everybody. */
static enum gospy_code make_private(const struct save *save, struct gospy_error *err)
{
	bool is_new = save->dir >= 0 && !save->replaces;
	return is_new && fchmod(save->fd, S_IRUSR | S_IWUSR)
		       ? err_os(err, errno, "cannot make %s private", save->path)
		       : GOSPY_OK;
}

/* One bundle of the target; `*code_ret` is that of the failure, which was told. */
static int capture_once(struct cli *cli, const struct capture_options *options,
			struct gospy_target *target, const char *path, enum gospy_code *code_ret)
{
	struct gospy_error err = {0};
	CLEANUP(capture_destroy) struct gospy_capture *capture = NULL;
	CLEANUP(save_drop) struct save save = SAVE_NONE;
	const struct gospy_target_info *info = gospy_target_info(target);
	// The file first: if there can be none, the process need not be read.
	if (save_begin(&save, path, &err) || make_private(&save, &err) ||
	    take_it(cli, options, target, &capture, &err) ||
	    gospy_capture_write(capture, save.fd, options->plain, &err)) {
		*code_ret = err.code;
		return err.code == GOSPY_E_GONE && options->every_ns ? EXIT_STATUS_OK
								     : cli_fail(cli, &err);
	}
	const struct gospy_capture_info *captured = gospy_capture_info(capture);
	save.bytes = captured->bytes;
	*code_ret = save_end(&save, &err);
	if (*code_ret)
		return cli_fail(cli, &err);
	int status = shared_worst(note_problems(cli, captured), shared_note_target(cli, info));
	if (*save.path && cli->format == REPORT_TEXT)
		write_line(cli, info, captured, save.path);
	else if (*save.path)
		write_json(cli, info, captured, save.path);
	return status;
}

/* ---- again and again */

/* The files that were written, oldest first; the names are owned. */
struct series {
	VEC(char *) paths;
};

static void series_deinit(struct series *series)
{
	for (size_t i = 0; i < series->paths.len; i++)
		free(series->paths.at[i]);
	vec_free(&series->paths);
}

/* Of the files of this run the oldest ones go. */
static bool series_add(struct series *series, const char *path, uint64_t keep)
{
	char *copy = strdup(path);
	if (!copy || !vec_push(&series->paths, copy)) {
		free(copy);
		return false;
	}
	while (series->paths.len > keep) {
		unlink(series->paths.at[0]);
		free(series->paths.at[0]);
		series->paths.len--;
		memmove(series->paths.at, series->paths.at + 1,
			series->paths.len * sizeof(*series->paths.at));
	}
	return true;
}

static void series_path(const struct capture_options *options, const struct gospy_target_info *info,
			char path[PATH_MAX])
{
	char name[DEFAULT_PATH_SIZE];
	default_path(info, options->plain, name);
	snprintf(path, PATH_MAX, "%s%s%s", options->output ? options->output : "",
		 options->output ? "/" : "", name);
}

/* Until the process ends, which is no failure. With a condition it is the moment in which that
 * becomes true that counts. */
static int capture_series(struct cli *cli, const struct capture_options *options,
			  const struct when *when, struct gospy_target *target)
{
	CLEANUP(series_deinit) struct series series = {0};
	struct gospy_error err;
	bool was = false;
	for (;; clock_sleep(options->every_ns)) {
		char path[PATH_MAX];
		bool is = true;
		uint64_t value;
		enum gospy_code code = when ? when_look(when, target, &is, &value, &err) : GOSPY_OK;
		if (code == GOSPY_E_GONE)
			return EXIT_STATUS_OK;
		if (code)
			return cli_fail(cli, &err);
		bool due = is && !(when && was);
		was = is;
		if (!due)
			continue;
		series_path(options, gospy_target_info(target), path);
		int status = capture_once(cli, options, target, path, &code);
		if (code)
			return status;
		if (!series_add(&series, path, options->keep)) {
			err_nomem(&err);
			return cli_fail(cli, &err);
		}
		if (!out_flush(cli->out))
			return EXIT_STATUS_OK;
	}
}

static int capture_and_write(struct cli *cli, const struct capture_options *options,
			     const struct when *when, const struct which_one *one)
{
	char path[DEFAULT_PATH_SIZE];
	struct gospy_error err;
	enum gospy_code code;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	if (shared_target_open(&options->snapshot.target, NULL, one, &target, &err))
		return cli_fail(cli, &err);
	if (options->every_ns)
		return capture_series(cli, options, when, target);
	default_path(gospy_target_info(target), options->plain, path);
	return capture_once(cli, options, target, options->output ? options->output : path, &code);
}

static enum gospy_code check(struct cli *cli, struct capture_options *options,
			     const struct which_one *one, struct when *when,
			     struct gospy_error *err)
{
	enum { EVERY_NS = 1000 * 1000 * 1000, KEEP = 10 };
	bool to_stdout = options->output && strcmp(options->output, "-") == 0;
	if (options->when && when_parse(options->when, when, err))
		return err->code;
	if (to_stdout && cli->format != REPORT_TEXT)
		return err_set(err, GOSPY_E_USAGE,
			       "standard output is either the bundle or JSON about it: name a file "
			       "for the bundle with -o");
	if (!options->every_ns && !options->when)
		return options->keep ? err_set(err, GOSPY_E_USAGE,
					       "--keep is for the files of --every or --when")
				     : GOSPY_OK;
	if (one->core || to_stdout)
		return err_set(err, GOSPY_E_USAGE,
			       one->core ? "nothing happens in a core file: --every and --when are "
					   "for processes"
					 : "--every and --when write files: -o names a folder");
	options->keep = options->keep ? options->keep : KEEP;
	if (!options->every_ns)
		options->every_ns = UINT64_C(10) * EVERY_NS;
	return GOSPY_OK;
}

static int capture_run(struct cli *cli, char **args)
{
	struct capture_options options = {.snapshot.max_pause_ns = 1000000000};
	struct which_one one;
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_capture, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	if (options.max_memory && !options.heap) {
		err_set(&err, GOSPY_E_USAGE, "--max-memory is for the heap: with --heap");
		return cli_fail(cli, &err);
	}
	struct when when = {0};
	if (which_runtime(cli, &options.snapshot.target, &args, &count, &one, &err) ||
	    cli_no_more(args, count, &err) || shared_check(&options.snapshot, &err) ||
	    check(cli, &options, &one, &when, &err))
		return cli_fail(cli, &err);
	return capture_and_write(cli, &options, options.when ? &when : NULL, &one);
}

const struct cmd cmd_capture = {
	.name = "capture",
	.aliases = {"bundle"},
	.synopsis = "[OPTIONS] PROCESS",
	.summary = "keep what gospy reads of a process in a small file, to look at it elsewhere",
	.description =
		"The file is a core file with no more than that, and every command that takes a "
		"process takes it. It needs no executable. It has no environment, no command line, "
		"of stacks only addresses, and none of the texts of labels. Of a core file, also "
		"of one that comes through a pipe, it makes a small one.",
	.groups = {&capture_group, &read_group, &core_group, &target_group, &common_group},
	.examples = "gospy capture shop\n"
		    "gospy capture 4711 -o night.core.zst && gospy top night.core.zst\n"
		    "gospy capture 4711 -o - | ssh desk 'cat >shop.core.zst'\n"
		    "gospy capture shop --when 'goroutines>10000' --keep 3 -o /var/tmp\n"
		    "gospy capture core.4711 -o small.core.zst\n"
		    "coredumpctl dump 4711 | gospy capture - -o small.core.zst",
	.run = capture_run,
};
