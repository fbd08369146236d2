/* A subcommand is one file with one `const struct cmd`: usage, help and dispatch come from it. */
#ifndef GOSPY_CLI_CMD_H
#define GOSPY_CLI_CMD_H

#include "cli/opts.h"
#include "render/out.h"
#include "render/report.h"
#include "render/term.h"

enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_ERROR = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_PERMISSION = 3,
	EXIT_STATUS_NO_TARGET = 4, /* no such process, or not a Go process */
	EXIT_STATUS_PARTIAL = 5,   /* shown, but some of it could not be read */
	EXIT_STATUS_SIGNAL = 128,  /* plus its number */
};

/* The option structs of the commands begin with one of these; each begins with the one before. */

struct common_options {
	enum report_format format;
	enum term_color color;
	bool quiet, verbose, help, version;
};

struct target_options {
	struct common_options common;
	pid_t pid;           /* 0: not given */
	bool agent;          /* with agent_group */
	uint64_t timeout_ns; /* with agent_group, agent_wait_group; 0: not given */
};

struct snapshot_options {
	struct target_options target;
	const char *bin;
	bool non_blocking, exact;
	uint64_t max_pause_ns;
};

/* read_group: snapshot_group without what is about goroutines. */
extern const struct opt_group common_group, target_group, snapshot_group, read_group;
/** --agent and --timeout (cli/agent.h), and --timeout alone. */
extern const struct opt_group agent_group, agent_wait_group;

/** What a command works with. */
struct cli {
	struct out *out;
	enum report_format format;
	bool quiet, verbose;
};

/** What the words behind a command's name are, for completion. */
enum cmd_operand {
	CMD_OPERAND_PID,
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
	/** `args` are the words behind the name, NULL-terminated, to be permuted at will. */
	int (*run)(struct cli *cli, char **args);
};

extern const struct cmd cmd_list, cmd_tree, cmd_process, cmd_summary, cmd_stack, cmd_top, cmd_stats,
	cmd_memstats, cmd_version, cmd_doctor, cmd_gc, cmd_setgc, cmd_trace, cmd_pprof_cpu,
	cmd_pprof_heap, cmd_completion, cmd_help;
/** All of them, in the order of the help; ends with NULL. */
extern const struct cmd *const cmds[];
/** By name or alias, or NULL. */
const struct cmd *cmd_find(const char *name);

/** The format that --json asks for, for errors that come before the options are parsed. */
enum report_format cli_early_format(char *const *args);

enum { CLI_GO_ON = -1 };

/**
 * Parse the arguments of `cmd` into `options`, which begins with a struct common_options.
 * CLI_GO_ON, or the exit status where nothing is left to do: help was asked for, or the usage is
 * wrong.
 */
int cli_parse(struct cli *cli, const struct cmd *cmd, char **args, void *options,
	      size_t *count_ret);
/** The part of it behind the parsing: take over the common options. */
int cli_begin(struct cli *cli, const struct cmd *cmd, const struct common_options *common);
/** Take the process id from the option or else from the first of the words, which moves on; 0 with
 * the usage error in `err`. */
pid_t cli_pid(const struct target_options *options, char ***words, size_t *count,
	      struct gospy_error *err);
/** The same for a command that reads the process, without its agent. */
pid_t cli_target(const struct target_options *options, char ***words, size_t *count,
		 struct gospy_error *err);
/** Usage error if a word is left over. */
enum gospy_code cli_no_more(char *const *words, size_t count, struct gospy_error *err);

/** The exit status that tells of a failure. */
int cli_status_of(enum gospy_code code);
/** Report a failure: a line on stderr, an object on stdout if JSON was asked for. Returns the exit
 * status. */
int cli_fail(struct cli *cli, const struct gospy_error *err);
/** A line on stderr, unless -q was given. Text of the target may be in it. */
void cli_note(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Help on one command, or on all of them if `cmd` is NULL. */
void help_write(struct out *out, const struct cmd *cmd);

#endif
