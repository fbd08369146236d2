/* A profile as text: what runtime/pprof of the target's Go version writes with debug=1. */
#ifndef GOSPY_RENDER_PROFILE_TEXT_H
#define GOSPY_RENDER_PROFILE_TEXT_H

#include "gospy.h"
#include "render/out.h"

/** What stands below a memory profile. */
struct profile_text_memory {
	const struct gospy_memstats *memstats;
	uint64_t rss_max; /* bytes */
};

/** `profile` has frames. `memory`: heap and allocs; NULL: it is not known, and left out. Records
 * that are equally large are in the order of the profile. False: out of memory; failed writes are
 * found in `out`. */
bool profile_text(struct out *out, const struct gospy_profile *profile,
		  const struct profile_text_memory *memory);

#endif
