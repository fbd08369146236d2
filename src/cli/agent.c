#include "cli/agent.h"

#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/which.h"
#include "render/report_agent.h"

#define AT(member) .offset = offsetof(struct target_options, member)

static const char timeout_help[] = "wait no longer for the agent (default 10s)";

static const struct opt agent_opts[] = {
	{"agent", .type = OPT_FLAG, AT(agent),
	 .help = "show what the gops agent in the process says; the target may be host:port"},
	{"timeout", .type = OPT_DURATION, AT(timeout_ns), .arg = "D", .above_zero = true,
	 .help = timeout_help},
	{0},
};

static const struct opt agent_wait_opts[] = {
	{"timeout", .type = OPT_DURATION, AT(timeout_ns), .arg = "D", .above_zero = true,
	 .help = timeout_help},
	{0},
};

const struct opt_group agent_group = {"The gops agent", agent_opts};
const struct opt_group agent_wait_group = {"The gops agent", agent_wait_opts};

bool agent_wanted(char *const *args)
{
	for (; *args && strcmp(*args, "--") != 0; args++) {
		if (strcmp(*args, "--agent") == 0)
			return true;
	}
	return false;
}

/* Signals that end a program become readable instead, but for those that are ignored. */
static void catch_signals(struct agent_client *client)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	sigset_t mask;
	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++) {
		struct sigaction action;
		if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&mask, signals[i]);
	}
	int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd <= 0)
		return; // then these signals end gospy at once
	sigprocmask(SIG_BLOCK, &mask, &client->old_mask);
	client->signal_fd = fd;
}

static enum gospy_code add_advice(struct gospy_error *err, const char *separator,
				  const char *advice)
{
	const struct gospy_error none = *err;
	return err_set(err, none.code, "%s%s%s", none.msg, separator, advice);
}

static enum gospy_code open_pid(struct agent_client *client, pid_t pid,
				const struct gospy_agent_options *how, const char *elsewhere,
				struct gospy_error *err)
{
	enum gospy_code code = gospy_agent_open_pid(pid, how, &client->agent, err);
	if (code == GOSPY_E_NOT_FOUND && elsewhere)
		return add_advice(err, ". ", elsewhere);
	if (code == GOSPY_E_PERM)
		return add_advice(err, "; ", "or name its agent by host:port");
	return code;
}

enum gospy_code agent_client_begin(struct cli *cli, struct agent_client *client,
				   const struct target_options *options, char **words, size_t count,
				   const char *elsewhere, struct gospy_error *err)
{
	const char *address = NULL;
	pid_t pid = 0;
	if (!options->pid && count && strchr(*words, ':')) {
		address = *words++;
		count--;
	} else if (!(pid = which_process(cli, options, &words, &count, err))) {
		return err->code;
	}
	if (cli_no_more(words, count, err))
		return err->code;
	catch_signals(client);
	const struct gospy_agent_options how = {
		.size = sizeof(how),
		.timeout_ns = options->timeout_ns,
		.cancel_fd = client->signal_fd,
	};
	enum gospy_code code = address ? gospy_agent_open_addr(address, &how, &client->agent, err)
				       : open_pid(client, pid, &how, elsewhere, err);
	if (!code && gospy_agent_info(client->agent)->note)
		cli_note(cli, "%s; found by the ports it listens on",
			 gospy_agent_info(client->agent)->note);
	return code;
}

void agent_client_end(struct agent_client *client)
{
	gospy_agent_close(client->agent);
	client->agent = NULL;
	if (!client->signal_fd)
		return;
	close(client->signal_fd);
	client->signal_fd = 0;
	sigprocmask(SIG_SETMASK, &client->old_mask, NULL);
}

int agent_client_fail(struct cli *cli, const struct agent_client *client,
		      const struct gospy_error *err)
{
	struct signalfd_siginfo info;
	if (err->code == GOSPY_E_CANCELLED &&
	    read(client->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		return EXIT_STATUS_SIGNAL + (int)info.ssi_signo;
	return cli_fail(cli, err);
}

int agent_run(struct cli *cli, const struct cmd *cmd, enum gospy_agent_verb verb, char **args)
{
	static const struct opt_group *const groups[] = {
		&agent_group,
		&target_group,
		&common_group,
		NULL,
	};
	static const char without[] = "Without --agent gospy reads it from the process itself";
	struct target_options options = {0};
	struct gospy_error err;
	size_t count, len;
	const struct opt *other = opts_foreign(groups, cmd->groups, args);
	if (other) {
		err_set(&err, GOSPY_E_USAGE,
			"--agent shows what the agent says: --%s does not go with it", other->name);
		return cli_fail(cli, &err);
	}
	if (opts_parse(groups, args, &options, &count, &err))
		return cli_fail(cli, &err);
	int status = cli_begin(cli, cmd, &options.common);
	if (status != CLI_GO_ON)
		return status;
	char *text CLEANUP_FREE = NULL;
	CLEANUP(agent_client_end) struct agent_client client = {0};
	if (agent_client_begin(cli, &client, &options, args, count, without, &err) ||
	    gospy_agent_text(client.agent, verb, 0, &text, &len, &err))
		return agent_client_fail(cli, &client, &err);
	struct agent_report report = {
		.command = cmd->name,
		.agent = gospy_agent_info(client.agent),
		.text = text,
	};
	report_agent(cli->out, &report, cli->format);
	return EXIT_STATUS_OK;
}
