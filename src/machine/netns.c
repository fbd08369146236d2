#include "machine/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/thread.h"
#include "live/procfs.h"

enum {
	NAMESPACES_MAX = 64,
	THREADS_MAX = 16384,
};

static ino_t id_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

struct netns netns_of(pid_t tid)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)tid);
	struct netns ns = {.tid = tid, .id = id_of(path)};
	ns.own = ns.id && ns.id == id_of("/proc/thread-self/ns/net");
	return ns;
}

static bool is_known(const netns_vec *known, ino_t id)
{
	for (size_t i = 0; i < known->len; i++) {
		if (known->at[i].id == id)
			return true;
	}
	return false;
}

enum gospy_code netns_of_others(pid_t pid, const struct netns *first, netns_vec *ret,
				struct gospy_error *err)
{
	pid_vec tids = {0};
	enum gospy_code code = procfs_tids(pid, &tids, err);
	for (size_t i = 0; !code && i < tids.len && i < THREADS_MAX; i++) {
		const struct netns ns = netns_of(tids.at[i]);
		if (!ns.id || ns.id == first->id || is_known(ret, ns.id))
			continue;
		if (ret->len == NAMESPACES_MAX)
			break;
		if (!vec_push(ret, ns))
			code = err_nomem(err);
	}
	vec_free(&tids);
	return code;
}

/* Only the thread that makes the socket enters the namespace, and then it ends. */
struct order {
	pid_t tid;
	ino_t id;
	int family, type, protocol;
	int fd, os_errno;
};

static void *make_socket(void *arg)
{
	struct order *order = arg;
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)order->tid);
	struct stat st;
	int ns CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || fstat(ns, &st) != 0) {
		order->os_errno = errno;
		return NULL;
	}
	// The thread may have entered another one, or be another process's by now.
	if (st.st_ino != order->id) {
		order->os_errno = ESTALE;
		return NULL;
	}
	if (setns(ns, CLONE_NEWNET) == 0)
		order->fd = socket(order->family, order->type, order->protocol);
	if (order->fd < 0)
		order->os_errno = errno;
	return NULL;
}

enum gospy_code netns_socket(const struct netns *ns, int family, int type, int protocol,
			     int *fd_ret, struct gospy_error *err)
{
	struct order order = {ns->tid, ns->id, family, type | SOCK_CLOEXEC, protocol, -1, 0};
	pthread_t thread;
	if (ns->own) {
		*fd_ret = socket(family, order.type, protocol);
		return *fd_ret < 0 ? err_os(err, errno, "cannot make a socket") : GOSPY_OK;
	}
	int failed = thread_start(&thread, make_socket, &order);
	if (failed)
		return err_os(err, failed, "cannot start a thread");
	pthread_join(thread, NULL);
	if (order.os_errno == ESTALE)
		return err_set(err, GOSPY_E_GONE, "thread %d has left its network namespace",
			       (int)ns->tid);
	if (order.fd < 0)
		return err_os(err, order.os_errno, "cannot enter the network namespace of %d",
			      (int)ns->tid);
	*fd_ret = order.fd;
	return GOSPY_OK;
}
