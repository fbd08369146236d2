#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "tui/batch.h"
#include "tui/screen.h"

struct top_cli_options {
	struct snapshot_options snapshot;
	enum group_key key;
	int sort; /* enum model_column; SORT_DEFAULT: not given */
	const char *func;
	uint64_t refresh_ns, frames, limit;
	bool batch, no_mouse, follow, waits_at;
	opt_strings own;
};

enum { SORT_DEFAULT = -1 };

static const struct opt_choice pc_choices[] = {
	{"start", GROUP_START},
	{"caller", GROUP_CREATOR},
	{"current", GROUP_CURRENT},
	{"user", GROUP_USER},
	{0},
};

static const struct opt_choice key_choices[] = {
	{"start", GROUP_START},     {"creator", GROUP_CREATOR}, {"user", GROUP_USER},
	{"current", GROUP_CURRENT}, {"stack", GROUP_STACK},     {"state", GROUP_STATE},
	{"object", GROUP_OBJECT},   {"label", GROUP_LABEL},     {0},
};

static const struct opt_choice sort_choices[] = {
	{"count", COLUMN_COUNT},   {"delta", COLUMN_DELTA},     {"rate", COLUMN_RATE},
	{"oldest", COLUMN_OLDEST}, {"state", COLUMN_STATE},     {"location", COLUMN_LOCATION},
	{"user", COLUMN_USER},     {"creator", COLUMN_CREATOR}, {0},
};

#define AT(member) .offset = offsetof(struct top_cli_options, member)

static const struct opt top_opts[] = {
	{"refresh", .type = OPT_DURATION, AT(refresh_ns), .arg = "D", .above_zero = true,
	 .help = "time from one sample to the next (default 2s)"},
	{"group", .type = OPT_CHOICE, AT(key), .arg = "KEY", .choices = key_choices,
	 .help = "one row a: start (default), creator, user, current, stack, state, object or "
		 "label"},
	{"pc", .type = OPT_CHOICE, AT(key), .arg = "PLACE", .choices = pc_choices,
	 .help = "the same for places: start, caller, current or user"},
	{"sort", .type = OPT_CHOICE, AT(sort), .arg = "KEY", .choices = sort_choices,
	 .help = "count (default, behind what grows), delta, rate, oldest, state, location, "
		 "user, creator"},
	{"func", .type = OPT_STRING, AT(func), .arg = "REGEX",
	 .help = "only where the shown function matches"},
	{"own", .type = OPT_STRINGS, AT(own), .arg = "MODULE", .help = OWN_HELP},
	{"waits-at", .type = OPT_FLAG, AT(waits_at),
	 .help = "read where they wait even if there are more than 100000"},
	{"follow", .type = OPT_FLAG, AT(follow),
	 .help = "when the process has ended, wait for the one that takes its place"},
	{"no-mouse", .type = OPT_FLAG, AT(no_mouse), .help = "leave the mouse to the terminal"},
	{0},
};

static const struct opt batch_opts[] = {
	{"batch", .type = OPT_FLAG, AT(batch), .help = "write frames of text instead of a screen"},
	{"frames", 'n', OPT_NUMBER, AT(frames), .arg = "N",
	 .help = "end after N frames (default: when the process ends)"},
	{"limit", .type = OPT_NUMBER, AT(limit), .arg = "N",
	 .help = "only the first N rows (0: all)"},
	{0},
};

static const struct opt reading_opts[] = {
	{"pid", 'p', OPT_PID, AT(snapshot.target.pid), .arg = "PID",
	 .help = "the process to look at"},
	{"non-blocking", .type = OPT_FLAG, AT(snapshot.non_blocking),
	 .help = "never stop the process (also: --nonblocking)"},
	{"nonblocking", .type = OPT_FLAG, AT(snapshot.non_blocking)},
	{"max-pause", .type = OPT_DURATION, AT(snapshot.max_pause_ns), .arg = "D",
	 .help = "hold the process no longer than this (default 1s)"},
	{0},
};

static const struct opt_group top_group = {"What to show, and how", top_opts};
static const struct opt_group batch_group = {"Batch mode", batch_opts};
static const struct opt_group reading_group = {"Reading the target", reading_opts};

static void note(void *ctx, const char *text)
{
	cli_note(ctx, "%s", text);
}

static int batch(struct cli *cli, const struct top_cli_options *options,
		 const struct top_options *top)
{
	struct gospy_error err;
	bool partial = false;
	struct batch_options how = {
		.top = top,
		.frames = options->frames,
		.limit = options->limit,
		.format = cli->format,
		.note = note,
		.note_ctx = cli,
	};
	if (batch_run(&how, cli->out, &partial, &err))
		return cli_fail(cli, &err);
	return partial ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
}

static int screen(struct cli *cli, const struct top_options *top)
{
	struct gospy_error err;
	struct app_end end = {0};
	if (app_run(top, &end, &err))
		return cli_fail(cli, &err);
	if (end.error.code)
		return cli_fail(cli, &end.error);
	return end.signal ? EXIT_STATUS_SIGNAL + end.signal : EXIT_STATUS_OK;
}

static enum gospy_code check(const struct top_cli_options *options, struct gospy_error *err)
{
	CLEANUP(pattern_free) struct pattern pattern = {0};
	enum gospy_code code = shared_check(&options->snapshot, err);
	if (code)
		return code;
	return shared_compile("func", options->func, &pattern, err);
}

/* Write frames where a screen cannot be, or is not wanted. */
static bool wants_frames(struct cli *cli, const struct top_cli_options *options)
{
	struct gospy_error err;
	if (options->batch || options->frames || cli->format != REPORT_TEXT)
		return true;
	if (!screen_check(&err))
		return false;
	if (isatty(cli->out->fd))
		cli_note(cli, "%s: frames of text follow", err.msg);
	return true;
}

static int top_run(struct cli *cli, char **args)
{
	struct top_cli_options options = {
		.snapshot.max_pause_ns = 1000000000,
		.refresh_ns = 2000000000,
		.sort = SORT_DEFAULT,
	};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_top, args, &options, &count);
	CLEANUP(shared_strings_free) opt_strings modules = options.own;
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(shared_own_deinit) struct shared_own own = {0};
	if (check(&options, &err) || shared_own(&modules, &own, &err))
		return cli_fail(cli, &err);
	bool frames = wants_frames(cli, &options);
	struct top_options top = {
		.open = {.size = sizeof(top.open),
			 .bin = options.snapshot.target.bin,
			 .root = options.snapshot.target.root,
			 .max_unpacked = options.snapshot.target.max_unpacked,
			 .own = own.paths.at,
			 .own_count = own.paths.len},
		.sampling = {.refresh_ns = options.refresh_ns,
			     .max_pause_ns = options.snapshot.max_pause_ns,
			     .non_blocking = options.snapshot.non_blocking,
			     .key = options.key,
			     .users = options.waits_at ? SAMPLER_USERS_ALL : SAMPLER_USERS_FEW},
		.sort_given = options.sort != SORT_DEFAULT,
		.func = options.func,
		.color = options.snapshot.target.common.color,
		.theme = options.snapshot.target.common.theme,
		.no_mouse = options.no_mouse,
		.follow = options.follow,
	};
	if (top.sort_given)
		top.sort = (enum model_column)options.sort;
	// A screen can ask for the process.
	if (frames || count || options.snapshot.target.pid || options.snapshot.target.core) {
		struct which_one one;
		if (which_runtime(cli, &options.snapshot.target, &args, &count, &one, &err) ||
		    cli_no_more(args, count, &err))
			return cli_fail(cli, &err);
		top.pid = one.pid;
		top.core = one.core;
		// Frames tell which process they are of, and it may become another.
		cli->about = 0;
	}
	return frames ? batch(cli, &options, &top) : screen(cli, &top);
}

const struct cmd cmd_top = {
	.name = "top",
	.aliases = {"t"},
	.synopsis = "[OPTIONS] [PROCESS]",
	.summary = "watch which goroutines grow, where they were started and what they wait for",
	.description = "Without a process a list of the Go processes asks for one. Press h for the "
		       "keys. What has grown steadily since the first sample, or since the mark "
		       "that m sets, or for five minutes, comes first. Where there is no terminal, "
		       "or with --json, frames are written one after another.",
	.groups = {&top_group, &batch_group, &reading_group, &core_group, &common_group},
	.examples = "gospy top\n"
		    "gospy top shop\n"
		    "gospy top --follow shop\n"
		    "gospy top 4711 --non-blocking --refresh 5s\n"
		    "gospy top 4711 --group object --sort oldest\n"
		    "gospy top 4711 --batch -n 30 --json=lines",
	.run = top_run,
};
