#include "cli/shared_opts.h"

static const struct opt_choice json_choices[] = {
	{"object", REPORT_JSON},
	{"lines", REPORT_JSON_LINES},
	{0},
};

static const struct opt_choice color_choices[] = {
	{"auto", TERM_COLOR_AUTO},
	{"always", TERM_COLOR_ALWAYS},
	{"never", TERM_COLOR_NEVER},
	{0},
};

static const struct opt_choice theme_choices[] = {
	{"auto", TERM_THEME_AUTO},
	{"dark", TERM_THEME_DARK},
	{"light", TERM_THEME_LIGHT},
	{"plain", TERM_THEME_PLAIN},
	{0},
};

#define AT(member) .offset = offsetof(struct common_options, member)

static const struct opt common_opts[] = {
	{"json", .type = OPT_BARE, AT(format), .arg = "lines", .choices = json_choices,
	 .bare = REPORT_JSON, .help = "write JSON: one object, or with =lines one object a line"},
	{"color", .type = OPT_CHOICE, AT(color), .arg = "WHEN", .choices = color_choices,
	 .help = "auto (default), always or never"},
	{"no-color", .type = OPT_BARE, AT(color), .bare = TERM_COLOR_NEVER,
	 .help = "the same as --color never"},
	{"theme", .type = OPT_CHOICE, AT(theme), .arg = "NAME", .choices = theme_choices,
	 .help = "colours for a dark or light background, or plain (default: as the terminal is)"},
	{"no-pager", .type = OPT_FLAG, AT(no_pager), .help = "no pager on a terminal"},
	{"quiet", 'q', OPT_FLAG, AT(quiet), .help = "no notes and no progress"},
	{"verbose", 'v', OPT_FLAG, AT(verbose), .help = "say more"},
	{"help", 'h', OPT_FLAG, AT(help), .help = "show this help"},
	{"version", .type = OPT_FLAG, AT(version), .help = "show the version of gospy"},
	{0},
};

#undef AT
#define AT(member) .offset = offsetof(struct snapshot_options, member)

static const struct opt target_opts[] = {
	{"pid", 'p', OPT_PID, AT(target.pid), .arg = "PID", .help = "the process to look at"},
	{0},
};

/* core_rest_group leaves out the first one. */
static const struct opt core_opts[] = {
	{"bin", .type = OPT_STRING, AT(target.bin), .arg = "FILE",
	 .help = "the program, or an unstripped twin of it to take symbols from"},
	{"core", .type = OPT_STRING, AT(target.core), .arg = "FILE",
	 .help = "look at a core file or bundle (also: --bundle), not at a process; - is standard "
		 "input; its name alone will do"},
	{"bundle", .type = OPT_STRING, AT(target.core)},
	{"root", .type = OPT_STRING, AT(target.root), .arg = "DIR",
	 .help = "of a core: look for the files of the process below this directory"},
	{"max-unpacked", .type = OPT_NUMBER, AT(target.max_unpacked), .arg = "BYTES",
	 .help = "of a packed core: what it may become (default: what fits on the disk)"},
	{0},
};

static const struct opt all_opts[] = {
	{"all", .type = OPT_FLAG, AT(target.all),
	 .help = "all processes that the word fits, one after the other"},
	{0},
};

/* The first one is about goroutines: read_group begins behind it. */
static const struct opt snapshot_opts[] = {
	{"exact", .type = OPT_FLAG, AT(exact),
	 .help = "read every goroutine while the process is stopped"},
	{"non-blocking", .type = OPT_FLAG, AT(non_blocking),
	 .help = "never stop the process (also: --nonblocking)"},
	{"nonblocking", .type = OPT_FLAG, AT(non_blocking)},
	{"max-pause", .type = OPT_DURATION, AT(max_pause_ns), .arg = "D",
	 .help = "hold the process no longer than this (default 1s)"},
	{0},
};

const struct opt_group common_group = {"Common options", common_opts};
const struct opt_group target_group = {"Target", target_opts};
const struct opt_group core_group = {"Files", core_opts};
const struct opt_group core_rest_group = {"Files", core_opts + 1};
const struct opt_group all_group = {"Several processes", all_opts};
const struct opt_group snapshot_group = {"Reading the target", snapshot_opts};
const struct opt_group read_group = {"Reading the target", snapshot_opts + 1};
