/* The goroutine profile: where each goroutine is, as the runtime's own traceback for profiles notes
 * it. src/runtime/mprof.go:saveg, traceback.go:tracebackPCs (gentraceback up to Go 1.20). */
#ifndef GOSPY_PROFILE_GOROUTINES_H
#define GOSPY_PROFILE_GOROUTINES_H

#include "profile/counts.h"
#include "profile/leaked.h"
#include "snapshot/snapshot.h"

/** What goroutines with the same stack are told apart by. */
struct goroutines_by {
	bool labels;        /* their profiler labels */
	bool state, reason; /* these become labels, too, before the others */
	/* Count no other than these; who is not proved to be one has the label "verdict". NULL:
	 * all.
	 */
	const struct leaked *leaked;
};

/** Count all that runtime/pprof counts: no dead ones, and none of the runtime's own. `depth`: so
 * many addresses are kept of a stack. `*unknown_ret`: so many of them are known by their start
 * alone. */
enum gospy_code goroutines_count(struct gospy_snapshot *snapshot, size_t depth,
				 const struct goroutines_by *by, struct counts *counts,
				 uint64_t *unknown_ret, struct gospy_error *err);

#endif
