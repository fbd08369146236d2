#ifndef GOSPY_CLI_COMPLETION_ZSH_H
#define GOSPY_CLI_COMPLETION_ZSH_H

#include "cli/cmd.h"
#include "render/out.h"

/** Write the script for zsh. `cmds` are all commands and end with NULL. */
void completion_zsh(struct out *out, const struct cmd *const *cmds);

#endif
