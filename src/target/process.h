/*
 * A live process held by identity: pid, start time and a pidfd. A pid alone may come to name
 * another process.
 */
#ifndef GOSPY_TARGET_PROCESS_H
#define GOSPY_TARGET_PROCESS_H

#include "target/procfs.h"

struct process {
	pid_t pid;
	pid_t live_tid; /* a thread that can be read through: pid, unless the leader is dead */
	uint64_t start_ticks;
	int pidfd; /* -1 on kernels before 5.3 */
	char comm[PROC_COMM_MAX];
	/* Identity of the executable (device, inode) at opening: exec changes it. */
	uint64_t exe_dev, exe_ino;
};

/** GOSPY_E_GONE: no such process, or a zombie. GOSPY_E_NOT_GO: a kernel thread. GOSPY_E_PERM: see
 * process_diagnose_eperm. */
enum gospy_code process_open(pid_t pid, struct process *ret, struct gospy_error *err);
void process_close(struct process *process);

/**
 * Is this still the process that was opened, running the same program? Finds another live thread
 * when `live_tid` has ended. GOSPY_E_GONE says whether it ended, exec'ed, or the pid was reused.
 * An exec of the very same file is recognised by the caller through AT_ENTRY, AT_PHDR and the auxv
 * (address space randomisation) where that matters.
 */
enum gospy_code process_check(struct process *process, struct gospy_error *err);

/** A thread of `pid` that still has its memory: the leader, unless it is dead. GOSPY_E_GONE. */
enum gospy_code process_live_tid(pid_t pid, pid_t *ret, struct gospy_error *err);

/** /proc knows no such process: GOSPY_E_GONE, or GOSPY_E_PERM where it hides it, being mounted with
 * hidepid (proc(5)). */
enum gospy_code process_explain_missing(pid_t pid, struct gospy_error *err);

enum process_access { PROCESS_READ_MEMORY, PROCESS_STOP };

/**
 * Explain why the kernel refused: fills `err` with GOSPY_E_PERM, the cause that applies (another
 * tracer and its name, other user, not dumpable, Yama, seccomp filter on gospy itself, missing
 * CAP_SYS_PTRACE, other user namespace) and one remedy. Returns GOSPY_E_PERM.
 */
enum gospy_code process_diagnose_eperm(pid_t pid, enum process_access access,
				       struct gospy_error *err);

#endif
