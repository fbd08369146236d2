#ifndef GOSPY_CLI_COMPLETION_BASH_H
#define GOSPY_CLI_COMPLETION_BASH_H

#include "cli/cmd.h"
#include "render/out.h"

/** Write the script for bash. `cmds` are all commands and end with NULL. */
void completion_bash(struct out *out, const struct cmd *const *cmds);

#endif
