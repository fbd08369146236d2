/* A thread that looks at the Go processes of this machine, for the picker. */
#ifndef GOSPY_TUI_PROCS_H
#define GOSPY_TUI_PROCS_H

#include "base/vec.h"
#include "gospy.h"

/** A process. Texts are raw; NULL: unknown. */
struct proc {
	pid_t pid;
	char *user, *go_version;
	char *command;       /* and arguments; without the directory of the executable */
	uint64_t up_ns;      /* since its start, or GOSPY_UNKNOWN */
	uint64_t rss;        /* or GOSPY_UNKNOWN */
	uint64_t goroutines; /* or GOSPY_UNKNOWN: not counted, or not yet */
	bool counted;        /* it was tried */
	char *problem;       /* why it cannot be read, or NULL */
};
typedef VEC(struct proc) proc_list;
void proc_list_free(proc_list *list);

struct procs;
/** Begin, with these processes alone, or with all if `n` is 0. GOSPY_E_OS; out of memory ends the
 * program. */
enum gospy_code procs_start(const pid_t *only, size_t n, struct procs **ret,
			    struct gospy_error *err);
/** End. What is being read is called off (tui/worker.h). */
void procs_stop(struct procs *procs);
/** Readable when there is something new. */
int procs_fd(const struct procs *procs);
/** A copy of what is known, and the number of processes that may not be looked at; makes the
 * descriptor unreadable. false: nothing is known yet. */
bool procs_take(struct procs *procs, proc_list *ret, size_t *unreadable_ret);
/** Look and count again now. */
void procs_refresh(struct procs *procs);

#endif
