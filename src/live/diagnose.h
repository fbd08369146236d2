/*
 * Why may gospy not look into a process? The facts that decide it, apart from how they are
 * gathered, so that every cause can be tested without bringing it about.
 */
#ifndef GOSPY_LIVE_DIAGNOSE_H
#define GOSPY_LIVE_DIAGNOSE_H

#include "live/procfs.h"

/** What gospy wanted to do. */
enum process_access { PROCESS_READ_MEMORY, PROCESS_STOP };

/** What the kernel's ptrace access check looks at: ptrace(2), and __ptrace_may_access() in
 * kernel/ptrace.c. */
struct eperm_facts {
	enum process_access access;
	pid_t pid;
	const char *comm; /* printable */
	bool self;        /* the target is gospy's own process */

	pid_t tracer_pid; /* who traces the target, 0: nobody that gospy can see */
	const char *tracer_comm;

	bool ptrace_filtered; /* a seccomp filter on gospy rejects ptrace(2) */
	int yama_scope;       /* kernel.yama.ptrace_scope, -1 without Yama */
	enum user_ns { USER_NS_OWN, USER_NS_OTHER, USER_NS_UNKNOWN } user_ns; /* the target's */
	bool dumpable;
	uid_t files_uid; /* owner of the target's files in /proc */
	const char *files_user;

	uid_t uid, euid;
	gid_t gid;
	uint64_t cap_effective, cap_permitted;

	uid_t target_uid, target_euid;
	gid_t target_gid, target_egid;
	const char *target_user;
	uint64_t target_cap_permitted;
};

/** Put cause and remedy into `err`; returns GOSPY_E_PERM. */
enum gospy_code diagnose_explain(const struct eperm_facts *facts, struct gospy_error *err);

/**
 * Explain why the kernel refused: fills `err` with GOSPY_E_PERM, the cause that applies (another
 * tracer and its name, other user, not dumpable, Yama, seccomp filter on gospy itself, missing
 * CAP_SYS_PTRACE or CAP_DAC_READ_SEARCH, other user namespace) and one remedy. Returns
 * GOSPY_E_PERM; or what diagnose_missing does.
 */
enum gospy_code diagnose_eperm(pid_t pid, enum process_access access, struct gospy_error *err);
/** The same where it is known that `tracer_pid` traces `pid`, or did. */
enum gospy_code diagnose_traced(pid_t pid, pid_t tracer_pid, struct gospy_error *err);
/** /proc knows no such process: GOSPY_E_GONE, or GOSPY_E_PERM where /proc hides it, because it is
 * mounted with hidepid (proc(5)). */
enum gospy_code diagnose_missing(pid_t pid, struct gospy_error *err);

/** kernel.yama.ptrace_scope, -1 without Yama. */
int diagnose_yama_scope(void);
/** Does a seccomp filter on gospy reject ptrace(2)? */
bool diagnose_ptrace_filtered(void);

#endif
