/*
 * A live process held by identity: pid, start time, a pidfd and its memory. A pid alone may come to
 * name another process, and a process may exec.
 */
#ifndef GOSPY_TARGET_PROCESS_H
#define GOSPY_TARGET_PROCESS_H

#include "target/procfs.h"

struct process {
	pid_t pid;
	pid_t live_tid; /* a thread that can be read through: pid, unless the leader is dead */
	uint64_t start_ticks;
	int pidfd;  /* -1 on kernels before 5.3 */
	int mem_fd; /* of the memory it had at opening; -1: not permitted */
	char comm[PROC_COMM_MAX];
	/* Identity of the executable (device, inode) at opening: exec changes it. */
	uint64_t exe_dev, exe_ino;
};

/** None is open: process_close() does nothing. */
#define PROCESS_NONE ((struct process){.pidfd = -1, .mem_fd = -1})

/** GOSPY_E_GONE: no such process, or a zombie. GOSPY_E_NOT_GO: a kernel thread. GOSPY_E_PERM: see
 * process_diagnose_eperm. */
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
 * To look into the process has failed, with `code` and `err`, which may be a consequence: if it was
 * ending, or executing a program, meanwhile, that is why. Returns what is to be reported.
 */
enum gospy_code process_explain(struct process *process, enum gospy_code code,
				struct gospy_error *err);

/** A thread of `pid` that still has its memory: the leader, unless it is dead. GOSPY_E_GONE: there
 * is none. */
enum gospy_code process_live_tid(pid_t pid, pid_t *ret, struct gospy_error *err);

/** /proc knows no such process: GOSPY_E_GONE, or GOSPY_E_PERM where it hides it, being mounted with
 * hidepid (proc(5)). */
enum gospy_code process_explain_missing(pid_t pid, struct gospy_error *err);

enum process_access { PROCESS_READ_MEMORY, PROCESS_STOP };

/**
 * Explain why the kernel refused: fills `err` with GOSPY_E_PERM, the cause that applies (another
 * tracer and its name, other user, not dumpable, Yama, seccomp filter on gospy itself, missing
 * CAP_SYS_PTRACE, other user namespace) and one remedy. Returns GOSPY_E_PERM; or what
 * process_explain_missing does.
 */
enum gospy_code process_diagnose_eperm(pid_t pid, enum process_access access,
				       struct gospy_error *err);
/** The same where it is known that `tracer_pid` traces `pid`, or did. */
enum gospy_code process_diagnose_traced(pid_t pid, pid_t tracer_pid, struct gospy_error *err);

#endif
