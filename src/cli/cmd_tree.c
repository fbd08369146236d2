#include "cli/cmd_list.h"

static int tree_run(struct cli *cli, char **args)
{
	return list_run_as(cli, &cmd_tree, args, true);
}

const struct cmd cmd_tree = {
	.name = "tree",
	.synopsis = "[OPTIONS]",
	.summary = "show the Go processes as a tree",
	.description = "Go processes stand below their parents; a parent that is not Go is a bare "
		       "PID. `[*]` means that the process runs the gops agent.",
	.operand = CMD_OPERAND_NONE,
	.groups = {&common_group},
	.run = tree_run,
};
