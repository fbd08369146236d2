/*
 * Scripts by which shells complete gospy's command line are made from the table of commands, by
 * completion_SHELL.c each. They offer commands, options, their choices, files, and PIDs and names
 * of Go processes, which they get from `gospy list`. This file has what the three scripts have in
 * common.
 */
#ifndef GOSPY_CLI_COMPLETION_H
#define GOSPY_CLI_COMPLETION_H

#include "cli/opts.h"

/** What an option takes, as far as candidates are concerned. */
enum completion_arg {
	COMPLETION_NOTHING,
	COMPLETION_ANY,
	COMPLETION_CHOICE,
	COMPLETION_FILE,
	COMPLETION_PID
};
enum completion_arg completion_arg(const struct opt *opt);

#endif
