/* `trace`, `pprof-cpu`, `pprof-heap`: what the gops agent in the process records, saved to a file.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/save.h"
#include "cli/agent.h"
#include "render/report_agent.h"

struct profile_options {
	struct target_options target;
	const char *output;
};

static const struct opt profile_opts[] = {
	{"output", 'o', OPT_STRING, .offset = offsetof(struct profile_options, output),
	 .arg = "FILE", .help = "save it there; - is the standard output"},
	{0},
};

static const struct opt_group profile_group = {"The file", profile_opts};

struct profile {
	const struct cmd *cmd;
	enum gospy_agent_verb verb;
	const char *what;      /* it is */
	const char *wait;      /* what a person waits for; NULL: it comes at once */
	const char *name;      /* what the name of its file begins with */
	const char *extension; /* and ends with */
	const char *next;      /* what to look at it with */
	const char *elsewhere; /* what does the job without an agent */
};

/* NAME-TARGET-TIME-RANDOM.EXTENSION in the working directory. */
static void default_path(const struct profile *profile, const struct gospy_agent_info *agent,
			 char path[PATH_MAX])
{
	char target[128], stamp[SAVE_STAMP_SIZE];
	if (agent->pid)
		snprintf(target, sizeof(target), "%d", (int)agent->pid);
	else
		snprintf(target, sizeof(target), "%s", agent->address);
	for (char *c = target; *c; c++) {
		if (strchr("/:[]", *c))
			*c = '_';
	}
	save_stamp(stamp);
	snprintf(path, PATH_MAX, "%s-%s-%s.%s", profile->name, target, stamp, profile->extension);
}

static int save_profile(struct cli *cli, const struct profile *profile, const char *output,
			const struct agent_client *client)
{
	char path[PATH_MAX];
	struct gospy_error err;
	CLEANUP(save_drop) struct save save = SAVE_NONE;
	const struct gospy_agent_info *agent = gospy_agent_info(client->agent);
	if (!output)
		default_path(profile, agent, path);
	if (save_begin(&save, output ? output : path, &err))
		return cli_fail(cli, &err);
	if (profile->wait)
		cli_note(cli, "%s", profile->wait);
	if (gospy_agent_ask(client->agent, profile->verb, 0, save_part, &save, &err) ||
	    save_end(&save, &err))
		return agent_client_fail(cli, client, &err);
	if (output && strcmp(output, "-") == 0)
		return EXIT_STATUS_OK;
	struct agent_report report = {
		.command = profile->cmd->name,
		.agent = agent,
		.file = save.path,
		.file_bytes = save.bytes,
		.what = profile->what,
		.next = profile->next,
	};
	report_agent(cli->out, &report, cli->format);
	return EXIT_STATUS_OK;
}

static int profile_run(struct cli *cli, const struct profile *profile, char **args)
{
	struct profile_options options = {0};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, profile->cmd, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(agent_client_end) struct agent_client client = {0};
	if (agent_client_begin(cli, &client, &options.target, args, count, profile->elsewhere,
			       &err))
		return agent_client_fail(cli, &client, &err);
	return save_profile(cli, profile, options.output, &client);
}

#define NEVER "gospy changes nothing in a process that did not ask for it. "

static int trace_run(struct cli *cli, char **args)
{
	static const struct profile profile = {
		.cmd = &cmd_trace,
		.verb = GOSPY_AGENT_TRACE,
		.what = "trace",
		.wait = "the agent traces for 5 seconds",
		.name = "trace",
		.extension = "out",
		.next = "go tool trace",
		.elsewhere = NEVER
		"If it serves net/http/pprof: curl -o FILE ADDRESS/debug/pprof/trace?seconds=5; "
		"from outside: perf trace -p PID, gospy summary",
	};
	return profile_run(cli, &profile, args);
}

static int pprof_cpu_run(struct cli *cli, char **args)
{
	static const struct profile profile = {
		.cmd = &cmd_pprof_cpu,
		.verb = GOSPY_AGENT_CPU_PROFILE,
		.what = "CPU profile",
		.wait = "the agent profiles for 30 seconds",
		.name = "cpu",
		.extension = "pb.gz",
		.next = "go tool pprof",
		.elsewhere =
			NEVER "From outside: perf record -g -p PID; if it serves net/http/pprof: "
			      "go tool pprof ADDRESS/debug/pprof/profile",
	};
	return profile_run(cli, &profile, args);
}

static int pprof_heap_run(struct cli *cli, char **args)
{
	static const struct profile profile = {
		.cmd = &cmd_pprof_heap,
		.verb = GOSPY_AGENT_HEAP_PROFILE,
		.what = "heap profile",
		.name = "heap",
		.extension = "pb.gz",
		.next = "go tool pprof",
		.elsewhere = "If it serves net/http/pprof: go tool pprof ADDRESS/debug/pprof/heap; "
			     "from outside: gospy summary shows the heap's figures",
	};
	return profile_run(cli, &profile, args);
}

const struct cmd cmd_trace = {
	.name = "trace",
	.synopsis = "[OPTIONS] PROCESS|HOST:PORT",
	.summary = "save an execution trace of 5 seconds, by the gops agent in the process",
	.description =
		"`go tool trace` shows it. Without -o the file is trace-PID-TIME-RANDOM.out.",
	.groups = {&profile_group, &agent_wait_group, &target_group, &common_group},
	.examples = "gospy trace 4711 -o trace.out && go tool trace trace.out",
	.run = trace_run,
};

const struct cmd cmd_pprof_cpu = {
	.name = "pprof-cpu",
	.synopsis = "[OPTIONS] PROCESS|HOST:PORT",
	.summary = "save a CPU profile of 30 seconds, by the gops agent in the process",
	.description =
		"`go tool pprof` shows it. Without -o the file is cpu-PID-TIME-RANDOM.pb.gz.",
	.groups = {&profile_group, &agent_wait_group, &target_group, &common_group},
	.examples = "gospy pprof-cpu 4711 -o cpu.pb.gz && go tool pprof -top cpu.pb.gz",
	.run = pprof_cpu_run,
};

const struct cmd cmd_pprof_heap = {
	.name = "pprof-heap",
	.synopsis = "[OPTIONS] PROCESS|HOST:PORT",
	.summary = "save a heap profile, by the gops agent in the process",
	.description =
		"`go tool pprof` shows it. Without -o the file is heap-PID-TIME-RANDOM.pb.gz.",
	.groups = {&profile_group, &agent_wait_group, &target_group, &common_group},
	.examples = "gospy pprof-heap 4711 -o - | go tool pprof -top /dev/stdin",
	.run = pprof_heap_run,
};
