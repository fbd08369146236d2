/* What is mapped into a target, as its source tells. */
#ifndef GOSPY_TARGET_MAPPING_H
#define GOSPY_TARGET_MAPPING_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/span.h"
#include "base/vec.h"

struct mapping {
	uint64_t start, end;
	uint64_t offset;
	uint64_t dev, inode; /* of the file; dev is not always what stat() says (btrfs, overlays) */
	bool read, write, exec, shared;
	const char *path; /* "" for anonymous memory; " (deleted)" is part of it */
};

/** Sorted by address and disjoint. */
struct mappings {
	VEC(struct mapping) maps;
	struct arena arena; /* the paths */
};

/** The mapping that holds `addr`, or NULL. */
const struct mapping *mappings_find(const struct mappings *maps, uint64_t addr);
/** A copy, to be freed on its own. False: out of memory. */
bool mappings_copy(const struct mappings *from, struct mappings *ret);
void mappings_deinit(struct mappings *maps);

#endif
