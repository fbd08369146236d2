/*
 * Which bytes of a bundle were read: the note GOSPY/0x59505348. The pages of a bundle are for
 * debuggers, too, so they are whole; what was not read is zero on them, and must not be taken for
 * something that was.
 *
 * The note, little-endian; after the header nothing is aligned but by its size:
 *
 *   u32 version, EXACT_VERSION
 *   u32 0
 *   u64 number of runs, u64 number of pages in all runs, u64 number of parts
 *   runs: u64 address of the first page, u64 number of pages; ascending, disjoint
 *   pages of all runs, 64 bytes each: bit k of byte n is set if bytes 64n+8k up to 64n+8k+7 of the
 *     page are known
 *   parts, words of 8 bytes of which some are known, ascending: u64 (address / 8) << 8 | mask, bit
 *     k of the mask for byte k. (The highest bits of the address are lost; the highest that is left
 *     stands for them.)
 */
#ifndef GOSPY_CORE_EXACT_RANGES_H
#define GOSPY_CORE_EXACT_RANGES_H

#include "base/error.h"
#include "base/span.h"
#include "base/vec.h"

enum {
	EXACT_NOTE = 0x59505348, /* its type; the owner is "GOSPY" */
	EXACT_VERSION = 1,
	EXACT_HEADER = 32,
	EXACT_RUN = 16,
	EXACT_PAGE = 64,
	EXACT_PART = 8,
};

struct exact_run {
	uint64_t addr;
	uint64_t len;
	const uint8_t *known; /* the bits of its pages */
};

/* All zero is valid: nothing is known. */
struct exact_ranges {
	VEC(struct exact_run) runs;
	const uint8_t *parts;
	size_t part_count;
};

/** Read a note, which may be any bytes, and has to outlive `ret`. GOSPY_E_BAD_DATA,
 * GOSPY_E_UNSUPPORTED: of a later version, GOSPY_E_NOMEM. */
enum gospy_code exact_ranges_decode(struct span note, struct exact_ranges *ret,
				    struct gospy_error *err) __attribute__((warn_unused_result));
void exact_ranges_deinit(struct exact_ranges *ranges);
/** How many bytes from `addr` on are known, at most `len`. Several threads may ask at once. */
size_t exact_ranges_known(const struct exact_ranges *ranges, uint64_t addr, size_t len);

/* ---- for who writes it */

void exact_put_header(uint8_t dst[EXACT_HEADER], uint64_t runs, uint64_t pages, uint64_t parts);
void exact_put_run(uint8_t dst[EXACT_RUN], uint64_t addr, uint64_t pages);
/** `addr` of the word. */
void exact_put_part(uint8_t dst[EXACT_PART], uint64_t addr, uint8_t mask);

#endif
