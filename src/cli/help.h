/* Help, made from what the commands say of themselves. */
#ifndef GOSPY_CLI_HELP_H
#define GOSPY_CLI_HELP_H

#include "cli/cmd.h"
#include "render/out.h"

/** Write all there is to know about one command; if it is NULL, a line for each of `cmds`, which
 * end with NULL, and what they have in common. */
void help_write(struct out *out, const struct cmd *const *cmds, const struct cmd *cmd);

#endif
