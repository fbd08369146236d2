/* The calls of a profile's stacks as its text shows them: runtime.CallersFrames of all addresses.
 * src/runtime/pprof/pprof.go:printStackRecord. */
#ifndef GOSPY_PROFILE_FRAME_TABLE_H
#define GOSPY_PROFILE_FRAME_TABLE_H

#include "base/map.h"
#include "profile/locations.h"

/** All zero is an empty one. */
struct frame_table {
	VEC(struct gospy_profile_frame) all; /* texts are in the arena of the locations */
	struct map by_pc;                    /* return address -> 1 + index */
	struct callers stack;                /* the one that is looked at */
};

void frame_table_deinit(struct frame_table *table);
/** Fill .frames of the sample from its .pcs. False: out of memory. */
bool frame_table_stack(struct frame_table *table, const struct locations *locations,
		       struct gospy_profile_sample *sample);

#endif
