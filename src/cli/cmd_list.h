/* What `list` and `tree` have in common. */
#ifndef GOSPY_CLI_CMD_LIST_H
#define GOSPY_CLI_CMD_LIST_H

#include "cli/cli.h"

/** The guard. */
void list_destroy(struct gospy_process_list **list);
/** Tell of which processes it is not known what they are, and why. */
void list_note_problems(struct cli *cli, const struct gospy_process_list *list);

#endif
