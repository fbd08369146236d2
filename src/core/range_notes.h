/*
 * Ranges of a target's memory that were read, noted by 1 MiB of addresses: what is to be read once
 * more for a bundle, all of a MiB at a time (page_gather.h), rather than to be kept from one pass
 * over the whole memory to the next. A range takes 4 bytes.
 */
#ifndef GOSPY_CORE_RANGE_NOTES_H
#define GOSPY_CORE_RANGE_NOTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/page_chunk.h"

enum range_kind {
	RANGE_DATA,
	RANGE_STACK, /* a part of a stack, and nobody has noted it as data */
	RANGE_KEPT,  /* not to be read again: what was put of it stays, whoever else notes it */
};

enum { CHUNK_WORDS = CHUNK_PAGES * PAGE_WORDS };

/* Bits for the words of 8 bytes of a chunk. */
struct range_bits {
	uint64_t wanted[CHUNK_WORDS];
	uint64_t stack[CHUNK_WORDS]; /* of the wanted ones */
};

struct range_notes;

/** NULL: out of memory. */
struct range_notes *range_notes_create(void);
/** NULL is allowed. */
void range_notes_destroy(struct range_notes *notes);
/** Note the words of 8 bytes that are wholly in the range. Several threads may do so at once.
 * False: out of memory. */
bool range_notes_add(struct range_notes *notes, uint64_t addr, size_t len, enum range_kind kind)
	__attribute__((warn_unused_result));

/** Bytes that were noted; what was noted twice counts twice. Nothing is added meanwhile. */
size_t range_notes_bytes(const struct range_notes *notes);

/** Put the chunks in order of their addresses; nothing is added any more. False: out of memory. */
bool range_notes_sort(struct range_notes *notes, size_t *count_ret)
	__attribute__((warn_unused_result));
/** The address of chunk `i`, and its words. Several threads may ask at once. */
uint64_t range_notes_get(const struct range_notes *notes, size_t i, struct range_bits *ret);

#endif
