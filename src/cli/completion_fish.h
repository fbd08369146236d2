#ifndef GOSPY_CLI_COMPLETION_FISH_H
#define GOSPY_CLI_COMPLETION_FISH_H

#include "cli/cmd.h"
#include "render/out.h"

/** Write the script for fish. `cmds` are all commands and end with NULL. */
void completion_fish(struct out *out, const struct cmd *const *cmds);

#endif
