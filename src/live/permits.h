/* What this machine, its kernel, a container and the user permit gospy, whatever the target. The
 * facts that decide it, apart from how they are gathered, so that every case can be tested without
 * bringing it about. */
#ifndef GOSPY_LIVE_PERMITS_H
#define GOSPY_LIVE_PERMITS_H

#include <gospy.h>

#include "base/arena.h"
#include "base/vec.h"

struct permit_facts {
	const char *release; /* of the kernel, uname(2) */
	const char *user;    /* whom gospy runs as */
	bool root;           /* that is root, in its user namespace */
	uint64_t cap_effective;
	bool outer_pids;  /* gospy lives in the machine's first PID namespace: pid_namespaces(7) */
	bool outer_users; /* the same of user namespaces */
	bool hides_pids;  /* /proc shows this user its own processes only: hidepid, proc(5) */
	int yama_scope;   /* as in struct eperm_facts */
	bool ptrace_filtered;
	int read_errno;           /* of process_vm_readv(2) of gospy's own memory; 0: it works */
	bool has_sched_info;      /* the kernel counts how often a thread ran: CONFIG_SCHED_INFO */
	bool has_syscall;         /* /proc/TID/syscall says where a thread stands */
	bool may_lead;            /* it may ask for a real-time priority: sched(7) */
	int sockets_errno;        /* of NETLINK_SOCK_DIAG, sock_diag(7); 0: it answers */
	int perf_paranoid;        /* kernel.perf_event_paranoid */
	int perf_errno;           /* of a perf event of gospy's own; 0: it was opened */
	int perf_kernel_errno;    /* the same, and of what the kernel does for it */
	int perf_system_errno;    /* the same of a whole processor */
	const char *core_pattern; /* kernel.core_pattern, or NULL */
	uint64_t core_limit;      /* RLIMIT_CORE of gospy, which its shell would hand on */
	bool debuginfod;          /* DEBUGINFOD_URLS names a server */
};

typedef VEC(struct gospy_finding) finding_vec;

/** Find the facts of this machine; texts are the arena's. No other process is touched. */
enum gospy_code permits_gather(struct permit_facts *ret, struct arena *arena,
			       struct gospy_error *err);
/** What follows, most important first, with the remedies. Appends to `*ret`; texts are the
 * arena's or constant. GOSPY_E_NOMEM. */
enum gospy_code permits_explain(const struct permit_facts *facts, finding_vec *ret,
				struct arena *arena, struct gospy_error *err);

#endif
