#include "cli/completion_zsh.h"

#include <string.h>

#include "cli/completion.h"
#include "cli/shared_opts.h"

/* Text between single quotes, in a specification of _arguments or _describe, where colons and
 * brackets mean something. */
static void quoted(struct out *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\'')
			out_puts(out, "'\\'");
		else if (*s == ':' || *s == '[' || *s == ']' || *s == '\\')
			out_putc(out, '\\');
		out_putc(out, *s);
	}
}

/* ":message:action" of what an option takes. */
static void argument(struct out *out, const struct opt *opt)
{
	const enum completion_arg arg = completion_arg(opt);
	if (arg == COMPLETION_NOTHING)
		return;
	out_puts(out, opt->type == OPT_BARE ? "::" : ":");
	quoted(out, opt->arg ? opt->arg : "");
	out_putc(out, ':');
	if (arg == COMPLETION_FILE)
		out_puts(out, "_files");
	else if (arg == COMPLETION_PID)
		out_puts(out, "_gospy_pids");
	else if (arg == COMPLETION_CHOICE) {
		for (const struct opt_choice *choice = opt->choices; choice->name; choice++)
			out_printf(out, "%s%s", choice == opt->choices ? "(" : " ", choice->name);
		out_putc(out, ')');
	}
}

static void option(struct out *out, const struct opt *opt, char letter)
{
	const char *end = opt->type == OPT_BARE ? "=-" : letter ? "+" : "=";
	out_puts(out, "\t\t'*");
	if (letter)
		out_printf(out, "-%c", letter);
	else
		out_printf(out, "--%s", opt->name);
	out_puts(out, completion_arg(opt) == COMPLETION_NOTHING ? "" : end);
	out_putc(out, '[');
	quoted(out, opt->help);
	out_putc(out, ']');
	argument(out, opt);
	out_puts(out, "' \\\n");
}

static void options(struct out *out, const struct opt_group *const *groups)
{
	out_puts(out, "_arguments -s -S \\\n");
	for (; *groups; groups++) {
		for (const struct opt *opt = (*groups)->opts; opt->name; opt++) {
			if (!opt->help)
				continue;
			option(out, opt, 0);
			if (opt->letter)
				option(out, opt, opt->letter);
		}
	}
}

static const char *operand(const struct cmd *cmd)
{
	switch (cmd->operand) {
	case CMD_OPERAND_PID:
		return "'*:process:_gospy_processes'";
	case CMD_OPERAND_PID_OFF:
		return "'1:process:_gospy_processes' '2:percentage:(off)'";
	case CMD_OPERAND_NONE:
		return "'*: :()'";
	case CMD_OPERAND_COMMAND:
		return "':command:_gospy_commands'";
	case CMD_OPERAND_SHELL:
		return "':shell:(bash zsh fish)'";
	}
	return "'*: :()'";
}

static void command_case(struct out *out, const struct cmd *cmd)
{
	out_printf(out, "\t%s", cmd->name);
	for (const char *const *alias = cmd->aliases; *alias; alias++)
		out_printf(out, "|%s", *alias);
	out_puts(out, ")\n\t\t");
	options(out, cmd->groups);
	out_printf(out, "\t\t%s\n\t\t;;\n", operand(cmd));
}

void completion_zsh(struct out *out, const struct cmd *const *cmds)
{
	static const struct opt_group *const common[] = {&common_group, &target_group, NULL};
	out_puts(out, "#compdef gospy\n"
		      "# Completes the command line of gospy in zsh; from `gospy completion zsh`.\n"
		      "_gospy_pids()\n{\n"
		      "\tlocal -a pids\n"
		      "\tpids=(${(f)\"$(_call_program pids gospy list -q 2>/dev/null |\n"
		      "\t\tsed 's/:/\\\\:/g; s/^\\([0-9]*\\)  *[0-9]*  */\\1:/')\"})\n"
		      "\t_describe -V 'Go process' pids\n"
		      "}\n"
		      "_gospy_names()\n{\n"
		      "\tlocal -aU names\n"
		      "\tnames=(${(f)\"$(_call_program names gospy list -q 2>/dev/null |\n"
		      "\t\tsed -n 's/^[0-9]*  *[0-9]*  *\\([A-Za-z0-9._+-]*\\)\\*\\{0,1\\}  "
		      "*go.*/\\1/p')\"})\n"
		      "\t_describe -V 'Go program' names\n"
		      "}\n"
		      "_gospy_processes()\n{\n"
		      "\t_alternative 'pids:PID:_gospy_pids' 'names:name:_gospy_names'\n"
		      "}\n"
		      "_gospy_commands()\n{\n"
		      "\tlocal -a commands\n"
		      "\tcommands=(\n");
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++) {
		out_printf(out, "\t\t'%s:", (*cmd)->name);
		quoted(out, (*cmd)->summary);
		out_puts(out, "'\n");
	}
	out_puts(out, "\t)\n"
		      "\t_describe command commands\n"
		      "}\n"
		      "_gospy()\n{\n"
		      "\tlocal curcontext=$curcontext context state state_descr line\n"
		      "\ttypeset -A opt_args\n"
		      "\t");
	options(out, common);
	out_puts(out, "\t\t-C '(-): :->command' '(-)*:: :->rest' && return\n"
		      "\tcase $state in\n"
		      "\tcommand)\n"
		      "\t\t_alternative 'commands:command:_gospy_commands' "
		      "'pids:PID:_gospy_pids' 'names:name:_gospy_names'\n"
		      "\t\treturn\n"
		      "\t\t;;\n"
		      "\tesac\n"
		      "\tcase $words[1] in\n");
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++)
		command_case(out, *cmd);
	// Any other word is a process.
	out_puts(out, "\t*)\n\t\t");
	options(out, cmd_process.groups);
	out_puts(out, "\t\t&& return\n\t\t;;\n"
		      "\tesac\n"
		      "}\n"
		      "if [[ $funcstack[1] == _gospy ]]; then\n"
		      "\t_gospy \"$@\"\n"
		      "else\n"
		      "\tcompdef _gospy gospy\n"
		      "fi\n");
}
