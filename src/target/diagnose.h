/*
 * Why may gospy not look into a process? The facts that decide it, apart from how they are
 * gathered, so that every cause can be tested without bringing it about.
 */
#ifndef GOSPY_TARGET_DIAGNOSE_H
#define GOSPY_TARGET_DIAGNOSE_H

#include "target/process.h"

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

	uid_t uid;
	gid_t gid;
	bool is_root;
	uint64_t cap_effective, cap_permitted;

	uid_t target_uid, target_euid;
	gid_t target_gid, target_egid;
	const char *target_user;
	uint64_t target_cap_permitted;
};

/** Put cause and remedy into `err`; returns GOSPY_E_PERM. */
enum gospy_code diagnose_explain(const struct eperm_facts *facts, struct gospy_error *err);

#endif
