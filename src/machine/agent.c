/* gospy_agent_*: the client of the agent of gops (gops:agent/agent.go). A request is a byte, and an
 * argument for one verb. The answer is all that comes until the agent closes the connection. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sized.h"
#include "base/strbuf.h"
#include "machine/agent_answer.h"
#include "machine/agent_find.h"
#include "machine/buildinfo.h"
#include "machine/dial.h"

static const uint64_t SECOND_NS = 1000000000;
static const uint64_t TIMEOUT_NS = 10 * SECOND_NS;
static const char AGENT_MODULE[] = "github.com/google/gops";

enum {
	SLOWEST = 64 << 10, /* bytes a second */
	PART = 64 << 10,
	VARINT_MAX = 10,     /* encoding/binary: MaxVarintLen64 */
	HOST_PORT_MAX = 264, /* a name of DNS, 253 characters, brackets and a port */
};

struct gospy_agent {
	struct gospy_agent_info info;
	struct process process; /* if info.pid */
	struct dial_addrs addrs;
	struct netns ns; /* that they are of */
	uint64_t timeout_ns;
	int cancel_fd;
	char address[HOST_PORT_MAX];
	char file[PATH_MAX];
	char note[sizeof(((struct gospy_error *)NULL)->msg)];
};

/* NULL: out of memory. */
static struct gospy_agent *new_agent(const struct gospy_agent_options *options)
{
	struct gospy_agent *agent = calloc(1, sizeof(*agent));
	if (!agent)
		return NULL;
	agent->process = PROCESS_NONE;
	agent->ns.own = true;
	agent->timeout_ns = options->timeout_ns ? options->timeout_ns : TIMEOUT_NS;
	agent->cancel_fd = options->cancel_fd;
	agent->info.address = agent->address;
	return agent;
}

void gospy_agent_close(struct gospy_agent *agent)
{
	if (!agent)
		return;
	process_close(&agent->process);
	free(agent);
}

const struct gospy_agent_info *gospy_agent_info(const struct gospy_agent *agent)
{
	return &agent->info;
}

static void set_address(struct gospy_agent *agent, const struct agent_listener *listener)
{
	agent->addrs = (struct dial_addrs){.at = {listener->addr}, .len = 1};
	agent->ns = listener->ns;
	agent->info.other_network = !listener->ns.own;
	sock_addr_text(&listener->addr, agent->address);
}

/* ---------------------------------------------------------------------------------- requests -- */

/* encoding/binary.PutVarint: zig-zag, seven bits a byte, the low ones first. */
static size_t put_varint(uint8_t *dst, int64_t n)
{
	uint64_t bits = (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0);
	size_t len = 0;
	for (; bits >= 0x80; bits >>= 7)
		dst[len++] = (uint8_t)(bits | 0x80);
	dst[len++] = (uint8_t)bits;
	return len;
}

static enum gospy_code send_request(int fd, enum gospy_agent_verb verb, int64_t argument,
				    struct gospy_error *err)
{
	uint8_t request[1 + VARINT_MAX] = {(uint8_t)verb};
	size_t len = 1;
	if (verb == GOSPY_AGENT_SET_GC_PERCENT)
		len += put_varint(request + 1, argument);
	// A new connection has room for more than that.
	if (send(fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		return err_os(err, errno, "cannot send the request");
	return GOSPY_OK;
}

static uint64_t min_ns(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* When the next part must be there: within the time limit after the one before, the first one after
 * the agent's work; and on the whole not slower than SLOWEST. */
static uint64_t part_deadline_ns(const struct gospy_agent *agent, const struct agent_answer *answer,
				 uint64_t begin_ns, uint64_t last_ns)
{
	uint64_t work_ns = agent_answer_work_ns(answer->verb);
	uint64_t first_ns = clock_after(begin_ns + work_ns, agent->timeout_ns);
	uint64_t next_ns = clock_after(last_ns, agent->timeout_ns);
	uint64_t slow_ns = answer->len * (SECOND_NS / SLOWEST);
	uint64_t all_ns = clock_after(first_ns, slow_ns);
	return min_ns(next_ns > first_ns ? next_ns : first_ns, all_ns);
}

static enum gospy_code explain_silence(const struct agent_answer *answer, struct gospy_error *err)
{
	if (answer->len)
		return err_set(err, GOSPY_E_LIMIT,
			       "the answer stopped, or came too slowly, after %llu bytes",
			       (unsigned long long)answer->len);
	return err_set(err, GOSPY_E_LIMIT,
		       "no answer in time; an agent does one thing at a time, and may be busy with "
		       "a profile or a trace (--timeout)");
}

static enum gospy_code receive(const struct gospy_agent *agent, int fd, struct agent_answer *answer,
			       gospy_agent_part part, void *ctx, struct gospy_error *err)
{
	CLEANUP_FREE char *buf = malloc(PART);
	const uint64_t begin_ns = clock_mono_ns();
	uint64_t last_ns = begin_ns;
	if (!buf)
		return err_nomem(err);
	for (;;) {
		uint64_t deadline_ns = part_deadline_ns(agent, answer, begin_ns, last_ns);
		enum gospy_code code = cancel_poll(fd, POLLIN, deadline_ns, err);
		if (code == GOSPY_E_LIMIT)
			return explain_silence(answer, err);
		if (code)
			return code;
		ssize_t n = recv(fd, buf, PART, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return err_os(err, errno, "the connection broke");
		if (n == 0)
			return agent_answer_end(answer, err);
		last_ns = clock_mono_ns();
		code = agent_answer_part(answer, buf, (size_t)n, err);
		if (!code)
			code = part(ctx, buf, (size_t)n, err);
		if (code)
			return code;
	}
}

static enum gospy_code explain_network(const struct gospy_agent *agent, enum gospy_code code,
				       struct gospy_error *err)
{
	if (code != GOSPY_E_PERM || !agent->info.other_network)
		return code;
	return err_set(err, code,
		       "it listens in another network namespace, which only root may enter "
		       "(CAP_SYS_ADMIN); try: sudo gospy ...");
}

static enum gospy_code connect_agent(const struct gospy_agent *agent, int *fd_ret,
				     struct gospy_error *err)
{
	const uint64_t end_ns = clock_after(clock_mono_ns(), agent->timeout_ns);
	enum gospy_code code = GOSPY_E_NOT_FOUND;
	for (size_t i = 0; i < agent->addrs.len; i++) {
		// An address that swallows packets leaves a share of the time to the others.
		uint64_t now_ns = clock_mono_ns();
		uint64_t left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
		uint64_t deadline_ns = now_ns + left_ns / (agent->addrs.len - i);
		code = dial_connect(&agent->addrs.at[i], &agent->ns, deadline_ns, fd_ret, err);
		if (code == GOSPY_E_LIMIT)
			err_set(err, code, "no connection in time (--timeout)");
		if (!code || code == GOSPY_E_CANCELLED)
			return code;
	}
	return explain_network(agent, code, err);
}

static enum gospy_code ask(struct gospy_agent *agent, enum gospy_agent_verb verb, int64_t argument,
			   gospy_agent_part part, void *ctx, struct gospy_error *err)
{
	CLEANUP(agent_answer_deinit) struct agent_answer answer;
	int fd CLEANUP_CLOSE = -1;
	agent_answer_begin(&answer, verb);
	enum gospy_code code = cancel_check(err);
	if (!code && agent->info.pid)
		code = process_check(&agent->process, err);
	if (!code)
		code = connect_agent(agent, &fd, err);
	if (!code)
		code = send_request(fd, verb, argument, err);
	if (!code)
		code = receive(agent, fd, &answer, part, ctx, err);
	return code;
}

/* The function that takes the answer. If it fails, that is not the agent's fault. */
struct taker {
	gospy_agent_part part;
	void *ctx;
	bool failed;
};

static enum gospy_code hand_over(void *ctx, const void *bytes, size_t len, struct gospy_error *err)
{
	struct taker *taker = ctx;
	enum gospy_code code = taker->part(taker->ctx, bytes, len, err);
	taker->failed = code != GOSPY_OK;
	return code;
}

enum gospy_code gospy_agent_ask(struct gospy_agent *agent, enum gospy_agent_verb verb,
				int64_t argument, gospy_agent_part part, void *ctx,
				struct gospy_error *err)
{
	if (!agent || !part)
		return err_set(err, GOSPY_E_USAGE, "gospy_agent_ask: bad argument");
	struct taker taker = {part, ctx, false};
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, agent->cancel_fd);
	enum gospy_code code = ask(agent, verb, argument, hand_over, &taker, err);
	if (!code || taker.failed || code == GOSPY_E_CANCELLED || code == GOSPY_E_NOMEM)
		return code;
	if (agent->info.pid)
		return err_context(err, code, "agent of process %d at %s", (int)agent->info.pid,
				   agent->address);
	return err_context(err, code, "agent at %s", agent->address);
}

static enum gospy_code add_text(void *ctx, const void *bytes, size_t len, struct gospy_error *err)
{
	struct strbuf *text = ctx;
	strbuf_add(text, bytes, len);
	return text->failed ? err_nomem(err) : GOSPY_OK;
}

enum gospy_code gospy_agent_text(struct gospy_agent *agent, enum gospy_agent_verb verb,
				 int64_t argument, char **ret, size_t *len_ret,
				 struct gospy_error *err)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	if (!ret || !len_ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_agent_text: bad argument");
	enum gospy_code code = gospy_agent_ask(agent, verb, argument, add_text, &text, err);
	if (code)
		return code;
	*len_ret = text.len;
	*ret = take(text.s);
	return GOSPY_OK;
}

/* --------------------------------------------------------------------------------------- open --
 */

/* Does the program have the agent's module in it? If nothing is known of its modules, gospy does
 * not ask it: a byte to a stranger's socket may do harm. */
static bool has_agent_module(const struct gospy_build_info *build)
{
	for (size_t i = 0; i < build->dep_count; i++) {
		if (build->deps[i].path && strcmp(build->deps[i].path, AGENT_MODULE) == 0)
			return true;
	}
	return build->main && build->main->path && strcmp(build->main->path, AGENT_MODULE) == 0;
}

/* Is it the agent that listens at the address which is set? It tells the Go version. Otherwise
 * GOSPY_E_NOT_FOUND. */
static enum gospy_code check_version(struct gospy_agent *agent, const char *go_version,
				     struct gospy_error *err)
{
	char *text CLEANUP_FREE = NULL;
	size_t len, version_len = strlen(go_version);
	enum gospy_code code = gospy_agent_text(agent, GOSPY_AGENT_VERSION, 0, &text, &len, err);
	if (code)
		return code == GOSPY_E_CANCELLED ? code : GOSPY_E_NOT_FOUND;
	return len == version_len + 1 && memcmp(text, go_version, version_len) == 0
		       ? GOSPY_OK
		       : GOSPY_E_NOT_FOUND;
}

static enum gospy_code try_listeners(struct gospy_agent *agent,
				     const struct agent_listeners *listeners,
				     const char *go_version, struct gospy_error *err)
{
	const uint64_t timeout_ns = agent->timeout_ns;
	enum gospy_code code = GOSPY_E_NOT_FOUND;
	// All of them together get the time of one question.
	agent->timeout_ns /= listeners->len ? listeners->len : 1;
	for (size_t i = 0; code == GOSPY_E_NOT_FOUND && i < listeners->len; i++) {
		set_address(agent, &listeners->at[i]);
		code = check_version(agent, go_version, err);
	}
	agent->timeout_ns = timeout_ns;
	if (code != GOSPY_E_NOT_FOUND)
		return code;
	return err_set(err, code,
		       "it has the module of the agent in it, but none of the %zu ports it listens "
		       "on answers as one",
		       listeners->len + listeners->more);
}

/* There is no port file (a read-only file system; gops tolerates that), or it says nothing true.
 * Keeps the error there was if the agent cannot be in the program. */
static enum gospy_code find_by_sockets(struct gospy_agent *agent, struct agent_finder *finder,
				       struct gospy_error *err)
{
	struct agent_listeners listeners;
	struct gospy_build_info *build;
	if (gospy_build_info_create(agent->process.pid, &build, NULL))
		return GOSPY_E_NOT_FOUND;
	enum gospy_code code = GOSPY_E_NOT_FOUND;
	if (build->go_version && has_agent_module(build)) {
		code = agent_listeners(finder, agent->process.pid, agent->process.live_tid,
				       &listeners, err);
		if (!code)
			code = try_listeners(agent, &listeners, build->go_version, err);
	}
	gospy_build_info_destroy(build);
	return code;
}

static enum gospy_code find_agent(struct gospy_agent *agent, struct gospy_error *err)
{
	/* A process with a million descriptors takes less than one. */
	static const uint64_t budget_ns = 5000000000;
	CLEANUP(agent_finder_deinit)
	struct agent_finder finder = {.networks.budget_ns = budget_ns};
	struct agent_place place;
	struct gospy_error none;
	enum gospy_code code = agent_find(&finder, agent->process.pid, agent->process.live_tid,
					  NULL, &place, &none);
	if (code == GOSPY_E_NOT_FOUND) {
		memcpy(agent->note, none.msg, sizeof(agent->note));
		agent->info.note = agent->note;
		err_set(err, code, "%s", none.msg);
		return find_by_sockets(agent, &finder, err);
	}
	if (code)
		return err_set(err, code, "%s", none.msg);
	set_address(agent, &place.listener);
	memcpy(agent->file, place.file, sizeof(agent->file));
	agent->info.file = agent->file;
	return GOSPY_OK;
}

static enum gospy_code open_process(struct gospy_agent *agent, pid_t pid, struct gospy_error *err)
{
	char file[PATH_MAX];
	enum gospy_code code = process_open(pid, &agent->process, err);
	if (code == GOSPY_E_GONE && err && agent_left_file(pid, file)) {
		struct gospy_error gone = *err;
		err_set(err, code, "%s; it has left the port file %s", gone.msg, file);
	}
	agent->info.pid = code ? 0 : pid;
	return code;
}

enum gospy_code gospy_agent_open_pid(pid_t pid, const struct gospy_agent_options *options,
				     struct gospy_agent **ret, struct gospy_error *err)
{
	struct gospy_agent_options how;
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_agent_open_pid: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	struct gospy_agent *agent = new_agent(&how);
	if (!agent)
		return err_nomem(err);
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	enum gospy_code code = open_process(agent, pid, err);
	if (!code)
		code = find_agent(agent, err);
	code = cancel_verdict(code, err);
	if (code == GOSPY_E_NOT_FOUND)
		err_context(err, code, "process %d runs no gops agent that can be found", (int)pid);
	if (code)
		gospy_agent_close(agent);
	else
		*ret = agent;
	return code;
}

enum gospy_code gospy_agent_open_addr(const char *host_port,
				      const struct gospy_agent_options *options,
				      struct gospy_agent **ret, struct gospy_error *err)
{
	struct gospy_agent_options how;
	if (!host_port || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_agent_open_addr: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	struct gospy_agent *agent = new_agent(&how);
	if (!agent)
		return err_nomem(err);
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	uint64_t deadline_ns = clock_after(clock_mono_ns(), agent->timeout_ns);
	enum gospy_code code = dial_look_up(host_port, deadline_ns, &agent->addrs, err);
	code = cancel_verdict(code, err);
	if (!code) {
		snprintf(agent->address, sizeof(agent->address), "%s", host_port);
		*ret = agent;
	} else {
		gospy_agent_close(agent);
	}
	return code;
}
