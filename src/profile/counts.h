/* Profiles that count how many have the same stack: goroutine and threadcreate.
 * src/runtime/pprof/pprof.go:printCountProfile, Go 1.12-1.27. */
#ifndef GOSPY_PROFILE_COUNTS_H
#define GOSPY_PROFILE_COUNTS_H

#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "gospy.h"

struct count_group {
	const char *key; /* as the runtime writes it: "@ 0x401000 0x402000\n# labels: {...}" */
	uint64_t count;
	size_t first_pc, pc_count; /* in .pcs */
	const struct gospy_label *labels;
	size_t label_count;
	bool has_labels;
	uint32_t same_hash; /* 1 + index of another group, or 0 */
};

struct counts {
	struct arena *arena; /* borrowed */
	VEC(struct count_group) groups;
	VEC(uint64_t) pcs;
	struct map by_hash;
	struct strbuf key;
};

void counts_deinit(struct counts *counts);
/** Count one more; `*group_ret` is the index of its group, whose .count may be raised for each that
 * is known to be the same. The labels are borrowed, and copied to the arena. False: out of memory.
 */
bool counts_add(struct counts *counts, const uint64_t *pcs, size_t n, bool has_labels,
		const struct gospy_label *labels, size_t label_count, uint64_t *group_ret);
/** In the order of the profile: the largest first, those of one size by their keys. */
void counts_sort(struct counts *counts);

#endif
