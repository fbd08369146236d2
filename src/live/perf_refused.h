/* Why the kernel refuses perf events. The facts that decide it, apart from how they are gathered,
 * so that every cause can be tested without bringing it about. */
#ifndef GOSPY_LIVE_PERF_REFUSED_H
#define GOSPY_LIVE_PERF_REFUSED_H

#include <sys/types.h>

#include "base/error.h"

/* kernel/events/core.c:perf_event_open, security/security.c:perf_allow_*. */
struct perf_refused_facts {
	pid_t pid;    /* of the target */
	int os_errno; /* of perf_event_open(2) */
	int paranoid; /* kernel.perf_event_paranoid; 4 where it is higher or cannot be read */
	bool system;  /* it was asked for events of the whole system */
	bool root;    /* gospy is root, in its user namespace */
	uint64_t cap_effective;
};

/** Put cause and remedy into `err`; GOSPY_E_PERM, or GOSPY_E_UNSUPPORTED: this kernel has none. */
enum gospy_code perf_refused_explain(const struct perf_refused_facts *facts,
				     struct gospy_error *err);
/** The same, with the facts of this machine. */
enum gospy_code perf_refused(pid_t pid, int os_errno, bool system, struct gospy_error *err);

#endif
