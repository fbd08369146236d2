/* The goroutine profile: where each goroutine is, as the runtime's own traceback for profiles notes
 * it. src/runtime/mprof.go:saveg, traceback.go:tracebackPCs (gentraceback up to Go 1.20). */
#ifndef GOSPY_PROFILE_GOROUTINES_H
#define GOSPY_PROFILE_GOROUTINES_H

#include "profile/counts.h"
#include "snapshot/snapshot.h"

/** Count all that runtime/pprof counts: no dead ones, and none of the runtime's own. `depth`: so
 * many addresses are kept of a stack. `labels`: those with different profiler labels are counted
 * apart. `*unknown_ret`: so many of them are known by their start alone. */
enum gospy_code goroutines_count(struct gospy_snapshot *snapshot, size_t depth, bool labels,
				 struct counts *counts, uint64_t *unknown_ret,
				 struct gospy_error *err);

#endif
