/*
 * Where the pages of a store go in a core file, and which segments they make. They lie there by
 * address. Gaps of at most CHUNK_GAP pages within a mapping are filled with zeros, so that there
 * are few segments: a debugger takes time for each of them, delve quadratically.
 */
#ifndef GOSPY_CORE_CORE_LAYOUT_H
#define GOSPY_CORE_CORE_LAYOUT_H

#include "core/page_store.h"
#include "target/mapping.h"

struct layout_segment {
	uint64_t addr;
	uint64_t at, pages; /* in the pages of the file */
	uint32_t flags;     /* PF_R, PF_W, PF_X of elf.h */
};

/* Pages without a gap, whatever they are mapped as. */
struct layout_run {
	uint64_t addr, pages;
};

/* All zero is valid. */
struct core_layout {
	VEC(struct layout_segment) segments;
	VEC(struct layout_run) runs;
	VEC(uint8_t) gaps; /* pages of zeros in front of each chunk of the store */
	uint64_t pages;    /* of all runs */
	uint64_t parts;    /* of all chunks */
};

/** The store is sealed. GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code core_layout_make(const struct page_store *store, const struct mappings *mappings,
				 struct core_layout *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** The guard. */
void core_layout_deinit(struct core_layout *layout);

#endif
