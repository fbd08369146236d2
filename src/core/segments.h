/* Which parts of a core file are which parts of memory: its PT_LOAD headers, sorted. */
#ifndef GOSPY_CORE_SEGMENTS_H
#define GOSPY_CORE_SEGMENTS_H

#include <stdbool.h>

#include "base/vec.h"
#include "core/input.h"

struct segment {
	uint64_t start, end; /* addresses */
	uint64_t offset;     /* in the file, of `start` */
	uint64_t stored;     /* so many bytes from `start` on are in the file */
	uint32_t flags;      /* PF_R, PF_W, PF_X of elf.h */
};

/* Disjoint, sorted by address. All zero is a valid empty table. */
struct segments {
	VEC(struct segment) at;
	uint64_t missing; /* bytes that should be in the file, but are behind its end */
	uint64_t total;   /* that should be in it */
	size_t bad;       /* headers that make no sense, and were left out */
};

/** Where the notes are. */
struct notes_range {
	uint64_t offset, size;
};

/**
 * Read the ELF header and all program headers. `*notes_ret`: the PT_NOTE segments, at most
 * NOTES_RANGES_MAX; `*notes_count_ret` of them. GOSPY_E_BAD_DATA: it is no core file, or it ends
 * before its headers do. GOSPY_E_UNSUPPORTED: of another machine. GOSPY_E_NOMEM.
 */
enum { NOTES_RANGES_MAX = 16 };
enum gospy_code segments_read(struct input *input, const char *name, struct segments *ret,
			      struct notes_range *notes_ret, size_t *notes_count_ret,
			      struct gospy_error *err);
/** How many segments begin at `addr` or before. */
size_t segments_before(const struct segments *segments, uint64_t addr);
/** The segment that holds `addr`, or NULL. */
const struct segment *segments_find(const struct segments *segments, uint64_t addr);
/** What the core itself holds from `addr` on; how many bytes of `len` that is. */
size_t segments_stored(const struct segments *segments, struct input *input, uint64_t addr,
		       void *dst, size_t len);
void segments_deinit(struct segments *segments);

#endif
