/*
 * A TCP connection as a client, with a limit to every wait. All descriptors are non-blocking.
 */
#ifndef GOSPY_TARGET_DIAL_H
#define GOSPY_TARGET_DIAL_H

#include "base/error.h"
#include "target/sockets.h"

/** When a wait ends without what it waits for. */
struct dial_limit {
	uint64_t deadline_ns; /* of clock_mono_ns() */
	int cancel_fd;        /* give up when it becomes readable; 0: there is none */
};

/** Wait until `fd` is ready for `events` of poll(2), or has failed. GOSPY_E_LIMIT: the time is up,
 * GOSPY_E_CANCELLED. */
enum gospy_code dial_wait(int fd, short events, const struct dial_limit *limit,
			  struct gospy_error *err);

/** The addresses of a host in the order of preference, at most DIAL_ADDRS_MAX. */
enum { DIAL_ADDRS_MAX = 8 };
struct dial_addrs {
	struct sock_addr at[DIAL_ADDRS_MAX];
	size_t len;
};

/** Take "host:port" or "[::1]:port" apart and look the host up. GOSPY_E_USAGE, GOSPY_E_NOT_FOUND,
 * GOSPY_E_LIMIT, GOSPY_E_CANCELLED. */
enum gospy_code dial_look_up(const char *host_port, const struct dial_limit *limit,
			     struct dial_addrs *ret, struct gospy_error *err);

/** Connect. `netns_of` is a thread whose network namespace the address is of; 0: gospy's.
 * GOSPY_E_PERM: that namespace may not be entered; GOSPY_E_OS: refused, unreachable ...;
 * GOSPY_E_LIMIT, GOSPY_E_CANCELLED. */
enum gospy_code dial_connect(const struct sock_addr *addr, pid_t netns_of,
			     const struct dial_limit *limit, int *fd_ret, struct gospy_error *err);

#endif
