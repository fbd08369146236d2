#include <inttypes.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/agent.h"
#include "cli/matches.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/report_threads.h"

struct stack_options {
	struct snapshot_options snapshot;
	opt_numbers goids;
	opt_strings states, labels, own;
	int sort; /* enum select_sort, or NOT_SORTED */
	bool group, running, system, no_args, threads, native;
	const char *func, *created_by;
	uint64_t min_wait_ns, for_ns, depth;
};

enum { NOT_SORTED = -1 };

#define AT(member) .offset = offsetof(struct stack_options, member)

static const struct opt stack_opts[] = {
	{"goid", .type = OPT_NUMBERS, AT(goids), .arg = "N[,N]",
	 .help = "only these goroutines; may be given more than once"},
	{"running", .type = OPT_FLAG, AT(running),
	 .help = "only those on a thread: running, or in a system call; looks at no others"},
	{"group", .type = OPT_FLAG, AT(group), .help = "identical stacks once, the largest first"},
	{"sort", .type = OPT_CHOICE, AT(sort), .arg = "KEY", .choices = shared_sorts,
	 .help = "goid (groups: their size), wait (longest first), state or location"},
	{"state", .type = OPT_STRINGS, AT(states), .arg = "S[,S]", .choices = shared_states,
	 .help = "only these states (waiting, running, syscall, ...) or reasons to wait ('IO "
		 "wait')"},
	{"func", .type = OPT_STRING, AT(func), .arg = "REGEX",
	 .help = "only stacks with a function that matches"},
	{"created-by", .type = OPT_STRING, AT(created_by), .arg = "REGEX",
	 .help = "only those whose go statement is in a function that matches"},
	{"min-wait", .type = OPT_DURATION, AT(min_wait_ns), .arg = "D",
	 .help = "only those known to wait at least this long"},
	{"own", .type = OPT_STRINGS, AT(own), .arg = "MODULE", .help = OWN_HELP},
	{"for", .type = OPT_DURATION, AT(for_ns), .arg = "D", .above_zero = true,
	 .help = "only those that do not move for so long: look, wait, look again"},
	{"label", .type = OPT_STRINGS, AT(labels), .arg = "K[=V]",
	 .help = "only those with this profiler label; may be given more than once"},
	{"depth", .type = OPT_NUMBER, AT(depth), .arg = "N",
	 .help = "only the innermost N calls of each stack"},
	{"no-args", .type = OPT_FLAG, AT(no_args), .help = "do not show the calls' arguments"},
	{"system", .type = OPT_FLAG, AT(system),
	 .help = "show the runtime's own goroutines and calls, too"},
	{"native", .type = OPT_FLAG, AT(native),
	 .help = "show the C code that goroutines have called (cgo), too"},
	{"threads", .type = OPT_FLAG, AT(threads),
	 .help = "the threads of the process instead, and what each does"},
	{0},
};

static const struct opt_group stack_group = {"Which goroutines, and how", stack_opts};

static void numbers_free(opt_numbers *numbers)
{
	vec_free(numbers);
}

static int note_stacks(struct cli *cli, const struct stack_report *report)
{
	if (report->problems)
		cli_note(cli, "%" PRIu64 " %s could not be read to %s end", report->problems,
			 report->problems == 1 ? "stack" : "stacks",
			 report->problems == 1 ? "its" : "their");
	if (report->missing)
		cli_note(cli, "%" PRIu64 " %s could not be read", report->missing,
			 report->missing == 1 ? "stack" : "stacks");
	int status = shared_note_problems(cli, gospy_snapshot_info(report->snapshot));
	return report->problems || report->missing ? EXIT_STATUS_PARTIAL : status;
}

static enum gospy_code check_threads(const struct stack_options *options, struct gospy_error *err)
{
	if (!options->threads ||
	    !(options->goids.len || options->labels.len || options->group || options->states.len ||
	      options->func || options->created_by || options->min_wait_ns || options->for_ns ||
	      options->running || options->sort != NOT_SORTED))
		return GOSPY_OK;
	return err_set(err, GOSPY_E_USAGE,
		       "--threads shows all threads: --goid, --running, --group, --sort, --state, "
		       "--func, --created-by, --min-wait, --for and --label do not go with it");
}

static enum gospy_code check_choice(const struct stack_options *options,
				    const struct which_one *one, struct gospy_error *err)
{
	if (options->native && options->snapshot.non_blocking && !one->core)
		return err_set(err, GOSPY_E_USAGE,
			       "--native takes the registers of the threads, and so a stop: try it "
			       "without --non-blocking");
	if (options->native && options->group)
		return err_set(err, GOSPY_E_USAGE,
			       "--native shows what each thread is in: --group does not go with "
			       "it");
	if (options->running && options->for_ns)
		return err_set(err, GOSPY_E_USAGE,
			       "--for shows who does not move: --running does not go with it");
	return GOSPY_OK;
}

static int show(struct cli *cli, const struct stack_options *options, const struct shared_own *own,
		struct select *select, const struct shared_filters *filters,
		const struct which_one *one)
{
	struct gospy_error err;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(shared_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
	struct gospy_snapshot_options how = {
		.stacks = options->native || !options->threads,
		.threads = options->threads,
		.native = options->native,
		.labels = true,
		// A traceback in a pipe, as the runtime prints it, has no room for it.
		.objects = options->group || cli->format != REPORT_TEXT || cli->out->cols,
		.objects_picked = true,
		.sockets = true,
		.arguments = !options->no_args && !options->group,
		.system = options->system,
		.stack_goids = options->goids.at,
		.stack_goid_count = options->goids.len,
		.stack_states = shared_stack_states(select),
		.scope = options->running ? GOSPY_SCOPE_RUNNING : GOSPY_SCOPE_ALL,
	};
	CLEANUP(still_deinit) struct still still = {0};
	if (shared_target_open(&options->snapshot.target, own, one, &target, &err) ||
	    shared_take_after(cli, &options->snapshot, options->for_ns, &how, target, &still,
			      &snapshot, &err))
		return cli_fail(cli, &err);
	select->still = options->for_ns ? &still : NULL;
	struct stack_report report = {
		.target = gospy_target_info(target),
		.snapshot = snapshot,
		.select = select,
		.goids = options->goids.at,
		.goid_count = options->goids.len,
		.group = options->group,
		.sorted = options->sort != NOT_SORTED,
		.all_frames = options->system,
		.depth = options->depth,
		.watched_ns = options->for_ns,
	};
	if (options->threads ? report_threads(cli->out, &report, cli->format, &err)
			     : report_stacks(cli->out, &report, cli->format, &err))
		return cli_fail(cli, &err);
	int status = shared_note_target(cli, report.target);
	if (!options->threads)
		matches_note(cli, &(struct matches){.snapshot = snapshot,
						    .in_file = report.target->kind !=
							       GOSPY_TARGET_PROCESS,
						    .select = select,
						    .goids = &options->goids,
						    .running = options->running,
						    .for_ns = options->for_ns,
						    .matching = report.shown});
	if (cli->verbose)
		shared_note_details(cli, target, gospy_snapshot_info(snapshot));
	status = shared_worst(note_stacks(cli, &report), status);
	return shared_worst(status, shared_note_filters(cli, filters));
}

static int stack_run(struct cli *cli, char **args)
{
	struct stack_options options = {.snapshot.max_pause_ns = 1000000000, .sort = NOT_SORTED};
	struct gospy_error err;
	size_t count;
	if (agent_wanted(args))
		return agent_run(cli, &cmd_stack, GOSPY_AGENT_STACK, args);
	int status = cli_parse(cli, &cmd_stack, args, &options, &count);
	CLEANUP(numbers_free) opt_numbers goids = options.goids;
	CLEANUP(shared_strings_free) opt_strings states = options.states;
	CLEANUP(shared_strings_free) opt_strings labels = options.labels;
	CLEANUP(shared_strings_free) opt_strings modules = options.own;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(shared_filters_free) struct shared_filters filters = {0};
	CLEANUP(shared_own_deinit) struct shared_own own = {0};
	CLEANUP(select_deinit)
	struct select select = {.pc = SELECT_PC_CURRENT,
				.sort = options.sort == NOT_SORTED ? SELECT_SORT_GOID
								   : (enum select_sort)options.sort,
				.system = options.system,
				.min_wait_ns = options.min_wait_ns};
	struct which_one one;
	if (which_runtime(cli, &options.snapshot.target, &args, &count, &one, &err) ||
	    cli_no_more(args, count, &err) || shared_check(&options.snapshot, &err) ||
	    check_threads(&options, &err) || check_choice(&options, &one, &err) ||
	    shared_own(&modules, &own, &err) ||
	    shared_state_filter(&states, &filters, &select, &err) ||
	    shared_filters(options.func, options.created_by, &labels, &filters, &select, &err))
		return cli_fail(cli, &err);
	return show(cli, &options, &own, &select, &filters, &one);
}

const struct cmd cmd_stack = {
	.name = "stack",
	.synopsis = "[OPTIONS] PROCESS",
	.summary = "show the stacks of all goroutines, as the runtime prints them",
	.groups = {&stack_group, &snapshot_group, &core_group, &agent_group, &target_group,
		   &common_group},
	.examples = "gospy stack shop\n"
		    "gospy stack 4711 --group\n"
		    "gospy stack 4711 --running\n"
		    "gospy stack 4711 --goid 18,33 --system\n"
		    "gospy stack 4711 --group --label handler=/search\n"
		    "gospy stack 4711 --state waiting --min-wait 10m --func 'net/http'\n"
		    "gospy stack 4711 --group --for 1s\n"
		    "gospy stack 4711 --group --sort wait\n"
		    "gospy stack 4711 --threads --native\n"
		    "gospy stack 4711 --non-blocking --json=lines",
	.pages = true,
	.run = stack_run,
};
