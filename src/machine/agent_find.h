/*
 * Where the agent listens that a program may have taken in from github.com/google/gops.
 *
 * The agent leaves its port in a file called after its pid, in $GOPS_CONFIG_DIR,
 * $XDG_CONFIG_HOME/gops or ~/.config/gops (gops:internal/internal.go). Pid, home, variables and
 * directories are those of its process, which may live in namespaces of its own. The file stays
 * behind when the process is killed, and anybody may write one: it counts only if the process
 * itself listens on that port.
 */
#ifndef GOSPY_MACHINE_AGENT_FIND_H
#define GOSPY_MACHINE_AGENT_FIND_H

#include <limits.h>

#include "live/process.h"
#include "machine/listeners.h"

/** What is looked up once for many processes; all zero is a valid empty one. With a budget in
 * .networks looking up a process may be GOSPY_E_LIMIT. */
struct agent_finder {
	struct listener_finder networks; /* namespaces and who listens there */
	VEC(struct agent_home) homes;    /* home directories by user */
};
void agent_finder_deinit(struct agent_finder *finder);

struct agent_listener {
	struct sock_addr addr; /* to connect to */
	struct netns ns;       /* in which that is */
};

struct agent_place {
	struct agent_listener listener;
	char file[PATH_MAX]; /* the port file as gospy sees it, or "" */
};

/** Find the agent of process `pid`, of which `tid` is a live thread, by its port file. `status` is
 * that of the process, for a caller who has read it already, or NULL. GOSPY_E_NOT_FOUND: no file,
 * or none that is true; the message says which. GOSPY_E_PERM: not all of it may be looked at. */
enum gospy_code agent_find(struct agent_finder *finder, pid_t pid, pid_t tid,
			   const struct proc_status *status, struct agent_place *ret,
			   struct gospy_error *err);

/** The port file of a process that is gone, where gops and this user would look for it; false:
 * there is none. */
bool agent_left_file(pid_t pid, char path[PATH_MAX]);

/** Where a process listens on TCP, in the network namespaces of all its threads, as addresses to
 * connect to; the loopback ones come first. GOSPY_E_PERM: its descriptors may not be listed. `err`
 * is filled then. */
enum { AGENT_LISTENERS_MAX = 16 };
struct agent_listeners {
	struct agent_listener at[AGENT_LISTENERS_MAX];
	size_t len;
	size_t more; /* that there was no room for */
};
enum gospy_code agent_listeners(struct agent_finder *finder, pid_t pid, pid_t tid,
				struct agent_listeners *ret, struct gospy_error *err);

#endif
