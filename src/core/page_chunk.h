/*
 * The pages of 1 MiB of addresses, as far as they were put: bytes, and which of them were. It knows
 * of no locks and of no packing: that is page_store.h.
 *
 * Open, a chunk has a buffer, in which each page is at its place. Closed up, the pages that are
 * there lie one after the other at the buffer's beginning. Gaps between them of at most CHUNK_GAP
 * pages are zeros then, and lie there, too. So what is there makes a few runs, and these can be
 * computed from the set of pages alone.
 */
#ifndef GOSPY_CORE_PAGE_CHUNK_H
#define GOSPY_CORE_PAGE_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_WORDS = PAGE_BYTES / 64 / 8, /* of 64 bits, each bit for 8 bytes of the page */
	PAGE_KNOWN = PAGE_WORDS * 8,      /* bytes that say which of a page are known */
	CHUNK_PAGES = 256,
	CHUNK_BYTES = CHUNK_PAGES * PAGE_BYTES,
	CHUNK_KNOWN = CHUNK_PAGES * PAGE_KNOWN,
	/* 64 KiB. A debugger takes time for each segment, delve quadratically, and zeros cost
	   nothing once they are packed. */
	CHUNK_GAP = 16,
	CHUNK_RUNS_MAX = CHUNK_PAGES / (CHUNK_GAP + 2) + 1,
};

struct page_set {
	uint64_t bits[CHUNK_PAGES / 64];
};

/* Pages [from, to) of a chunk. */
struct page_run {
	unsigned from, to;
};

/* A word of 8 bytes of which some are known: its number in the chunk << 8, and a bit for each byte.
 */
typedef VEC(uint32_t) chunk_parts;

struct page_chunk {
	struct page_set present;
	chunk_parts parts; /* sorted and of different words after page_chunk_sort() only */
	/* Of the caller, CHUNK_BYTES and CHUNK_KNOWN; what they hold at first does not matter. */
	uint8_t *pages;
	uint64_t (*known)[PAGE_WORDS];
};

/** Is there a page of this number? */
static inline bool page_set_has(const struct page_set *set, unsigned page)
{
	return set->bits[page / 64] >> page % 64 & 1;
}

/** The first page from `from` on that is, or is not, in the set; CHUNK_PAGES: none. */
unsigned page_set_next(const struct page_set *set, unsigned from, bool is_in);
/** The runs of pages that are there or in small gaps, at most CHUNK_RUNS_MAX. Returns how many. */
size_t page_set_runs(const struct page_set *set, struct page_run *ret);
/** Pages of all runs. */
size_t page_set_size(const struct page_set *set);

/** Lay bytes over an open chunk; `at` + `len` is at most CHUNK_BYTES. False: no memory is left. */
bool page_chunk_put(struct page_chunk *chunk, size_t at, const void *bytes, size_t len)
	__attribute__((warn_unused_result));
/** Lay words of 8 bytes over an open chunk: those that have a bit in `words`, CHUNK_WORDS of them
 * for the whole chunk, of `bytes`, which are CHUNK_BYTES. */
void page_chunk_put_words(struct page_chunk *chunk, const uint64_t *words, const uint8_t *bytes);
/** The same for a chunk that has no page yet, where the words are in .pages already. What else lies
 * on the pages of those words becomes zeros. */
void page_chunk_take_words(struct page_chunk *chunk, const uint64_t *words);
/** Close the chunk up. */
void page_chunk_close(struct page_chunk *chunk);
/** The way back. */
void page_chunk_open(struct page_chunk *chunk);
/** Sort .parts, with one entry for each word, and none for words of which all is known by now. The
 * chunk is open. */
void page_chunk_sort(struct page_chunk *chunk);
/** Frees .parts. */
void page_chunk_deinit(struct page_chunk *chunk);

#endif
