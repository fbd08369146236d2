/* The memory profile: what runtime.MemProfile would return, and what runtime/pprof makes of it.
 * src/runtime/mprof.go, src/runtime/pprof/protomem.go, Go 1.12-1.27. */
#ifndef GOSPY_PROFILE_HEAP_H
#define GOSPY_PROFILE_HEAP_H

#include "image/image.h"
#include "profile/buckets.h"
#include "profile/locations.h"

/* One record. */
struct heap_record {
	int64_t allocs, frees, alloc_bytes, free_bytes;
};

struct heap_profile {
	struct buckets buckets;
	VEC(struct heap_record) records; /* of the buckets */
	int64_t rate;                    /* runtime.MemProfileRate */
	bool settled; /* false: collections came so fast that no reading was of one moment */
};

void heap_deinit(struct heap_profile *heap);
/** Read it. `limit` is for buckets_read. */
enum gospy_code heap_read(struct image *image, const struct globals *globals, uint64_t limit,
			  struct heap_profile *ret, struct gospy_error *err);
/** Values, locations and pcs of record number `i`, for which the locations of those before were
 * found. False: out of memory. */
bool heap_sample(const struct heap_profile *heap, size_t i, struct locations *locations,
		 struct gospy_profile_sample *ret);

#endif
