#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/completion_bash.h"
#include "cli/completion_fish.h"
#include "cli/completion_zsh.h"

static const struct {
	const char *name;
	void (*write)(struct out *out, const struct cmd *const *cmds);
} shells[] = {
	{"bash", completion_bash},
	{"zsh", completion_zsh},
	{"fish", completion_fish},
};

static int completion_run(struct cli *cli, char **args)
{
	struct common_options options = {0};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_completion, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	for (size_t i = 0; count && i < sizeof(shells) / sizeof(*shells); i++) {
		if (strcmp(shells[i].name, args[0]) == 0) {
			if (cli_no_more(args + 1, count - 1, &err))
				return cli_fail(cli, &err);
			shells[i].write(cli->out, cli->cmds);
			return EXIT_STATUS_OK;
		}
	}
	if (count)
		err_set(&err, GOSPY_E_USAGE, "no completion for '%s': name bash, zsh or fish",
			args[0]);
	else
		err_set(&err, GOSPY_E_USAGE, "which shell? bash, zsh or fish");
	return cli_fail(cli, &err);
}

const struct cmd cmd_completion = {
	.name = "completion",
	.synopsis = "bash|zsh|fish",
	.summary = "print a script by which a shell completes gospy's command line",
	.description = "An installed gospy has them in the directories where the shells look.",
	.operand = CMD_OPERAND_SHELL,
	.groups = {&common_group},
	.examples = "source <(gospy completion bash)\n"
		    "gospy completion zsh > ~/.zfunc/_gospy\n"
		    "gospy completion fish > ~/.config/fish/completions/gospy.fish",
	.run = completion_run,
};
