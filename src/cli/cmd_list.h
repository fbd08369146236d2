/* `list` and `tree` differ in the report only. */
#ifndef GOSPY_CLI_CMD_LIST_H
#define GOSPY_CLI_CMD_LIST_H

#include "cli/cmd.h"

int list_run_as(struct cli *cli, const struct cmd *cmd, char **args, bool tree);

#endif
