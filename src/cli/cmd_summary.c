#include "base/cleanup.h"
#include "base/error.h"
#include "cli/look.h"
#include "render/report_summary.h"

struct summary_options {
	struct snapshot_options snapshot;
	enum select_pc pc;
	enum select_sort sort;
	bool group, system, dead;
	uint32_t states;
	const char *func, *created_by;
	opt_strings labels;
	uint64_t min_wait_ns, limit;
};

static const struct opt_choice pc_choices[] = {
	{"start", SELECT_PC_START},
	{"caller", SELECT_PC_CALLER},
	{"current", SELECT_PC_CURRENT},
	{"user", SELECT_PC_USER},
	{0},
};

static const struct opt_choice sort_choices[] = {
	{"goid", SELECT_SORT_GOID},
	{"wait", SELECT_SORT_WAIT},
	{"state", SELECT_SORT_STATE},
	{"location", SELECT_SORT_LOCATION},
	{0},
};

#define AT(member) .offset = offsetof(struct summary_options, member)

static const struct opt summary_opts[] = {
	{"pc", .type = OPT_CHOICE, AT(pc), .arg = "PLACE", .choices = pc_choices,
	 .help = "place to show: start (default), caller, current or user"},
	{"group", .type = OPT_FLAG, AT(group), .help = "one line for each place, largest first"},
	{"sort", .type = OPT_CHOICE, AT(sort), .arg = "KEY", .choices = sort_choices,
	 .help = "goid (default), wait (longest first), state or location"},
	{"state", .type = OPT_CHOICES, AT(states), .arg = "S[,S]", .choices = look_states,
	 .help = "only these states: waiting, running, syscall, runnable, ..."},
	{"func", .type = OPT_STRING, AT(func), .arg = "REGEX",
	 .help = "only where the shown function matches"},
	{"created-by", .type = OPT_STRING, AT(created_by), .arg = "REGEX",
	 .help = "only those whose go statement is in a function that matches"},
	{"min-wait", .type = OPT_DURATION, AT(min_wait_ns), .arg = "D",
	 .help = "only those known to wait at least this long"},
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
	select->states = options->states;
	// Who asks for dead ones wants to see them.
	if (select->states & (1u << GOSPY_STATUS_DEAD | 1u << GOSPY_STATUS_DEADEXTRA))
		select->dead = true;
}

static int show(struct cli *cli, const struct summary_options *options, struct select *select,
		pid_t pid)
{
	struct gospy_error err;
	CLEANUP(look_target_close) struct gospy_target *target = NULL;
	CLEANUP(look_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
	struct gospy_open_options open = {.size = sizeof(open), .bin = options->snapshot.bin};
	bool json_entries = cli->format != REPORT_TEXT && !options->group;
	struct gospy_snapshot_options how = {
		.channels = !options->group,
		.figures = true,
		.labels = json_entries || select->label_count,
		.stacks = json_entries || options->pc == SELECT_PC_USER,
	};
	if (gospy_target_open_pid(pid, &open, &target, &err) ||
	    look_take(cli, &options->snapshot, &how, target, &snapshot, &err))
		return cli_fail(cli, &err);
	struct summary summary = {
		.target = gospy_target_info(target),
		.snapshot = snapshot,
		.select = select,
		.group = options->group,
		.limit = options->limit,
	};
	if (cli->verbose)
		summary.provenance = gospy_target_provenance(target, &summary.provenance_count);
	if (report_summary(cli->out, &summary, cli->format, &err))
		return cli_fail(cli, &err);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	if (summary.target->note)
		cli_note(cli, "%s", summary.target->note);
	if (cli->verbose)
		look_note_details(cli, target, info);
	return look_note_problems(cli, info);
}

static int summary_run(struct cli *cli, char **args)
{
	struct summary_options options = {.snapshot.max_pause_ns = 1000000000};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_summary, args, &options, &count);
	CLEANUP(look_strings_free) opt_strings labels = options.labels;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(look_filters_free) struct look_filters filters = {0};
	CLEANUP(select_deinit) struct select select = {0};
	pid_t pid = cli_target(&options.snapshot.target, &args, &count, &err);
	set_filters(&options, &select);
	if (!pid || cli_no_more(args, count, &err) || look_check(&options.snapshot, &err) ||
	    look_filters(options.func, options.created_by, &labels, &filters, &select, &err))
		return cli_fail(cli, &err);
	return show(cli, &options, &select, pid);
}

const struct cmd cmd_summary = {
	.name = "summary",
	.aliases = {"s"},
	.synopsis = "[OPTIONS] PID",
	.summary = "show scheduler, heap, threads and every goroutine of a process",
	.groups = {&summary_group, &snapshot_group, &target_group, &common_group},
	.examples = "gospy summary 4711\n"
		    "gospy summary 4711 --group --pc current\n"
		    "gospy summary 4711 --state waiting --min-wait 10m --sort wait\n"
		    "gospy summary 4711 --non-blocking --json=lines",
	.run = summary_run,
};
