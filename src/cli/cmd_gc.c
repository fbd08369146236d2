/* `gc` and `setgc`: the two that change something in the process, by way of its own agent. */
#include <stdlib.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/agent.h"
#include "render/report_agent.h"

#define NEVER "gospy changes nothing in a process that did not ask for it. "

static const char gc_elsewhere[] =
	NEVER "If it serves net/http/pprof: curl ADDRESS/debug/pprof/heap?gc=1; in its code: "
	      "runtime.GC()";
static const char setgc_elsewhere[] =
	NEVER "Set GOGC or GOMEMLIMIT when it is started, or call debug.SetGCPercent() in its code";

static int gc_run(struct cli *cli, char **args)
{
	struct target_options options = {0};
	struct gospy_error err;
	size_t count, len;
	int status = cli_parse(cli, &cmd_gc, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	char *text CLEANUP_FREE = NULL;
	CLEANUP(agent_client_end) struct agent_client client = {0};
	if (agent_client_begin(cli, &client, &options, args, count, gc_elsewhere, &err) ||
	    gospy_agent_text(client.agent, GOSPY_AGENT_GC, 0, &text, &len, &err))
		return agent_client_fail(cli, &client, &err);
	struct agent_report report = {.command = "gc", .agent = gospy_agent_info(client.agent)};
	report_agent(cli->out, &report, cli->format);
	return EXIT_STATUS_OK;
}

/* runtime/debug.SetGCPercent takes an int32 in the end; a negative one is "off". */
static enum gospy_code parse_percent(char *const *words, size_t count, int64_t *ret,
				     struct gospy_error *err)
{
	uint64_t percent;
	if (!count)
		return err_set(err, GOSPY_E_USAGE, "which GC percentage? a number, or off");
	if (strcasecmp(words[0], "off") == 0)
		*ret = -1;
	else if (opts_number(words[0], &percent) && percent <= INT32_MAX)
		*ret = (int64_t)percent;
	else
		return err_set(err, GOSPY_E_USAGE,
			       "'%s' is not a GC percentage: a number from 0 to %d, or off",
			       words[0], INT32_MAX);
	return cli_no_more(words + 1, count - 1, err);
}

static int setgc_run(struct cli *cli, char **args)
{
	struct target_options options = {0};
	struct gospy_error err;
	size_t count, len;
	int64_t percent = 0;
	int status = cli_parse(cli, &cmd_setgc, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	// The percentage is the last word. It is looked at first, because the agent takes whatever
	// comes.
	size_t targets = options.pid || !count ? 0 : 1;
	char *text CLEANUP_FREE = NULL;
	CLEANUP(agent_client_end) struct agent_client client = {0};
	if (parse_percent(args + targets, count - targets, &percent, &err))
		return cli_fail(cli, &err);
	if (agent_client_begin(cli, &client, &options, args, targets, setgc_elsewhere, &err) ||
	    gospy_agent_text(client.agent, GOSPY_AGENT_SET_GC_PERCENT, percent, &text, &len, &err))
		return agent_client_fail(cli, &client, &err);
	struct agent_report report = {
		.command = "setgc",
		.agent = gospy_agent_info(client.agent),
		.text = text,
	};
	report_agent(cli->out, &report, cli->format);
	return EXIT_STATUS_OK;
}

const struct cmd cmd_gc = {
	.name = "gc",
	.synopsis = "[OPTIONS] PROCESS|HOST:PORT",
	.summary = "run the garbage collector, by the gops agent in the process",
	.description = "Returns when the collection is done. Nothing is printed.",
	.groups = {&agent_wait_group, &target_group, &common_group},
	.examples = "gospy gc 4711\n"
		    "gospy gc shop.example:6060",
	.run = gc_run,
};

const struct cmd cmd_setgc = {
	.name = "setgc",
	.synopsis = "[OPTIONS] PROCESS|HOST:PORT PERCENT|off",
	.summary = "set the GC percentage (GOGC), by the gops agent in the process",
	.description = "Prints the new and the previous value.",
	.operand = CMD_OPERAND_PID_OFF,
	.groups = {&agent_wait_group, &target_group, &common_group},
	.examples = "gospy setgc 4711 50\n"
		    "gospy setgc 4711 off",
	.run = setgc_run,
};
