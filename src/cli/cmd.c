#include "cli/cmd.h"

#include <string.h>

static bool is_called(const struct cmd *cmd, const char *name)
{
	if (strcmp(cmd->name, name) == 0)
		return true;
	for (const char *const *alias = cmd->aliases; *alias; alias++) {
		if (strcmp(*alias, name) == 0)
			return true;
	}
	return false;
}

const struct cmd *cmd_find(const struct cmd *const *cmds, const char *name)
{
	for (; *cmds; cmds++) {
		if (is_called(*cmds, name))
			return *cmds;
	}
	return NULL;
}

const char *cmd_near(const struct cmd *const *cmds, const char *name)
{
	struct suggestion suggestion = {.word = name};
	for (; *cmds; cmds++) {
		suggestion_offer(&suggestion, (*cmds)->name);
		for (const char *const *alias = (*cmds)->aliases; *alias; alias++)
			suggestion_offer(&suggestion, *alias);
	}
	return suggestion.best;
}
