/* Which goroutines the goroutineleak profile counts. */
#ifndef GOSPY_PROFILE_LEAKED_H
#define GOSPY_PROFILE_LEAKED_H

#include "snapshot/snapshot.h"

/** What was found of them before the profile is made, of one snapshot. */
struct leaked {
	struct gospy_snapshot *snapshot; /* borrowed; with stacks, and labels */
	const struct gospy_leak *list;   /* by index in the snapshot; borrowed */
	size_t count;
	const char *note; /* why there may be more, or less is certain; or NULL */
	bool partial;     /* some of the heap is not known */
	uint64_t paused_ns;
};

/** Whether goroutine `index` of the snapshot is one of them; indexes ascend from call to call, and
 * `*next` is 0 at first. NULL: it is none. */
static inline const struct gospy_leak *leaked_find(const struct leaked *leaked, size_t index,
						   size_t *next)
{
	while (*next < leaked->count && leaked->list[*next].goroutine < index)
		++*next;
	return *next < leaked->count && leaked->list[*next].goroutine == index
		       ? &leaked->list[*next]
		       : NULL;
}

#endif
