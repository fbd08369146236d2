/* The block and the mutex profile: src/runtime/mprof.go, src/runtime/pprof/pprof.go, Go 1.12-1.27.
 */
#ifndef GOSPY_PROFILE_CONTENTION_H
#define GOSPY_PROFILE_CONTENTION_H

#include "image/image.h"
#include "profile/buckets.h"
#include "profile/locations.h"

struct contention_record {
	int64_t count, cycles; /* as runtime.BlockProfile or MutexProfile returns them */
	size_t bucket;
};

struct contention_profile {
	struct buckets buckets;
	VEC(struct contention_record) records; /* in the order of the profile */
	bool mutex;
	int64_t rate; /* blockprofilerate in ticks, or mutexprofilerate; GOSPY_UNKNOWN: not known */
	uint64_t ticks_per_second;
	struct callers stack;
	uint32_t depth; /* debug.profstackdepth */
};

void contention_deinit(struct contention_profile *profile);
/** Read it; .mutex and .depth are set, the rest is zero. `limit` is for buckets_read. */
enum gospy_code contention_read(struct image *image, const struct globals *globals,
				const struct source *source, uint64_t limit,
				struct contention_profile *profile, struct gospy_error *err);
/** Record number `i`, after all before it. False: out of memory. */
bool contention_sample(struct contention_profile *profile, size_t i, struct locations *locations,
		       struct gospy_profile_sample *ret);

#endif
