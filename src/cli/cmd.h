/*
 * A command is one file, cmd_NAME.c, with one `const struct cmd`: usage, help and completion come
 * from it. main.c has the table of all commands and hands it down.
 */
#ifndef GOSPY_CLI_CMD_H
#define GOSPY_CLI_CMD_H

#include "cli/opts.h"

struct cli;

/** What the words behind a command's name are, for completion. */
enum cmd_operand {
	CMD_OPERAND_PID,     /* or what else names a process: cli/which.h */
	CMD_OPERAND_PID_OFF, /* and another word, which may be "off" */
	CMD_OPERAND_NONE,
	CMD_OPERAND_COMMAND,
	CMD_OPERAND_SHELL
};

struct cmd {
	const char *name;
	const char *aliases[3]; /* NULL-terminated */
	const char *synopsis;   /* what follows the name */
	const char *summary;    /* one line */
	const char *description;
	enum cmd_operand operand;
	const struct opt_group *groups[OPT_GROUPS_MAX]; /* NULL-terminated */
	const char *examples;                           /* lines */
	bool pages; /* text that does not fit the terminal goes through a pager */
	/** `args` are the words behind the name, NULL-terminated, to be permuted at will. */
	int (*run)(struct cli *cli, char **args);
};

/** All that the files of the commands show. */
extern const struct cmd cmd_capture, cmd_pprof, cmd_record, cmd_list, cmd_tree, cmd_process,
	cmd_summary, cmd_stack, cmd_top, cmd_stats, cmd_memstats, cmd_check, cmd_waits, cmd_heap,
	cmd_leaks, cmd_version, cmd_doctor, cmd_diff, cmd_gc, cmd_setgc, cmd_trace, cmd_pprof_cpu,
	cmd_pprof_heap, cmd_completion, cmd_help;

/** The command with this name or alias, or NULL. `cmds` ends with NULL. */
const struct cmd *cmd_find(const struct cmd *const *cmds, const char *name);
/** The name or alias that `name` may be a misspelling of, or NULL. */
const char *cmd_near(const struct cmd *const *cmds, const char *name);

#endif
