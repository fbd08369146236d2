#include "cli/completion_fish.h"

#include <stdio.h>

#include "cli/completion.h"
#include "cli/shared_opts.h"

static void quoted(struct out *out, const char *s)
{
	out_putc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'' || *s == '\\')
			out_putc(out, '\\');
		out_putc(out, *s);
	}
	out_putc(out, '\'');
}

static void argument(struct out *out, const struct opt *opt)
{
	const char *taken = opt->type == OPT_BARE ? "" : " -x";
	switch (completion_arg(opt)) {
	case COMPLETION_NOTHING:
		break;
	case COMPLETION_ANY:
		out_puts(out, " -x");
		break;
	case COMPLETION_FILE:
		out_puts(out, " -r -F");
		break;
	case COMPLETION_PID:
		out_puts(out, " -x -a '(__gospy_pids)'");
		break;
	case COMPLETION_CHOICE:
		out_printf(out, "%s -a '", taken);
		for (const struct opt_choice *choice = opt->choices; choice->name; choice++)
			out_printf(out, "%s%s", choice == opt->choices ? "" : " ", choice->name);
		out_putc(out, '\'');
		break;
	}
}

static void options(struct out *out, const struct opt_group *group, const char *condition)
{
	for (const struct opt *opt = group->opts; opt->name; opt++) {
		if (!opt->help)
			continue;
		out_printf(out, "complete -c gospy%s -l %s", condition, opt->name);
		if (opt->letter)
			out_printf(out, " -s %c", opt->letter);
		out_puts(out, " -d ");
		quoted(out, opt->help);
		argument(out, opt);
		out_putc(out, '\n');
	}
}

static const char *operand(const struct cmd *cmd)
{
	switch (cmd->operand) {
	case CMD_OPERAND_PID:
		return "(__gospy_pids) (__gospy_names)";
	case CMD_OPERAND_PID_OFF:
		return "(__gospy_pids) (__gospy_names) off";
	case CMD_OPERAND_NONE:
		return NULL;
	case CMD_OPERAND_COMMAND:
		return "$__gospy_commands";
	case CMD_OPERAND_SHELL:
		return "bash zsh fish";
	}
	return NULL;
}

static void command(struct out *out, const struct cmd *cmd)
{
	char condition[OUT_RESERVE_MAX];
	size_t len = (size_t)snprintf(condition, sizeof(condition),
				      " -n '__fish_seen_subcommand_from %s", cmd->name);
	for (const char *const *alias = cmd->aliases; *alias && len < sizeof(condition); alias++)
		len += (size_t)snprintf(condition + len, sizeof(condition) - len, " %s", *alias);
	if (len < sizeof(condition))
		snprintf(condition + len, sizeof(condition) - len, "'");
	out_printf(out, "complete -c gospy -n __gospy_needs_command -a %s -d ", cmd->name);
	quoted(out, cmd->summary);
	out_putc(out, '\n');
	for (const struct opt_group *const *group = cmd->groups; *group; group++) {
		if (*group != &common_group)
			options(out, *group, condition);
	}
	if (operand(cmd))
		out_printf(out, "complete -c gospy%s -a \"%s\"\n", condition, operand(cmd));
}

void completion_fish(struct out *out, const struct cmd *const *cmds)
{
	out_puts(out,
		 "# Completes the command line of gospy in fish; from `gospy completion fish`.\n"
		 "function __gospy_pids\n"
		 "\tcommand gospy list -q 2>/dev/null |\n"
		 "\t\tstring replace -r '^(\\d+) +\\d+ +' '$1\\t'\n"
		 "end\n"
		 "function __gospy_names\n"
		 "\tcommand gospy list -q 2>/dev/null |\n"
		 "\t\tstring replace -rf '^\\d+ +\\d+ +([\\w.+-]*[a-zA-Z_.+-][\\w.+-]*)\\*? +go.*' "
		 "'$1\\tGo program' |\n"
		 "\t\tsort -u\n"
		 "end\n"
		 "set -g __gospy_commands");
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++)
		out_printf(out, " %s", (*cmd)->name);
	out_puts(out, "\n"
		      "set -g __gospy_words");
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++) {
		out_printf(out, " %s", (*cmd)->name);
		for (const char *const *alias = (*cmd)->aliases; *alias; alias++)
			out_printf(out, " %s", *alias);
	}
	out_puts(
		out,
		"\n"
		"function __gospy_needs_command\n"
		"\tnot __fish_seen_subcommand_from $__gospy_words\n"
		"end\n"
		"complete -c gospy -f\n"
		"complete -c gospy -n __gospy_needs_command -a '(__gospy_pids) (__gospy_names)'\n");
	options(out, &common_group, "");
	options(out, &target_group, " -n __gospy_needs_command");
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++)
		command(out, *cmd);
}
