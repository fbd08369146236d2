#include "machine/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/thread.h"

/* A question to the resolver. It may take long and cannot be called off, so a thread of its own
 * asks it. A caller that has waited long enough puts the question on a list of those in vain, where
 * the next caller finds it ended. Meanwhile the thread holds nothing but this and the end of a
 * pipe. */
struct lookup {
	char host[NI_MAXHOST];
	struct dial_addrs addrs;
	const char *failed; /* what resolve() gave */
	int done;           /* write end of a pipe, closed when the answer is there */
	pthread_t thread;
	atomic_bool ended; /* nothing that takes time is left for the thread to do */
	struct lookup *next;
};

enum { IN_VAIN_MAX = 8 };

static pthread_mutex_t in_vain_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lookup *in_vain;

static void lookup_end(struct lookup *lookup)
{
	pthread_join(lookup->thread, NULL);
	free(lookup);
}

/* Join the threads of questions that have ended. Returns how many questions are left. The lock is
 * held. */
static size_t end_in_vain(void)
{
	size_t left = 0;
	for (struct lookup **at = &in_vain; *at;) {
		struct lookup *lookup = *at;
		if (atomic_load(&lookup->ended)) {
			*at = lookup->next;
			lookup_end(lookup);
		} else {
			at = &lookup->next;
			left++;
		}
	}
	return left;
}

static enum gospy_code check_in_vain(struct gospy_error *err)
{
	pthread_mutex_lock(&in_vain_lock);
	size_t left = end_in_vain();
	pthread_mutex_unlock(&in_vain_lock);
	if (left < IN_VAIN_MAX)
		return GOSPY_OK;
	return err_set(err, GOSPY_E_LIMIT,
		       "%zu names that were to be looked up before are still unanswered", left);
}

static void give_up(struct lookup *lookup)
{
	pthread_mutex_lock(&in_vain_lock);
	lookup->next = in_vain;
	in_vain = lookup;
	pthread_mutex_unlock(&in_vain_lock);
}

static void *lookup_thread(void *arg)
{
	struct lookup *lookup = arg;
	lookup->failed = resolve(lookup->host, false, &lookup->addrs);
	close(lookup->done);
	atomic_store(&lookup->ended, true);
	return NULL;
}

static enum gospy_code lookup_start(const char *host, struct lookup **ret, int *answer_ret,
				    struct gospy_error *err)
{
	int ends[2];
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return err_nomem(err);
	if (pipe2(ends, O_CLOEXEC) != 0) {
		free(lookup);
		return err_os(err, errno, "pipe");
	}
	snprintf(lookup->host, sizeof(lookup->host), "%s", host);
	lookup->done = ends[1];
	int failed = thread_start(&lookup->thread, lookup_thread, lookup);
	if (failed) {
		close(ends[0]);
		close(ends[1]);
		free(lookup);
		return err_os(err, failed, "cannot start a thread");
	}
	*ret = lookup;
	*answer_ret = ends[0];
	return GOSPY_OK;
}

static enum gospy_code look_up_host(const char *host, uint64_t deadline_ns, struct dial_addrs *ret,
				    struct gospy_error *err)
{
	// A number needs no resolver.
	if (!resolve(host, true, ret))
		return GOSPY_OK;
	int answer CLEANUP_CLOSE = -1;
	struct lookup *lookup = NULL;
	enum gospy_code code = check_in_vain(err);
	if (!code)
		code = lookup_start(host, &lookup, &answer, err);
	if (code)
		return code;
	code = cancel_poll(answer, POLLIN, deadline_ns, err);
	if (code == GOSPY_E_LIMIT)
		err_set(err, code, "the name '%s' could not be looked up in time", host);
	if (code) {
		give_up(lookup);
		return code;
	}
	if (lookup->failed)
		code = err_set(err, GOSPY_E_NOT_FOUND, "there is no host '%s': %s", host,
			       lookup->failed);
	else
		*ret = lookup->addrs;
	lookup_end(lookup);
	return code;
}

/* A port in decimal, or 0. */
static uint16_t parse_port(const char *s)
{
	unsigned port = 0;
	for (; *s >= '0' && *s <= '9' && port <= UINT16_MAX; s++)
		port = port * 10 + (unsigned)(*s - '0');
	return *s || port > UINT16_MAX ? 0 : (uint16_t)port;
}

enum gospy_code dial_look_up(const char *host_port, uint64_t deadline_ns, struct dial_addrs *ret,
			     struct gospy_error *err)
{
	char host[NI_MAXHOST];
	const char *colon = strrchr(host_port, ':'), *name = host_port;
	size_t len = colon ? (size_t)(colon - host_port) : 0;
	uint16_t port = colon ? parse_port(colon + 1) : 0;
	if (len >= 2 && name[0] == '[' && name[len - 1] == ']') {
		name++;
		len -= 2;
	}
	if (!port || len >= sizeof(host))
		return err_set(err, GOSPY_E_USAGE,
			       "'%s' is not an address such as host:6060 or [::1]:6060", host_port);
	// As in Go's net.Dial, no host means this one.
	snprintf(host, sizeof(host), "%.*s", len ? (int)len : 9, len ? name : "localhost");
	enum gospy_code code = look_up_host(host, deadline_ns, ret, err);
	for (size_t i = 0; !code && i < ret->len; i++)
		ret->at[i].port = port;
	return code;
}

union any_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t os_address(const struct sock_addr *addr, union any_address *ret)
{
	*ret = (union any_address){0};
	if (addr->v6) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(addr->port);
		memcpy(&ret->v6.sin6_addr, addr->ip, 16);
		return sizeof(ret->v6);
	}
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons(addr->port);
	memcpy(&ret->v4.sin_addr, addr->ip, 4);
	return sizeof(ret->v4);
}

static enum gospy_code finish_connect(int fd, uint64_t deadline_ns, struct gospy_error *err)
{
	int failed = 0;
	socklen_t len = sizeof(failed);
	enum gospy_code code = cancel_poll(fd, POLLOUT, deadline_ns, err);
	if (code)
		return code;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0)
		failed = errno;
	return failed ? err_os(err, failed, "cannot connect") : GOSPY_OK;
}

enum gospy_code dial_connect(const struct sock_addr *addr, const struct netns *ns,
			     uint64_t deadline_ns, int *fd_ret, struct gospy_error *err)
{
	union any_address to;
	socklen_t len = os_address(addr, &to);
	int fd CLEANUP_CLOSE = -1;
	enum gospy_code code =
		netns_socket(ns, to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0, &fd, err);
	if (code)
		return code;
	if (connect(fd, &to.any, len) != 0)
		code = errno == EINPROGRESS ? finish_connect(fd, deadline_ns, err)
					    : err_os(err, errno, "cannot connect");
	if (!code)
		*fd_ret = take_fd(&fd);
	return code;
}
