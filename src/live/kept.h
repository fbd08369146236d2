/*
 * What is held on to of a process for somebody who looks at it again and again (struct source_kept
 * of target/source.h): descriptors of the files of its threads. To read through one is one system
 * call instead of three, and it proves that the thread is the one that it was.
 */
#ifndef GOSPY_LIVE_KEPT_H
#define GOSPY_LIVE_KEPT_H

#include "live/look.h"
#include "target/source.h"

struct kept_thread {
	struct task task;
	int stat_fd;
	struct look look;
};

struct kept {
	struct source_kept base; /* first */
	struct looker looker;
	/* All that there were when they were listed. Empty if there are too many for that. */
	VEC(struct kept_thread) threads;
};

/** procfs_tasks(), and take hold of the threads that are found. `*kept` may become NULL. */
enum gospy_code kept_tasks(struct source_kept **kept, pid_t pid, bool namespaced, struct tasks *ret,
			   struct gospy_error *err);
/** NULL for NULL. */
static inline struct kept *kept_of(struct source_kept *kept)
{
	return (struct kept *)kept;
}

#endif
