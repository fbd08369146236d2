/*
 * Scripts by which shells complete gospy's command line, made from the table of commands. Each
 * offers commands, options, their choices, files, and the PIDs of Go processes, which it gets from
 * `gospy list`.
 */
#ifndef GOSPY_CLI_COMPLETION_H
#define GOSPY_CLI_COMPLETION_H

#include "cli/cmd.h"

void completion_bash(struct out *out);
void completion_zsh(struct out *out);
void completion_fish(struct out *out);

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
