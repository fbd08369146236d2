#include "base/error.h"
#include "cli/cli.h"
#include "cli/help.h"

static int help_run(struct cli *cli, char **args)
{
	struct common_options options = {0};
	struct gospy_error err;
	size_t count;
	if (opts_parse(cmd_help.groups, args, &options, &count, &err))
		return cli_fail(cli, &err);
	// Its own help is the overview.
	int status = cli_begin(cli, NULL, &options);
	if (status != CLI_GO_ON)
		return status;
	const struct cmd *cmd = count ? cmd_find(cli->cmds, args[0]) : NULL;
	if (count && !cmd) {
		const char *near = cmd_near(cli->cmds, args[0]);
		if (near)
			err_set(&err, GOSPY_E_USAGE, "no help on '%s' (did you mean '%s'?)",
				args[0], near);
		else
			err_set(&err, GOSPY_E_USAGE,
				"no help on '%s': there is no such command; see `gospy help`",
				args[0]);
		return cli_fail(cli, &err);
	}
	if (count && cli_no_more(args + 1, count - 1, &err))
		return cli_fail(cli, &err);
	help_write(cli->out, cli->cmds, cmd);
	return EXIT_STATUS_OK;
}

const struct cmd cmd_help = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.summary = "explain a command",
	.operand = CMD_OPERAND_COMMAND,
	.groups = {&common_group},
	.pages = true,
	.run = help_run,
};
