#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/progress.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/report_leaks.h"
#include "render/units.h"

struct leaks_options {
	struct snapshot_options snapshot;
	uint64_t watch_ns, limit, max_memory;
	opt_strings ignore, own;
	bool paths;
	const char *ignore_file;
	enum leak_kind fail_on;
};

enum { FAIL_NEVER = LEAK_KINDS };

static const struct opt_choice fail_choices[] = {
	{"proved", LEAK_PROVED}, {"likely", LEAK_LIKELY}, {"growing", LEAK_GROWING}, {0}};

#define AT(member) .offset = offsetof(struct leaks_options, member)

static const struct opt leaks_opts[] = {
	{"watch", .type = OPT_DURATION, AT(watch_ns), .arg = "D", .above_zero = true,
	 .help = "watch for so long first, and show groups of which there are more and more, too"},
	{"path", .type = OPT_FLAG, AT(paths),
	 .help = "what still refers to what they wait for: of each group a path from a root"},
	{"ignore", .type = OPT_STRINGS, AT(ignore), .arg = "REGEX",
	 .help = "not those with a call or a go statement in a function that matches; may be given "
		 "more than once"},
	{"ignore-file", .type = OPT_STRING, AT(ignore_file), .arg = "FILE",
	 .help = "the same for each line of a file; lines that begin with # say nothing"},
	{"fail-on", .type = OPT_CHOICE, AT(fail_on), .arg = "VERDICT", .choices = fail_choices,
	 .help = "exit with 10 if there is one that is proved, at least likely, or at least "
		 "growing"},
	{"limit", 'n', OPT_NUMBER, AT(limit), .arg = "N",
	 .help = "only the first N groups of the text (0: all)"},
	{"max-memory", .type = OPT_NUMBER, AT(max_memory), .arg = "BYTES",
	 .help = "what gospy may use to hold the graph (default: a quarter of what is "
		 "available)"},
	{"own", .type = OPT_STRINGS, AT(own), .arg = "MODULE", .help = OWN_HELP},
	{0},
};

static const struct opt_group leaks_group = {"What to look for", leaks_opts};

typedef VEC(struct pattern) patterns;

static void patterns_free(patterns *list)
{
	for (size_t i = 0; i < list->len; i++)
		pattern_free(&list->at[i]);
	vec_free(list);
}

static enum gospy_code add_pattern(patterns *list, const char *option, const char *text,
				   struct gospy_error *err)
{
	struct pattern pattern = {0};
	enum gospy_code code = shared_compile(option, text, &pattern, err);
	if (!code && !vec_push(list, pattern)) {
		pattern_free(&pattern);
		return err_nomem(err);
	}
	return code;
}

static enum gospy_code add_file(patterns *list, const char *path, struct gospy_error *err)
{
	char line[1024];
	FILE *file = fopen(path, "re");
	enum gospy_code code = GOSPY_OK;
	if (!file)
		return err_os(err, errno, "cannot open %s", path);
	while (!code && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (line[0] && line[0] != '#')
			code = add_pattern(list, "ignore-file", line, err);
	}
	if (!code && ferror(file))
		code = err_os(err, errno, "cannot read %s", path);
	fclose(file);
	return code;
}

static void leaks_free(struct gospy_leaks **leaks)
{
	gospy_leaks_destroy(*leaks);
}

struct request {
	const struct leaks_options *options;
	const struct shared_own *own;
	patterns ignore;
};

/* What is looked at in the end is the last look. */
static enum gospy_code watch(struct cli *cli, const struct leaks_options *options,
			     struct gospy_target *target, struct growth *growth,
			     struct gospy_error *err)
{
	for (unsigned i = 0; i + 1 < GROWTH_LOOKS; i++) {
		CLEANUP(shared_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
		struct gospy_snapshot_options how = {.stacks = true};
		enum gospy_code code =
			shared_take(cli, &options->snapshot, &how, target, &snapshot, err);
		if (!code)
			code = growth_look(growth, snapshot, err);
		if (code)
			return code;
		clock_sleep(options->watch_ns / (GROWTH_LOOKS - 1));
	}
	return GOSPY_OK;
}

struct teller {
	struct cli *cli;
	struct progress progress;
};

static void say_how_long(void *ctx, uint64_t pause_ns, bool made)
{
	struct teller *teller = ctx;
	progress_end(&teller->progress);
	if (made)
		cli_note(teller->cli, "holding the process to prove what was found, for about %s",
			 units_ms(pause_ns).s);
	else
		cli_note(teller->cli,
			 "a proof would hold the process for about %s: longer than --max-pause",
			 units_ms(pause_ns).s);
}

static enum gospy_code find(const struct gospy_leak_options *how, struct gospy_target *target,
			    struct teller *teller, struct gospy_leaks **ret,
			    struct gospy_error *err)
{
	enum gospy_code code = gospy_leaks_find(target, how, ret, err);
	progress_end(&teller->progress);
	return code;
}

static int verdict_of(struct cli *cli, const struct leaks_options *options,
		      const struct gospy_leaks *leaks, const struct leak_groups *groups, int status)
{
	const struct gospy_leak_info *info = gospy_leaks_info(leaks);
	if (info->paused_ns)
		cli_note(cli, "the process was held for %s", units_ms(info->paused_ns).s);
	if (info->not_proved && groups->counts[LEAK_LIKELY])
		cli_note(cli, "nothing could be proved: %s", info->not_proved);
	if (info->unknown)
		cli_note(cli,
			 "%lu goroutine%s began to wait after the heap of the bundle was copied: "
			 "whether anybody can wake them is not known",
			 info->unknown, units_plural(info->unknown));
	if (groups->ignored)
		cli_note(cli, "%lu goroutine%s ignored", groups->ignored,
			 units_plural(groups->ignored));
	if (info->problem) {
		cli_note(cli, "%s: goroutines may be missing", info->problem);
		status = shared_worst(status, EXIT_STATUS_PARTIAL);
	}
	for (int i = (int)options->fail_on; i < LEAK_KINDS; i++) {
		if (groups->counts[i])
			return EXIT_STATUS_CHECK;
	}
	return status;
}

static int show(struct cli *cli, const struct which_one *one, void *ctx)
{
	struct request *request = ctx;
	const struct leaks_options *options = request->options;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(leaks_free) struct gospy_leaks *leaks = NULL;
	CLEANUP(growth_deinit) struct growth growth = {0};
	CLEANUP(leak_groups_deinit) struct leak_groups groups = {0};
	struct gospy_error err;
	if (shared_target_open(&options->snapshot.target, request->own, one, &target, &err))
		return cli_fail(cli, &err);
	bool watches = options->watch_ns && !one->core;
	struct teller teller = {.cli = cli};
	progress_init(&teller.progress, cli);
	const struct gospy_leak_options how = {
		.size = sizeof(how),
		.non_blocking = options->snapshot.non_blocking,
		.max_pause_ns = options->snapshot.max_pause_ns,
		.max_memory = options->max_memory,
		.predicted = say_how_long,
		.predicted_ctx = &teller,
		.progress = progress_update,
		.progress_ctx = &teller.progress,
		.paths = options->paths,
	};
	if ((watches && watch(cli, options, target, &growth, &err)) ||
	    find(&how, target, &teller, &leaks, &err) ||
	    (watches && growth_look(&growth, gospy_leaks_snapshot(leaks), &err)) ||
	    leak_groups_collect(leaks, watches ? &growth : NULL, request->ignore.at,
				request->ignore.len, &groups, &err))
		return cli_fail(cli, &err);
	const struct leaks_report report = {
		.target = gospy_target_info(target),
		.leaks = leaks,
		.groups = &groups,
		.paths = options->paths,
		.watched_ns = watches ? options->watch_ns : 0,
		.limit = options->limit,
	};
	report_leaks(cli->out, &report, cli->format);
	int status = shared_note_target(cli, report.target);
	status = shared_worst(
		shared_note_problems(cli, gospy_snapshot_info(gospy_leaks_snapshot(leaks))),
		status);
	return verdict_of(cli, options, leaks, &groups, status);
}

static int leaks_run(struct cli *cli, char **args)
{
	struct leaks_options options = {.snapshot.max_pause_ns = 1000000000,
					.fail_on = (enum leak_kind)FAIL_NEVER};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_leaks, args, &options, &count);
	CLEANUP(shared_strings_free) opt_strings ignore = options.ignore;
	CLEANUP(shared_strings_free) opt_strings modules = options.own;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(shared_own_deinit) struct shared_own own = {0};
	struct request request = {.options = &options, .own = &own};
	enum gospy_code code = shared_check(&options.snapshot, &err);
	if (!code)
		code = shared_own(&modules, &own, &err);
	for (size_t i = 0; i < ignore.len && !code; i++)
		code = add_pattern(&request.ignore, "ignore", ignore.at[i], &err);
	if (!code && options.ignore_file)
		code = add_file(&request.ignore, options.ignore_file, &err);
	status = code ? cli_fail(cli, &err)
		      : which_each(cli, &options.snapshot.target, args, count, show, &request);
	patterns_free(&request.ignore);
	return status;
}

const struct cmd cmd_leaks = {
	.name = "leaks",
	.synopsis = "[OPTIONS] PROCESS...",
	.summary = "show goroutines that can never run again",
	.description = "A goroutine is leaked if nothing that may run can reach what it waits for: "
		       "a channel, "
		       "a lock, a sync.WaitGroup or sync.Cond. The heap is read while the process "
		       "runs. Then "
		       "the process is held for a moment, whose length is said before, and each is "
		       "proved; "
		       "what is not is likely, and why not is said.",
	.groups = {&leaks_group, &read_group, &core_group, &all_group, &target_group,
		   &common_group},
	.examples = "gospy leaks shop\n"
		    "gospy leaks 4711 --max-pause 50ms\n"
		    "gospy leaks 4711 --non-blocking --json=lines\n"
		    "gospy leaks 4711 --watch 1m --fail-on growing\n"
		    "gospy leaks 4711 --watch 1m --path\n"
		    "gospy leaks core.4711 --bin shop",
	.pages = true,
	.run = leaks_run,
};
