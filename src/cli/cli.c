#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/help.h"
#include "render/escape.h"
#include "render/report_error.h"
#include "render/wrap.h"

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
	cli->out->theme = term_theme(common->theme);
	if (common->format == REPORT_TEXT)
		term_size(cli->out->fd, &cli->out->rows, &cli->out->cols);
	cli->out->utf8 = cli->out->cols && term_is_utf8();
	if (!common->no_pager && (!cmd || cmd->pages || common->help))
		pager_offer(&cli->pager, cli->out);
	if (common->help) {
		help_write(cli->out, cli->cmds, cmd);
		return EXIT_STATUS_OK;
	}
	if (common->version) {
		out_printf(cli->out, "gospy %s\n", gospy_version());
		return EXIT_STATUS_OK;
	}
	return CLI_GO_ON;
}

enum gospy_code cli_no_more(char *const *words, size_t count, struct gospy_error *err)
{
	return count ? err_set(err, GOSPY_E_USAGE,
			       "unexpected argument '%s'; --help shows what is expected", words[0])
		     : GOSPY_OK;
}

bool cli_for_people(const struct cli *cli)
{
	return cli->format == REPORT_TEXT && cli->out->cols;
}

/* Does the message say which process it is about? */
static bool names(const char *msg, pid_t pid)
{
	char pid_text[24], process_text[24];
	snprintf(pid_text, sizeof(pid_text), "pid %d", (int)pid);
	snprintf(process_text, sizeof(process_text), "process %d", (int)pid);
	return strstr(msg, pid_text) || strstr(msg, process_text);
}

/* The line goes out in one write, so that lines of several programs do not mix. On a terminal it is
 * broken between words. */
static void stderr_line(struct cli *cli, const char *prefix, const char *msg)
{
	CLEANUP(strbuf_deinit) struct strbuf line = {0};
	CLEANUP(strbuf_deinit) struct strbuf wrapped = {0};
	int rows, cols;
	strbuf_puts(&line, prefix);
	if (cli->about && !names(msg, cli->about))
		strbuf_printf(&line, "pid %d: ", (int)cli->about);
	escape_add(&line, msg);
	strbuf_putc(&line, '\n');
	if (line.failed)
		return;
	term_size(STDERR_FILENO, &rows, &cols);
	if (cols)
		wrap_lines(&wrapped, line.s, line.len, cols, cli->out->utf8);
	const struct strbuf *shown = cols && !wrapped.failed ? &wrapped : &line;
	pager_line(&cli->pager, shown->s, shown->len);
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
		report_error_json(cli->out, err, cli->about, status);
	out_flush(cli->out);
	stderr_line(cli, "gospy: ", err->msg);
	if (cli->choices.len && !cli->choices.failed)
		pager_line(&cli->pager, cli->choices.s, cli->choices.len);
	strbuf_deinit(&cli->choices);
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
	// Where both streams go to a terminal, what was written before comes first.
	out_flush(cli->out);
	stderr_line(cli, "gospy: note: ", msg);
}
