/*
 * A live process held by identity: pid, start time, a pidfd and its memory. A pid alone may come to
 * name another process, and a process may exec.
 */
#ifndef GOSPY_LIVE_PROCESS_H
#define GOSPY_LIVE_PROCESS_H

#include <stdatomic.h>

#include "live/procfs.h"

struct process {
	pid_t pid;
	/* A thread that can be read through: pid, unless the leader is dead. It is atomic because
	 * each check may find another one while other threads of this program read through it. */
	atomic_int live_tid;
	uint64_t start_ticks;
	int pidfd;  /* -1 on kernels before 5.3 */
	int mem_fd; /* of the memory it had at opening; -1: not permitted */
	char comm[COMM_MAX];
	/* Identity of the executable (device, inode) at opening: exec changes it. */
	uint64_t exe_dev, exe_ino;
};

/** None is open: process_close() does nothing. */
#define PROCESS_NONE ((struct process){.pidfd = -1, .mem_fd = -1})

/** GOSPY_E_GONE: no such process, or a zombie. GOSPY_E_NOT_GO: a kernel thread. GOSPY_E_PERM: see
 * diagnose_eperm. */
enum gospy_code process_open(pid_t pid, struct process *ret, struct gospy_error *err);
void process_close(struct process *process);

/**
 * Is this still the process that was opened, running the same program? Finds another live thread
 * when `live_tid` has ended. GOSPY_E_GONE says whether it ended, exec'ed, or the pid was reused.
 * An exec, of the very same file too, gives it another memory; unless two processes share the old
 * one, the parent of a vfork and its child: then the auxiliary vector still tells (image_check).
 */
enum gospy_code process_check(struct process *process, struct gospy_error *err);

/**
 * Looking into the process has failed, with `code` and `err`. If the process was ending or
 * executing a program meanwhile, that is why. Returns what is to be reported.
 */
enum gospy_code process_explain(struct process *process, enum gospy_code code,
				struct gospy_error *err);

/** A thread of `pid` that still has its memory: the leader, unless it is dead. GOSPY_E_GONE: there
 * is none. */
enum gospy_code process_live_tid(pid_t pid, pid_t *ret, struct gospy_error *err);

/** What /proc says of a process. GOSPY_E_GONE: there is none, though there may be a thread with
 * that id; GOSPY_E_PERM: see diagnose_missing. */
enum gospy_code process_stat(pid_t pid, struct proc_stat *stat_ret, struct proc_status *status_ret,
			     struct gospy_error *err);

#endif
