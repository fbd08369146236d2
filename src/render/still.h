/*
 * For how long goroutines were seen not to move, from look to look at one target. The runtime notes
 * that a goroutine waits only when a collection finds it waiting; this needs none.
 *
 * A goroutine has not moved between two looks if it was parked both times, and it is the same one
 * at the same place, waits for the same reason, and has left a processor as often as before
 * (struct gospy_goroutine, .departures). Where nothing counts that, nothing is said.
 */
#ifndef GOSPY_RENDER_STILL_H
#define GOSPY_RENDER_STILL_H

#include "base/vec.h"
#include "gospy.h"

/** How a goroutine was found. */
struct still_entry {
	uint64_t hash;     /* of all that changes when it moves; 0: nothing can be told */
	uint64_t since_ns; /* when it was first found so */
};

/** All zero: there was no look. */
struct still {
	VEC(struct still_entry) entries; /* by the index in the snapshot */
	uint64_t begin_ns, end_ns;       /* of the newest look, by CLOCK_MONOTONIC */
};

/** Begin a look: a snapshot with `count` goroutines was taken from `begin_ns` to `end_ns`. False:
 * out of memory. */
bool still_begin(struct still *still, size_t count, uint64_t begin_ns, uint64_t end_ns);
/** Take note of goroutine `index`, once in each look. For how long it has not moved at least, or
 * GOSPY_UNKNOWN: it has, or was not seen before, or nothing can be told. */
uint64_t still_note(struct still *still, const struct gospy_goroutine *g, size_t index);
/** All of a look at once. False: out of memory. */
bool still_look(struct still *still, struct gospy_snapshot *snapshot, uint64_t begin_ns,
		uint64_t end_ns);
/** What still_note() has said of goroutine `index` in the newest look. */
uint64_t still_ns(const struct still *still, size_t index);
void still_deinit(struct still *still);

/** For how long a goroutine waits, by what the runtime noted and by what was seen. */
struct wait_known {
	uint64_t ns;   /* GOSPY_UNKNOWN: not known */
	bool at_least; /* it was seen: it may have begun long before the first look */
};
/** What is seen counts from one second on. Both may be GOSPY_UNKNOWN. */
struct wait_known wait_known(uint64_t wait_ns, uint64_t still_ns);

#endif
