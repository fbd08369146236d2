/*
 * Network namespaces. Each thread of a process may be in one of its own: setns(2) and unshare(2)
 * concern a thread.
 */
#ifndef GOSPY_MACHINE_NETNS_H
#define GOSPY_MACHINE_NETNS_H

#include "base/error.h"
#include "base/vec.h"

/** A namespace, by a thread that is in it. */
struct netns {
	pid_t tid;
	ino_t id; /* 0: it may not be looked at */
	bool own; /* it is that of gospy's calling thread */
};

/** That of thread `tid`. */
struct netns netns_of(pid_t tid);

/** The namespaces of all threads of `pid` but `first`, each once. There are limits that no sensible
 * process reaches: 64 namespaces, among the first 16,384 threads. Appends to `*ret`; GOSPY_E_GONE.
 */
typedef VEC(struct netns) netns_vec;
enum gospy_code netns_of_others(pid_t pid, const struct netns *first, netns_vec *ret,
				struct gospy_error *err);

/** socket(2) in that namespace, with SOCK_CLOEXEC. GOSPY_E_PERM: it may not be entered;
 * GOSPY_E_GONE: the thread is in another one by now. */
enum gospy_code netns_socket(const struct netns *ns, int family, int type, int protocol,
			     int *fd_ret, struct gospy_error *err);

#endif
