/* Goroutines counted by their location. Memory grows with the locations, not the goroutines. */
#ifndef GOSPY_RENDER_GROUP_H
#define GOSPY_RENDER_GROUP_H

#include "render/select.h"

struct group {
	const struct gospy_location *location; /* NULL: unknown */
	uint64_t count;
	uint64_t states[SELECT_STATES];
	uint64_t unreadable;
	uint64_t longest_wait_ns; /* GOSPY_UNKNOWN: none is known */
	size_t next;              /* 1 + index of another group with the same hash, or 0 */
};

/** All zero is an empty set. */
struct groups {
	VEC(struct group) groups;
	struct map by_location; /* struct gospy_location * -> 1 + index */
	struct map by_place;    /* hash of function, file, line -> 1 + index */
	uint64_t goroutines;    /* sum of the counts */
};
void groups_deinit(struct groups *groups);

/** Count all goroutines that match; the largest group first. Locations that differ in their pc only
 * are one. GOSPY_E_NOMEM. */
enum gospy_code groups_collect(struct groups *groups, struct select *select,
			       struct gospy_snapshot *snapshot, struct gospy_error *err);

#endif
