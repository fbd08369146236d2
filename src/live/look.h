/*
 * Does a thread execute anything? It is found out without touching the thread.
 *
 * The kernel counts how often it puts a thread on a processor (sched_info.pcount: the third word of
 * schedstat; kernel/sched/stats.h, sched_info_arrive(), takes CONFIG_SCHED_INFO), and how often it
 * takes it off one (nvcsw + nivcsw: kernel/sched/core.c, __schedule()). And the file `syscall` says
 * "running" unless the kernel itself has made sure that the thread is off every processor, waits
 * for none, and would have to be woken first (fs/proc/base.c, proc_pid_syscall();
 * lib/syscall.c, task_current_syscall()). So a thread that `syscall` has shown to be asleep, and
 * whose count of arrivals is later what it was before, has executed nothing in between. The proof
 * is in docs/internals.md.
 *
 * All that is needed is the right to ptrace the thread. Nothing is stopped, and no system call of
 * the thread is interrupted.
 */
#ifndef GOSPY_LIVE_LOOK_H
#define GOSPY_LIVE_LOOK_H

#include "live/procfs.h"
#include "target/moment.h"

enum look_result {
	LOOK_QUIET,   /* it is off every processor */
	LOOK_RUNS,    /* it runs or waits for a processor; of look_again: or it did since */
	LOOK_GONE,    /* it has ended */
	LOOK_UNKNOWN, /* the kernel does not say: no CONFIG_SCHED_INFO, or a file is refused */
};

/* What was seen of a thread. */
struct look {
	pid_t tid;
	/* Of its files; -1: they are opened anew each time. A descriptor is of this very thread:
	 * when the thread has ended it cannot be read from, whoever has the id then. */
	int schedstat_fd, syscall_fd;
	bool keeps; /* both may stay open, whatever .fds_left says */
	bool same;  /* set by those who keep them: the thread is that of an earlier capture */
	uint64_t arrivals;
	struct place place; /* valid if it was found quiet */
};

/** Nothing was seen yet of this thread. */
#define LOOK_OF(thread_id) ((struct look){.tid = (thread_id), .schedstat_fd = -1, .syscall_fd = -1})

/* The threads of a process, and the descriptors that looking at them may use. */
struct looker {
	pid_t pid;
	int task_fd;     /* of /proc/PID/task */
	size_t fds_left; /* how many more schedstat_fd may stay open */
};

/** How many descriptors of this program may be used for looking. */
size_t look_fds_most(void);
/** GOSPY_E_GONE. */
enum gospy_code looker_open(struct looker *looker, pid_t pid, struct gospy_error *err);
void looker_close(struct looker *looker);
/** How many threads the process has, at hardly any cost; 0: the kernel does not tell.
 * (fs/proc/base.c, proc_task_getattr(): two more links.) */
uint64_t looker_count(const struct looker *looker);

/**
 * Look at the thread `look->tid`: the one that has that id now, if the one whose files are open has
 * ended. A thread that is about to sleep and has lost its processor before
 * is waited for, until it gets one again: look before anything stands still. A look may be made
 * again; look_deinit() afterwards.
 */
enum look_result look_at(struct looker *looker, struct look *look);
/** Was the thread put on a processor since look_at() found it quiet? Never waits. */
enum look_result look_again(const struct looker *looker, const struct look *look);
/** How often the thread was taken off a processor. false: not known. */
bool look_departures(const struct looker *looker, pid_t tid, uint64_t *ret);
/** How often the thread was put on a processor. */
enum look_result look_arrivals(const struct looker *looker, const struct look *look, uint64_t *ret);
void look_deinit(struct look *look);

/** Parse the file `syscall` of a thread into `*ret`. LOOK_UNKNOWN: malformed. */
enum look_result look_parse_syscall(struct span text, struct look *ret);
/** Parse the file `schedstat`. false: malformed. */
bool look_parse_schedstat(struct span text, uint64_t *arrivals_ret);

#endif
