#include "base/cleanup.h"
#include "base/error.h"
#include "cli/matches.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/census.h"
#include "render/report_summary.h"

struct summary_options {
	struct snapshot_options snapshot;
	enum select_pc pc;
	enum select_sort sort;
	bool group, waits_at, system, dead;
	const char *func, *created_by;
	opt_strings states, labels, own;
	uint64_t min_wait_ns, for_ns, limit;
};

static const struct opt_choice pc_choices[] = {
	{"start", SELECT_PC_START},
	{"caller", SELECT_PC_CALLER},
	{"current", SELECT_PC_CURRENT},
	{"user", SELECT_PC_USER},
	{0},
};

#define AT(member) .offset = offsetof(struct summary_options, member)

static const struct opt summary_opts[] = {
	{"pc", .type = OPT_CHOICE, AT(pc), .arg = "PLACE", .choices = pc_choices,
	 .help = "place to show: start (default), caller, current or user"},
	{"waits-at", .type = OPT_FLAG, AT(waits_at),
	 .help = "say where in the user's own code they are, too (default on a terminal)"},
	{"own", .type = OPT_STRINGS, AT(own), .arg = "MODULE", .help = OWN_HELP},
	{"group", .type = OPT_FLAG, AT(group), .help = "one line for each place, largest first"},
	{"sort", .type = OPT_CHOICE, AT(sort), .arg = "KEY", .choices = shared_sorts,
	 .help = "goid (default; groups: their size), wait (longest first), state or location"},
	{"state", .type = OPT_STRINGS, AT(states), .arg = "S[,S]", .choices = shared_states,
	 .help = "only these states (waiting, running, syscall, ...) or reasons to wait ('IO "
		 "wait')"},
	{"func", .type = OPT_STRING, AT(func), .arg = "REGEX",
	 .help = "only where the shown function matches"},
	{"created-by", .type = OPT_STRING, AT(created_by), .arg = "REGEX",
	 .help = "only those whose go statement is in a function that matches"},
	{"min-wait", .type = OPT_DURATION, AT(min_wait_ns), .arg = "D",
	 .help = "only those known to wait at least this long"},
	{"for", .type = OPT_DURATION, AT(for_ns), .arg = "D", .above_zero = true,
	 .help = "only those that do not move for so long: look, wait, look again"},
	{"label", .type = OPT_STRINGS, AT(labels), .arg = "K[=V]",
	 .help = "only those with this profiler label; may be given more than once"},
	{"limit", .type = OPT_NUMBER, AT(limit), .arg = "N",
	 .help = "only the first N lines (0: all)"},
	{"system", .type = OPT_FLAG, AT(system), .help = "show the runtime's own, too"},
	{"dead", .type = OPT_FLAG, AT(dead), .help = "show dead ones, too"},
	{0},
};

static const struct opt_group summary_group = {"Which goroutines, and how", summary_opts};

static void set_filters(const struct summary_options *options, struct select *select)
{
	select->pc = options->pc;
	select->sort = options->sort;
	select->system = options->system;
	select->dead = options->dead;
	select->min_wait_ns = options->min_wait_ns;
}

/* Are those with the lowest goids shown, whatever they do? */
static bool is_plain(const struct select *select, uint64_t for_ns)
{
	return !for_ns && select->sort == SELECT_SORT_GOID && !select->states &&
	       !select->reason_count && !select->min_wait_ns && !select->func &&
	       !select->created_by && !select->label_count;
}

static const char func_hint[] =
	"--func looks at the place that --pc chooses, and in `gospy stack` at all calls";

/* What the user wants to see, of whichever process. */
struct request {
	const struct summary_options *options;
	const struct shared_own *own;
	const struct shared_filters *filters;
	struct select select; /* to be copied: it remembers what it has matched in one process */
};

static int show(struct cli *cli, const struct which_one *one, void *ctx)
{
	const struct request *request = ctx;
	const struct summary_options *options = request->options;
	const struct shared_own *own = request->own;
	const struct shared_filters *filters = request->filters;
	CLEANUP(select_deinit) struct select select = request->select;
	struct gospy_error err;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(shared_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
	bool json_entries = cli->format != REPORT_TEXT && !options->group;
	bool asked = json_entries || options->waits_at || options->pc == SELECT_PC_USER ||
		     options->pc == SELECT_PC_CURRENT;
	bool terminal = cli->format == REPORT_TEXT && cli->out->cols;
	struct gospy_snapshot_options how = {
		.objects = !options->group,
		.objects_picked = true,
		.object_limit = is_plain(&select, options->for_ns) ? options->limit : 0,
		.sockets = true,
		.figures = true,
		.labels = json_entries || select.label_count,
		.stacks = asked || terminal,
		.stack_limit = asked ? 0 : CENSUS_STACKS_FEW,
		.stack_states = shared_stack_states(&select),
	};
	CLEANUP(still_deinit) struct still still = {0};
	if (shared_target_open(&options->snapshot.target, own, one, &target, &err) ||
	    shared_take_after(cli, &options->snapshot, options->for_ns, &how, target, &still,
			      &snapshot, &err))
		return cli_fail(cli, &err);
	select.still = options->for_ns ? &still : NULL;
	struct summary summary = {
		.target = gospy_target_info(target),
		.snapshot = snapshot,
		.select = &select,
		.group = options->group,
		.waits_at = options->waits_at || terminal,
		.limit = options->limit,
		.details = cli->verbose,
		.watched_ns = options->for_ns,
	};
	if (cli->verbose)
		summary.provenance = gospy_target_provenance(target, &summary.provenance_count);
	if (report_summary(cli->out, &summary, cli->format, &err))
		return cli_fail(cli, &err);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	int status = shared_note_target(cli, summary.target);
	matches_note(cli, &(struct matches){.snapshot = snapshot,
					    .in_file = summary.target->kind != GOSPY_TARGET_PROCESS,
					    .select = &select,
					    .for_ns = options->for_ns,
					    .matching = summary.matching,
					    .func_hint = func_hint});
	if (cli->verbose)
		shared_note_details(cli, target, info);
	status = shared_worst(shared_note_problems(cli, info), status);
	return shared_worst(status, shared_note_filters(cli, filters));
}

static int summary_run(struct cli *cli, char **args)
{
	struct summary_options options = {.snapshot.max_pause_ns = 1000000000};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_summary, args, &options, &count);
	CLEANUP(shared_strings_free) opt_strings states = options.states;
	CLEANUP(shared_strings_free) opt_strings labels = options.labels;
	CLEANUP(shared_strings_free) opt_strings modules = options.own;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(shared_filters_free) struct shared_filters filters = {0};
	CLEANUP(shared_own_deinit) struct shared_own own = {0};
	struct request request = {.options = &options, .own = &own, .filters = &filters};
	set_filters(&options, &request.select);
	if (shared_check(&options.snapshot, &err) || shared_own(&modules, &own, &err) ||
	    shared_state_filter(&states, &filters, &request.select, &err) ||
	    shared_filters(options.func, options.created_by, &labels, &filters, &request.select,
			   &err))
		return cli_fail(cli, &err);
	// A user who asks for dead goroutines wants to see them.
	if (request.select.states & (1u << GOSPY_STATUS_DEAD | 1u << GOSPY_STATUS_DEADEXTRA))
		request.select.dead = true;
	return which_each(cli, &options.snapshot.target, args, count, show, &request);
}

const struct cmd cmd_summary = {
	.name = "summary",
	.aliases = {"s"},
	.synopsis = "[OPTIONS] PROCESS...",
	.summary = "show scheduler, heap, threads and every goroutine of a process",
	.groups = {&summary_group, &snapshot_group, &core_group, &all_group, &target_group,
		   &common_group},
	.examples = "gospy summary shop\n"
		    "gospy summary 4711 --group --pc current\n"
		    "gospy summary 4711 --state waiting --min-wait 10m --sort wait\n"
		    "gospy summary --all shop --group\n"
		    "gospy summary 4711 --non-blocking --json=lines",
	.pages = true,
	.run = summary_run,
};
