#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/gather.h"
#include "check/looks.h"
#include "check/report_check.h"
#include "cli/progress.h"
#include "cli/shared.h"
#include "cli/which.h"

struct check_options {
	struct snapshot_options snapshot;
	uint64_t for_ns, max_memory;
	bool stop, no_wait;
	opt_strings ignore, own;
};

#define AT(member) .offset = offsetof(struct check_options, member)

static const struct opt check_opts[] = {
	{"for", .type = OPT_DURATION, AT(for_ns), .arg = "D",
	 .help = "watch for so long (default 1s; 0: look once): what grows takes a minute to show"},
	{"watch", .type = OPT_DURATION, AT(for_ns), .arg = "D", .help = "the same as --for"},
	{"no-wait", .type = OPT_FLAG, AT(no_wait), .help = "look once: the same as --for 0"},
	{"stop", .type = OPT_FLAG, AT(stop),
	 .help = "it may be held for up to a second, so that leaks can be proved"},
	{"max-pause", .type = OPT_DURATION, AT(snapshot.max_pause_ns), .arg = "D",
	 .above_zero = true,
	 .help = "hold the process no longer than this (default 1ms; with --stop 1s)"},
	{"non-blocking", .type = OPT_FLAG, AT(snapshot.non_blocking),
	 .help = "never stop the process (also: --nonblocking)"},
	{"nonblocking", .type = OPT_FLAG, AT(snapshot.non_blocking)},
	{"ignore", .type = OPT_STRINGS, AT(ignore), .arg = "REGEX",
	 .help = "no leaks are those with a call or a go statement in a function that matches; may "
		 "be given more than once"},
	{"max-memory", .type = OPT_NUMBER, AT(max_memory), .arg = "BYTES",
	 .help = "what gospy may use to hold the graph of the heap (default: a quarter of what is "
		 "available)"},
	{"own", .type = OPT_STRINGS, AT(own), .arg = "MODULE", .help = OWN_HELP},
	{0},
};

static const struct opt_group check_group = {"How to look", check_opts};

enum {
	DEFAULT_FOR_NS = 1000000000,
	STOP_NS = 1000000000,
	SHORT_NS = 1000000,
};

struct request {
	const struct check_options *options;
	const struct shared_own *own;
	struct pattern *ignore;
	size_t ignore_count;
	bool wrong; /* of any of several */
};

static void looks_free(struct looks **looks)
{
	if (*looks)
		looks_deinit(*looks);
	free(*looks);
}

static enum gospy_code look(struct cli *cli, const struct request *request,
			    struct gospy_target *target, struct looks *ret, struct gospy_error *err)
{
	const struct check_options *options = request->options;
	CLEANUP(progress_end) struct progress progress;
	progress_init(&progress, cli);
	const struct looks_options how = {
		.non_blocking = options->snapshot.non_blocking,
		.max_pause_ns = options->snapshot.max_pause_ns,
		.for_ns = options->no_wait ? 0 : options->for_ns,
		.large = options->stop,
		.max_memory = options->max_memory,
		.progress = progress_update,
		.progress_ctx = &progress,
	};
	return looks_take(target, &how, ret, err);
}

static int show(struct cli *cli, const struct which_one *one, void *ctx)
{
	struct request *request = ctx;
	struct gospy_error err;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(looks_free) struct looks *looks = calloc(1, sizeof(*looks));
	CLEANUP(facts_deinit) struct facts facts = {0};
	CLEANUP(check_deinit) struct check check = {0};
	char word[16];
	snprintf(word, sizeof(word), "%d", (int)one->pid);
	if (!looks) {
		err_nomem(&err);
		return cli_fail(cli, &err);
	}
	if (shared_target_open(&request->options->snapshot.target, request->own, one, &target,
			       &err) ||
	    look(cli, request, target, looks, &err) ||
	    gather(looks, one->core ? one->core : word, request->ignore, request->ignore_count,
		   &facts, &err) ||
	    check_run(&facts, &check, &err))
		return cli_fail(cli, &err);
	const struct check_report report = {
		.target = gospy_target_info(target),
		.snapshot = gospy_snapshot_info(looks->last),
		.facts = &facts,
		.check = &check,
	};
	report_check(cli->out, &report, cli->format);
	int status = shared_note_target(cli, report.target);
	if (cli->verbose)
		shared_note_details(cli, target, report.snapshot);
	status = shared_worst(shared_note_problems(cli, report.snapshot), status);
	request->wrong |= check.wrong != 0;
	return check.wrong ? EXIT_STATUS_CHECK : status;
}

static void set_pause(struct check_options *options)
{
	uint64_t *max_ns = &options->snapshot.max_pause_ns;
	if (!*max_ns)
		*max_ns = options->stop ? STOP_NS : SHORT_NS;
}

static int check_command(struct cli *cli, char **args)
{
	struct check_options options = {.for_ns = DEFAULT_FOR_NS};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_check, args, &options, &count);
	CLEANUP(shared_strings_free) opt_strings ignore = options.ignore;
	CLEANUP(shared_strings_free) opt_strings modules = options.own;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(shared_own_deinit) struct shared_own own = {0};
	struct pattern *patterns CLEANUP_FREE = calloc(ignore.len + 1, sizeof(*patterns));
	struct request request = {.options = &options, .own = &own, .ignore = patterns};
	set_pause(&options);
	enum gospy_code code = patterns ? shared_check(&options.snapshot, &err) : err_nomem(&err);
	if (!code && options.stop && options.snapshot.non_blocking)
		code = err_set(&err, GOSPY_E_USAGE, "--stop does not go with --non-blocking");
	if (!code)
		code = shared_own(&modules, &own, &err);
	for (size_t i = 0; i < ignore.len && !code; i++) {
		code = shared_compile("ignore", ignore.at[i], &patterns[i], &err);
		request.ignore_count += !code;
	}
	status = code ? cli_fail(cli, &err)
		      : which_each(cli, &options.snapshot.target, args, count, show, &request);
	for (size_t i = 0; i < request.ignore_count; i++)
		pattern_free(&patterns[i]);
	return request.wrong ? EXIT_STATUS_CHECK : status;
}

const struct cmd cmd_check = {
	.name = "check",
	.synopsis = "[OPTIONS] PROCESS...",
	.summary = "say what is wrong with a process, the worst first",
	.description =
		"Deadlocks, leaked goroutines, locks that many wait for, requests without an "
		"answer, "
		"descriptors, threads or memory that run out, "
		"a garbage collector that takes the processors, threads that the kernel does not "
		"let "
		"go, and what grows: each with the evidence, and the command that shows more. The "
		"exit status is 10 if something is wrong. What is only worth a look does not "
		"count, "
		"and what was not looked at is said.",
	.groups = {&check_group, &core_group, &all_group, &target_group, &common_group},
	.examples = "gospy check shop\n"
		    "gospy check --stop 4711\n"
		    "gospy check --for 1m 4711\n"
		    "gospy check --all shop --json=lines\n"
		    "gospy check core.4711",
	.pages = true,
	.run = check_command,
};
