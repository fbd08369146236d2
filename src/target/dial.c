#include "target/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"

static int left_ms(const struct dial_limit *limit)
{
	uint64_t now_ns = clock_mono_ns();
	if (now_ns >= limit->deadline_ns)
		return 0;
	uint64_t ms = (limit->deadline_ns - now_ns + 999999) / 1000000;
	return ms < INT_MAX ? (int)ms : INT_MAX;
}

enum gospy_code dial_wait(int fd, short events, const struct dial_limit *limit,
			  struct gospy_error *err)
{
	struct pollfd fds[] = {
		{.fd = fd, .events = events},
		{.fd = limit->cancel_fd, .events = POLLIN},
	};
	nfds_t count = limit->cancel_fd ? 2 : 1;
	for (;;) {
		int ms = left_ms(limit);
		int ready = poll(fds, count, ms);
		if (ready < 0 && errno != EINTR)
			return err_os(err, errno, "poll");
		if (ready > 0 && count == 2 && fds[1].revents)
			return err_set(err, GOSPY_E_CANCELLED, "cancelled");
		if (ready > 0)
			return GOSPY_OK;
		if (ready == 0 && left_ms(limit) == 0)
			return err_set(err, GOSPY_E_LIMIT, "the time is up");
	}
}

/* A question to the resolver, which may take long and cannot be called off: it runs in a thread of
 * its own, and whoever of the two lets go last frees it. */
struct lookup {
	char host[NI_MAXHOST];
	struct dial_addrs addrs;
	int status; /* of getaddrinfo() */
	int done;   /* write end of a pipe, closed when the answer is there */
	atomic_int users;
};

static void lookup_release(struct lookup *lookup)
{
	if (atomic_fetch_sub(&lookup->users, 1) == 1)
		free(lookup);
}

static int look_up_now(const char *host, int flags, struct dial_addrs *ret)
{
	struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM}, *list;
	int status = getaddrinfo(host, NULL, &hints, &list);
	if (status)
		return status;
	ret->len = 0;
	for (const struct addrinfo *i = list; i && ret->len < DIAL_ADDRS_MAX; i = i->ai_next) {
		struct sock_addr *addr = &ret->at[ret->len];
		*addr = (struct sock_addr){.v6 = i->ai_family == AF_INET6};
		if (addr->v6)
			memcpy(addr->ip, &((struct sockaddr_in6 *)i->ai_addr)->sin6_addr, 16);
		else if (i->ai_family == AF_INET)
			memcpy(addr->ip, &((struct sockaddr_in *)i->ai_addr)->sin_addr, 4);
		else
			continue;
		ret->len++;
	}
	freeaddrinfo(list);
	return ret->len ? 0 : EAI_NONAME;
}

static void *lookup_thread(void *arg)
{
	struct lookup *lookup = arg;
	lookup->status = look_up_now(lookup->host, AI_ADDRCONFIG, &lookup->addrs);
	close(lookup->done);
	lookup_release(lookup);
	return NULL;
}

static enum gospy_code lookup_start(const char *host, struct lookup **ret, int *answer_ret,
				    struct gospy_error *err)
{
	int ends[2];
	pthread_t thread;
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	if (!lookup)
		return err_nomem(err);
	if (pipe2(ends, O_CLOEXEC) != 0) {
		free(lookup);
		return err_os(err, errno, "pipe");
	}
	snprintf(lookup->host, sizeof(lookup->host), "%s", host);
	lookup->done = ends[1];
	atomic_init(&lookup->users, 2);
	int failed = pthread_create(&thread, NULL, lookup_thread, lookup);
	if (failed) {
		close(ends[0]);
		close(ends[1]);
		free(lookup);
		return err_os(err, failed, "cannot start a thread");
	}
	pthread_detach(thread);
	*ret = lookup;
	*answer_ret = ends[0];
	return GOSPY_OK;
}

static enum gospy_code look_up_host(const char *host, const struct dial_limit *limit,
				    struct dial_addrs *ret, struct gospy_error *err)
{
	// A number needs no resolver.
	if (look_up_now(host, AI_NUMERICHOST, ret) == 0)
		return GOSPY_OK;
	int answer CLEANUP_CLOSE = -1;
	struct lookup *lookup = NULL;
	enum gospy_code code = lookup_start(host, &lookup, &answer, err);
	if (code)
		return code;
	code = dial_wait(answer, POLLIN, limit, err);
	if (code == GOSPY_E_LIMIT)
		err_set(err, code, "the name '%s' could not be looked up in time", host);
	if (!code && lookup->status)
		code = err_set(err, GOSPY_E_NOT_FOUND, "there is no host '%s': %s", host,
			       gai_strerror(lookup->status));
	if (!code)
		*ret = lookup->addrs;
	lookup_release(lookup);
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

enum gospy_code dial_look_up(const char *host_port, const struct dial_limit *limit,
			     struct dial_addrs *ret, struct gospy_error *err)
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
	// As in Go's net.Dial, no host is this one.
	snprintf(host, sizeof(host), "%.*s", len ? (int)len : 9, len ? name : "localhost");
	enum gospy_code code = look_up_host(host, limit, ret, err);
	for (size_t i = 0; !code && i < ret->len; i++)
		ret->at[i].port = port;
	return code;
}

/* Makes a socket in another network namespace: only the thread that does it enters that. */
struct foreign_socket {
	pid_t netns_of;
	int family;
	int fd, os_errno;
};

static int new_socket(int family)
{
	return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static void *foreign_socket_thread(void *arg)
{
	struct foreign_socket *want = arg;
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/ns/net", want->netns_of);
	int ns CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	if (ns >= 0 && setns(ns, CLONE_NEWNET) == 0)
		want->fd = new_socket(want->family);
	if (want->fd < 0)
		want->os_errno = errno;
	return NULL;
}

static enum gospy_code open_socket(int family, pid_t netns_of, int *fd_ret, struct gospy_error *err)
{
	struct foreign_socket want = {.netns_of = netns_of, .family = family, .fd = -1};
	pthread_t thread;
	if (!netns_of) {
		*fd_ret = new_socket(family);
		return *fd_ret < 0 ? err_os(err, errno, "cannot make a socket") : GOSPY_OK;
	}
	int failed = pthread_create(&thread, NULL, foreign_socket_thread, &want);
	if (failed)
		return err_os(err, failed, "cannot start a thread");
	pthread_join(thread, NULL);
	if (want.fd < 0)
		return err_os(err, want.os_errno, "cannot enter the network namespace of %d",
			      (int)netns_of);
	*fd_ret = want.fd;
	return GOSPY_OK;
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

static enum gospy_code finish_connect(int fd, const struct dial_limit *limit,
				      struct gospy_error *err)
{
	int failed = 0;
	socklen_t len = sizeof(failed);
	enum gospy_code code = dial_wait(fd, POLLOUT, limit, err);
	if (code)
		return code;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0)
		failed = errno;
	return failed ? err_os(err, failed, "cannot connect") : GOSPY_OK;
}

enum gospy_code dial_connect(const struct sock_addr *addr, pid_t netns_of,
			     const struct dial_limit *limit, int *fd_ret, struct gospy_error *err)
{
	union any_address to;
	socklen_t len = os_address(addr, &to);
	int fd CLEANUP_CLOSE = -1;
	enum gospy_code code = open_socket(to.any.sa_family, netns_of, &fd, err);
	if (code)
		return code;
	if (connect(fd, &to.any, len) != 0)
		code = errno == EINPROGRESS ? finish_connect(fd, limit, err)
					    : err_os(err, errno, "cannot connect");
	if (!code)
		*fd_ret = take_fd(&fd);
	return code;
}
