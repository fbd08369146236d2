/* What the subcommands share: common options, targets, errors and notes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/cmd.h"
#include "render/escape.h"
#include "render/report_error.h"

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

#define AT(member) .offset = offsetof(struct common_options, member)

static const struct opt common_opts[] = {
	{"json", .type = OPT_BARE, AT(format), .arg = "lines", .choices = json_choices,
	 .bare = REPORT_JSON, .help = "write JSON: one object, or with =lines one object a line"},
	{"color", .type = OPT_CHOICE, AT(color), .arg = "WHEN", .choices = color_choices,
	 .help = "auto (default), always or never"},
	{"no-color", .type = OPT_BARE, AT(color), .bare = TERM_COLOR_NEVER,
	 .help = "the same as --color never"},
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

/* The first one is about goroutines: read_group begins behind it. */
static const struct opt snapshot_opts[] = {
	{"exact", .type = OPT_FLAG, AT(exact),
	 .help = "read every goroutine while the process is stopped"},
	{"bin", .type = OPT_STRING, AT(bin), .arg = "FILE",
	 .help = "take symbols from this unstripped twin of the program"},
	{"non-blocking", .type = OPT_FLAG, AT(non_blocking),
	 .help = "never stop the process (also: --nonblocking)"},
	{"nonblocking", .type = OPT_FLAG, AT(non_blocking)},
	{"max-pause", .type = OPT_DURATION, AT(max_pause_ns), .arg = "D",
	 .help = "hold the process no longer than this (default 1s)"},
	{0},
};

const struct opt_group common_group = {"Common options", common_opts};
const struct opt_group target_group = {"Target", target_opts};
const struct opt_group snapshot_group = {"Reading the target", snapshot_opts};
const struct opt_group read_group = {"Reading the target", snapshot_opts + 1};

enum report_format cli_early_format(char *const *args)
{
	enum report_format format = REPORT_TEXT;
	for (; *args && strcmp(*args, "--") != 0; args++) {
		if (strcmp(*args, "--json") == 0 || strcmp(*args, "--json=object") == 0)
			format = REPORT_JSON;
		else if (strcmp(*args, "--json=lines") == 0)
			format = REPORT_JSON_LINES;
	}
	return format;
}

int cli_parse(struct cli *cli, const struct cmd *cmd, char **args, void *options, size_t *count_ret)
{
	struct gospy_error err;
	const struct common_options *common = options;
	if (opts_parse(cmd->groups, args, options, count_ret, &err))
		return cli_fail(cli, &err);
	return cli_begin(cli, cmd, common);
}

int cli_begin(struct cli *cli, const struct cmd *cmd, const struct common_options *common)
{
	cli->format = common->format;
	cli->quiet = common->quiet;
	cli->verbose = common->verbose;
	cli->out->color =
		common->format == REPORT_TEXT && term_use_color(common->color, cli->out->fd);
	if (common->help) {
		help_write(cli->out, cmd == &cmd_help ? NULL : cmd);
		return EXIT_STATUS_OK;
	}
	if (common->version) {
		out_printf(cli->out, "gospy %s\n", gospy_version());
		return EXIT_STATUS_OK;
	}
	return CLI_GO_ON;
}

pid_t cli_pid(const struct target_options *options, char ***words, size_t *count,
	      struct gospy_error *err)
{
	pid_t pid = options->pid;
	if (pid)
		return pid;
	if (!*count) {
		err_set(err, GOSPY_E_USAGE, "which process? give its PID; `gospy list` shows them");
	} else if (!opts_pid(**words, &pid)) {
		err_set(err, GOSPY_E_USAGE, "'%s' is not a process id", **words);
	} else {
		(*words)++;
		(*count)--;
	}
	return pid;
}

pid_t cli_target(const struct target_options *options, char ***words, size_t *count,
		 struct gospy_error *err)
{
	if (options->timeout_ns) {
		err_set(err, GOSPY_E_USAGE, "--timeout is for the agent: it goes with --agent");
		return 0;
	}
	if (!options->pid && *count && strchr(**words, ':')) {
		err_set(err, GOSPY_E_USAGE,
			"'%s' is not a process id; only an agent answers at an address: --agent",
			**words);
		return 0;
	}
	return cli_pid(options, words, count, err);
}

enum gospy_code cli_no_more(char *const *words, size_t count, struct gospy_error *err)
{
	return count ? err_set(err, GOSPY_E_USAGE, "unexpected argument '%s'", words[0]) : GOSPY_OK;
}

/* One write, so that lines of several programs do not mix. */
static void stderr_line(const char *prefix, const char *msg)
{
	CLEANUP(strbuf_deinit) struct strbuf line = {0};
	strbuf_puts(&line, prefix);
	escape_add(&line, msg);
	strbuf_putc(&line, '\n');
	if (!line.failed && write(STDERR_FILENO, line.s, line.len) < 0)
		return; // nobody is left to be told
}

int cli_status_of(enum gospy_code code)
{
	switch (code) {
	case GOSPY_OK:
		return EXIT_STATUS_OK;
	case GOSPY_E_PERM:
		return EXIT_STATUS_PERMISSION;
	case GOSPY_E_GONE:
	case GOSPY_E_NOT_GO:
		return EXIT_STATUS_NO_TARGET;
	case GOSPY_E_USAGE:
		return EXIT_STATUS_USAGE;
	case GOSPY_E_NOMEM:
	case GOSPY_E_OS:
	case GOSPY_E_UNSUPPORTED:
	case GOSPY_E_NOT_FOUND:
	case GOSPY_E_FAULT:
	case GOSPY_E_BAD_DATA:
	case GOSPY_E_LIMIT:
	case GOSPY_E_CANCELLED:
		break;
	}
	return EXIT_STATUS_ERROR;
}

int cli_fail(struct cli *cli, const struct gospy_error *err)
{
	int status = cli_status_of(err->code);
	if (cli->format != REPORT_TEXT)
		report_error_json(cli->out, err, status);
	out_flush(cli->out);
	stderr_line("gospy: ", err->msg);
	return status;
}

void cli_note(struct cli *cli, const char *fmt, ...)
{
	if (cli->quiet)
		return;
	CLEANUP_FREE char *msg = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&msg, fmt, ap);
	va_end(ap);
	if (n < 0) {
		msg = NULL;
		return;
	}
	// What was written before comes first where both go to a terminal.
	out_flush(cli->out);
	stderr_line("gospy: note: ", msg);
}
