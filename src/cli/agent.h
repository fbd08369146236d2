/*
 * What the commands that ask the agent of gops have in common.
 *
 * A command that can also show what the agent says (stack, memstats ...) has &agent_group among its
 * groups, and one line at the beginning of its run:
 *
 *	if (agent_wanted(args))
 *		return agent_run(cli, &cmd_stack, GOSPY_AGENT_STACK, args);
 */
#ifndef GOSPY_CLI_AGENT_H
#define GOSPY_CLI_AGENT_H

#include <signal.h>

#include "cli/cli.h"

/** --agent and --timeout, and --timeout alone; of struct target_options. */
extern const struct opt_group agent_group, agent_wait_group;

/** Is --agent among the arguments? With it, a command takes no options but those of agent_group,
 * target_group and common_group. */
bool agent_wanted(char *const *args);
/** Print the answer to `verb`, which is text. Exit status. */
int agent_run(struct cli *cli, const struct cmd *cmd, enum gospy_agent_verb verb, char **args);

/** An agent, and the signals by which a person gives up waiting for it. All zero is a valid empty
 * one. */
struct agent_client {
	struct gospy_agent *agent;
	int signal_fd; /* 0: none */
	sigset_t old_mask;
};

/** Find the agent of the target: --pid, or the only one of the words, a process id or host:port.
 * `elsewhere` is added to the error if the process runs none: what does the job without one. */
enum gospy_code agent_client_begin(struct cli *cli, struct agent_client *client,
				   const struct target_options *options, char **words, size_t count,
				   const char *elsewhere, struct gospy_error *err);
/** Also the guard. */
void agent_client_end(struct agent_client *client);
/** cli_fail, or silence and the status that tells of the signal. */
int agent_client_fail(struct cli *cli, const struct agent_client *client,
		      const struct gospy_error *err);

#endif
