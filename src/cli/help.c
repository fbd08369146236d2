#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "cli/shared_opts.h"

enum {
	COLUMNS = 80,
	/* Width of the words that are explained; two blanks stand on either side. */
	OPTION_WIDTH = 24,
	COMMAND_WIDTH = 12,
	/* Where an explanation begins that stands below them. */
	BELOW_INDENT = 10,
};

/* A wider terminal has no longer lines: these are read most easily. */
static size_t line_width(const struct out *out)
{
	return out->cols && out->cols < COLUMNS ? (size_t)out->cols : COLUMNS;
}

/* The words of `text`, the first at column `at`, broken into lines that begin at `indent`. */
static void wrapped(struct out *out, size_t at, size_t indent, const char *text)
{
	for (bool first = true; *text; first = false) {
		size_t len = strcspn(text, " \n");
		bool breaks = !first && at + 1 + len > line_width(out);
		if (breaks)
			out_printf(out, "\n%*s", (int)indent, "");
		else if (!first)
			out_putc(out, ' ');
		at = breaks ? indent + len : at + len + !first;
		out_write(out, text, len);
		text += len + (text[len] != '\0');
	}
	out_putc(out, '\n');
}

/* Lines for COLUMNS, which are laid out anew where there are fewer. */
static void paragraph(struct out *out, const char *lines)
{
	if (line_width(out) < COLUMNS)
		wrapped(out, 0, 0, lines);
	else
		out_printf(out, "%s\n", lines);
}

/* The explanation stands beside the words if that leaves it half of the line, else below them. */
static void row(struct out *out, size_t width, const char *left, const char *help)
{
	size_t indent = 2 + width + 2;
	if (indent > line_width(out) / 2) {
		indent = BELOW_INDENT;
		out_printf(out, "  %s\n%*s", left, BELOW_INDENT, "");
	} else {
		out_printf(out, "  %-*s  ", (int)width, left);
	}
	wrapped(out, indent, indent, help);
}

static void option_line(struct out *out, const struct opt *opt)
{
	char left[64];
	char letter[4] = {'-', opt->letter, ',', '\0'};
	const char *before = !opt->arg ? "" : opt->type == OPT_BARE ? "[=" : " ";
	snprintf(left, sizeof(left), "%3s --%s%s%s%s", opt->letter ? letter : "", opt->name, before,
		 opt->arg ? opt->arg : "", opt->arg && opt->type == OPT_BARE ? "]" : "");
	row(out, OPTION_WIDTH, left, opt->help);
}

static void group_lines(struct out *out, const struct opt_group *group)
{
	out_printf(out, "\n%s:\n", group->title);
	for (const struct opt *opt = group->opts; opt->name; opt++) {
		if (opt->help)
			option_line(out, opt);
	}
}

static void names_line(struct out *out, const struct cmd *cmd)
{
	if (!cmd->aliases[0])
		return;
	out_puts(out, "\nAlso called:");
	for (const char *const *alias = cmd->aliases; *alias; alias++)
		out_printf(out, "%s %s", alias == cmd->aliases ? "" : ",", *alias);
	out_putc(out, '\n');
}

static void indented(struct out *out, const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");
		out_puts(out, "  ");
		out_write(out, lines, len);
		out_putc(out, '\n');
		lines += len + (lines[len] == '\n');
	}
}

static void command_write(struct out *out, const struct cmd *cmd)
{
	out_printf(out, "gospy %s: ", cmd->name);
	wrapped(out, strlen("gospy : ") + strlen(cmd->name), 2, cmd->summary);
	out_printf(out, "\nUsage: gospy %s %s\n", cmd->name, cmd->synopsis);
	names_line(out, cmd);
	if (cmd->description) {
		out_putc(out, '\n');
		wrapped(out, 0, 0, cmd->description);
	}
	for (const struct opt_group *const *group = cmd->groups; *group; group++)
		group_lines(out, *group);
	if (cmd->examples) {
		out_puts(out, "\nExamples:\n");
		indented(out, cmd->examples);
	}
}

static void overview_write(struct out *out, const struct cmd *const *cmds)
{
	paragraph(out, "gospy shows what running Go processes are doing, from outside: no agent,\n"
		       "no change to the program, no restart.");
	out_puts(out, "\nUsage:\n");
	row(out, OPTION_WIDTH, "gospy", "list the Go processes of this machine");
	row(out, OPTION_WIDTH, "gospy PROCESS [DURATION]", "information about a process");
	out_puts(out, "  gospy COMMAND [OPTIONS] [PROCESS]\n\n");
	paragraph(out,
		  "PROCESS is a PID, a name (shop), an executable (./shop), a port that it "
		  "listens\n"
		  "on (:8080), a service (shop.service), or the beginning of a container's id. To\n"
		  "most commands it may be a core file as well.");
	out_puts(out, "\nCommands:\n");
	for (; *cmds; cmds++)
		row(out, COMMAND_WIDTH, (*cmds)->name, (*cmds)->summary);
	group_lines(out, &common_group);
	out_putc(out, '\n');
	paragraph(out, "Exit status: 0 complete, 1 error, 2 usage, 3 permission denied, 4 no such\n"
		       "process or not a Go process, 5 shown but some of it could not be read,\n"
		       "10 a check that was asked for has failed.");
	out_putc(out, '\n');
	paragraph(out, "`gospy help COMMAND` tells more, gospy(1) everything.");
}

void help_write(struct out *out, const struct cmd *const *cmds, const struct cmd *cmd)
{
	const struct out_mark mark = out_mark(out);
	if (cmd)
		command_write(out, cmd);
	else
		overview_write(out, cmds);
	out_wrap(out, mark);
}
