/*
 * The room src/cli/: the commands: one file for each.
 *
 * Enters: the words of the command line and the environment.
 * Leaves: data on standard output, notes and errors on standard error, an exit status.
 * Owner: main() owns the output. Each command owns what it opens, by guards.
 *
 * What the commands have in common: how they begin, how they speak of errors, what they return.
 */
#ifndef GOSPY_CLI_CLI_H
#define GOSPY_CLI_CLI_H

#include "base/strbuf.h"
#include "cli/cmd.h"
#include "cli/pager.h"
#include "cli/shared_opts.h"
#include "render/out.h"

enum exit_status {
	EXIT_STATUS_OK = 0,
	EXIT_STATUS_ERROR = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_PERMISSION = 3,
	EXIT_STATUS_NO_TARGET = 4, /* no such process, or not a Go process */
	EXIT_STATUS_PARTIAL = 5,   /* shown, but some of it could not be read */
	EXIT_STATUS_CHECK = 10,    /* a check that was asked for has failed */
	EXIT_STATUS_SIGNAL = 128,  /* plus its number */
};

/** What a command works with. */
struct cli {
	const struct cmd *const *cmds; /* all commands, in the order of the help; ends with NULL */
	struct out *out;
	enum report_format format;
	bool quiet, verbose;
	struct pager pager;
	pid_t about; /* the process that notes and errors are about, if its PID was not given */
	struct strbuf choices; /* lines for a person, printed behind the next error */
};

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
/** The part of cli_parse behind the parsing: take over the common options. If the user asked for
 * help, print that on `cmd`, or the overview of all commands if `cmd` is NULL. */
int cli_begin(struct cli *cli, const struct cmd *cmd, const struct common_options *common);
/** Usage error if a word is left over. */
enum gospy_code cli_no_more(char *const *words, size_t count, struct gospy_error *err);

/** Does a person read the output? A terminal gets what is made for people, anything else the lines
 * that programs may rely on. */
bool cli_for_people(const struct cli *cli);

/** The exit status that tells of a failure. */
int cli_status_of(enum gospy_code code);
/** Report a failure: a line on stderr, an object on stdout if JSON was asked for. Returns the exit
 * status. */
int cli_fail(struct cli *cli, const struct gospy_error *err);
/** A line on stderr, unless -q was given. Text of the target may be in it. */
void cli_note(struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
