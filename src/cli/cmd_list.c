#include "cli/cmd_list.h"

#include "base/cleanup.h"
#include "render/report_list.h"

static void list_destroy(struct gospy_process_list **list)
{
	gospy_process_list_destroy(*list);
}

static void note_unreadable(struct cli *cli, size_t n)
{
	if (n)
		cli_note(cli, "%zu process%s may not be looked into: %s to see whether %s Go", n,
			 n == 1 ? "" : "es",
			 geteuid() == 0 ? "CAP_SYS_PTRACE may be needed" : "run as root",
			 n == 1 ? "it is" : "they are");
}

int list_run_as(struct cli *cli, const struct cmd *cmd, char **args, bool tree)
{
	struct common_options options = {0};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, cmd, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(list_destroy) struct gospy_process_list *list = NULL;
	if (cli_no_more(args, count, &err) || gospy_process_list_create(&list, &err))
		return cli_fail(cli, &err);
	if (!tree)
		report_list(cli->out, list, cli->format);
	else if (report_tree(cli->out, list, cli->format, &err))
		return cli_fail(cli, &err);
	note_unreadable(cli, gospy_process_list_unreadable(list));
	return EXIT_STATUS_OK;
}

static int list_run(struct cli *cli, char **args)
{
	return list_run_as(cli, &cmd_list, args, false);
}

const struct cmd cmd_list = {
	.name = "list",
	.aliases = {"ls"},
	.synopsis = "[OPTIONS]",
	.summary = "list the Go processes of this machine",
	.description = "One line a process: PID, parent PID, name, Go version, path. A `*` behind "
		       "the name means that it runs the gops agent. Processes that may not be read "
		       "are counted in a note on stderr.",
	.operand = CMD_OPERAND_NONE,
	.groups = {&common_group},
	.examples = "gospy\n"
		    "gospy list --json",
	.run = list_run,
};
