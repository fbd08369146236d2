#include "base/cleanup.h"
#include "cli/cmd_list.h"
#include "render/report_tree.h"

static int tree_run(struct cli *cli, char **args)
{
	struct common_options options = {0};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_tree, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(list_destroy) struct gospy_process_list *list = NULL;
	const struct gospy_process_options how = {.size = sizeof(how),
						  .details = cli->format != REPORT_TEXT};
	if (cli_no_more(args, count, &err) || gospy_process_list_create_with(&how, &list, &err) ||
	    report_tree(cli->out, list, cli->format, &err))
		return cli_fail(cli, &err);
	list_note_problems(cli, list);
	return EXIT_STATUS_OK;
}

const struct cmd cmd_tree = {
	.name = "tree",
	.synopsis = "[OPTIONS]",
	.summary = "show the Go processes as a tree",
	.description = "Go processes stand below their parents; a parent that is not Go is a bare "
		       "PID. `[*]` means that the process runs the gops agent.",
	.operand = CMD_OPERAND_NONE,
	.groups = {&common_group},
	.pages = true,
	.run = tree_run,
};
