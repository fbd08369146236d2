#include "cli/completion_bash.h"

#include "cli/completion.h"
#include "cli/shared_opts.h"

static void names(struct out *out, const struct cmd *cmd)
{
	out_puts(out, cmd->name);
	for (const char *const *alias = cmd->aliases; *alias; alias++)
		out_printf(out, " | %s", *alias);
}

static void choices(struct out *out, const struct opt *opt)
{
	for (const struct opt_choice *choice = opt->choices; choice->name; choice++)
		out_printf(out, "%s%s", choice == opt->choices ? "" : " ", choice->name);
}

static void option_words(struct out *out, const struct opt_group *const *groups)
{
	for (; *groups; groups++) {
		for (const struct opt *opt = (*groups)->opts; opt->name; opt++) {
			if (opt->help)
				out_printf(out, " --%s", opt->name);
		}
	}
}

/* What follows an option: after a blank, or, by the sign that is put before it below, after "=". */
static void option_case(struct out *out, const struct opt *opt)
{
	const enum completion_arg arg = completion_arg(opt);
	if (arg == COMPLETION_NOTHING)
		return;
	out_printf(out, "\t\t=--%s", opt->name);
	if (opt->type != OPT_BARE)
		out_printf(out, " | --%s", opt->name);
	if (opt->letter)
		out_printf(out, " | -%c", opt->letter);
	out_puts(out, ") what=");
	switch (arg) {
	case COMPLETION_CHOICE:
		out_puts(out, "word words='");
		choices(out, opt);
		out_puts(out, "'");
		break;
	case COMPLETION_FILE:
		out_puts(out, "file");
		break;
	case COMPLETION_PID:
		out_puts(out, "pid words=");
		break;
	case COMPLETION_ANY:
	case COMPLETION_NOTHING:
		out_puts(out, "none");
		break;
	}
	out_puts(out, " ;;\n");
}

static const char *operand_words(const struct cmd *cmd)
{
	switch (cmd->operand) {
	case CMD_OPERAND_PID:
		return "\t\twhat=target\n";
	case CMD_OPERAND_PID_OFF:
		return "\t\twhat=target words=off\n";
	case CMD_OPERAND_NONE:
		return "";
	case CMD_OPERAND_COMMAND:
		return "\t\twords=$commands\n";
	case CMD_OPERAND_SHELL:
		return "\t\twords='bash zsh fish'\n";
	}
	return "";
}

static void options(struct out *out, const struct opt_group *const *groups)
{
	out_puts(out, "\t\toptions='");
	option_words(out, groups);
	out_puts(out, "'\n\t\tcase $after in\n");
	for (; *groups; groups++) {
		for (const struct opt *opt = (*groups)->opts; opt->name; opt++)
			option_case(out, opt);
	}
	out_puts(out, "\t\tesac\n\t\t;;\n");
}

static void command_case(struct out *out, const struct cmd *cmd)
{
	out_puts(out, "\t");
	names(out, cmd);
	out_puts(out, ")\n");
	out_puts(out, operand_words(cmd));
	options(out, cmd->groups);
}

/* Before the command, a word that an option takes is not the command, even if it could be one. */
static void skipped_words(struct out *out, const struct opt_group *const *groups)
{
	const char *separator = "\t\t";
	for (; *groups; groups++) {
		for (const struct opt *opt = (*groups)->opts; opt->name; opt++) {
			if (!opt_takes_word(opt))
				continue;
			out_printf(out, "%s--%s", separator, opt->name);
			separator = " | ";
			if (opt->letter)
				out_printf(out, " | -%c", opt->letter);
		}
	}
	out_puts(out, ") ((i++)); [[ ${COMP_WORDS[i]} != = ]] || ((i++)) ;;\n");
}

void completion_bash(struct out *out, const struct cmd *const *cmds)
{
	static const struct opt_group *const common[] = {&common_group, &target_group, NULL};
	out_puts(out,
		 "# Completes the command line of gospy in bash; from `gospy completion bash`.\n"
		 "_gospy_processes()\n{\n"
		 "\tlocal pid name version\n"
		 "\t\"$1\" list -q 2>/dev/null | while read -r pid _ name version _; do\n"
		 "\t\techo \"$pid\"\n"
		 "\t\t# Words are expanded by the shell: of names that others have chosen, only "
		 "plain "
		 "ones.\n"
		 "\t\tname=${name%\\*}\n"
		 "\t\t[[ $2 != target || $version != go* || $name == *[!a-zA-Z0-9._+-]* || "
		 "$name != *[!0-9]* ]] ||\n"
		 "\t\t\techo \"$name\"\n"
		 "\tdone | sort -u\n"
		 "}\n"
		 "_gospy()\n{\n"
		 "\tlocal cur=${COMP_WORDS[COMP_CWORD]} after=${COMP_WORDS[COMP_CWORD - 1]}\n"
		 "\tlocal command= what= words= options= i\n"
		 "\tlocal commands='");
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++)
		out_printf(out, "%s%s", cmd == cmds ? "" : " ", (*cmd)->name);
	out_puts(out, "'\n"
		      "\t# bash takes --option=value for three words.\n"
		      "\tif [[ $cur == = ]]; then\n"
		      "\t\tcur= after==$after\n"
		      "\telif [[ $after == = ]]; then\n"
		      "\t\tafter==${COMP_WORDS[COMP_CWORD - 2]}\n"
		      "\tfi\n"
		      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		      "\t\tcase ${COMP_WORDS[i]} in\n");
	skipped_words(out, common);
	out_puts(out, "\t\t");
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++) {
		out_puts(out, cmd == cmds ? "" : " | ");
		names(out, *cmd);
	}
	out_puts(out, ") command=${COMP_WORDS[i]} ;;\n"
		      "\t\t-* | =) ;;\n"
		      "\t\t*) command=process ;;\n"
		      "\t\tesac\n"
		      "\t\t[[ ! $command ]] || break\n"
		      "\tdone\n"
		      "\tcase $command in\n"
		      "\t'')\n"
		      "\t\twords=$commands what=target\n");
	options(out, common);
	for (const struct cmd *const *cmd = cmds; *cmd; cmd++)
		command_case(out, *cmd);
	out_puts(out,
		 "\tesac\n"
		 "\t[[ $cur != -* ]] || what=word words=$options\n"
		 "\t[[ $what != @(pid|target) ]] ||\n"
		 "\t\twords+=\" $(_gospy_processes \"$1\" \"$what\")\"\n"
		 "\tcase $what in\n"
		 "\tfile) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "
		 "\"$cur\") ;;\n"
		 "\tnone) COMPREPLY=() ;;\n"
		 "\t*) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\") ;;\n"
		 "\tesac\n"
		 "}\n"
		 "complete -F _gospy gospy\n");
}
