/*
 * What was allocated while the heap was read. A program may put a larger array, or a new table of a
 * map, in the place of an old one meanwhile. Then all that it keeps hangs from an object that was
 * not there when the spans were listed, and would count as garbage.
 *
 * So pointers that lead to no object are remembered: to pages that were in no span, and to slots
 * that were free. Once all has been read the spans are listed again, and the pointers of what lies
 * there by now are roots.
 */
#ifndef GOSPY_HEAP_LATE_H
#define GOSPY_HEAP_LATE_H

#include "base/map.h"
#include "heap/heap.h"

struct late {
	struct map words;      /* pointers that lead to no span */
	struct map pages;      /* where more of them lead to: addresses >> HEAP_PAGE_BITS */
	struct map slots;      /* numbers of free slots that pointers lead to */
	uint64_t lo, hi;       /* where the heap is, and may have grown to */
	bool full;             /* there were more */
	struct budget *budget; /* borrowed; all this is charged to it */
	size_t charged;
	uint64_t objects, bytes; /* what late_follow() has found in their place */
};

/** A pointer to an object that was there in time. `before`: the word before it, or 0; `addr`: where
 * it is. */
typedef void late_visit(void *ctx, uint64_t pointer, uint64_t before, uint64_t addr);

/** Remember what this word leads to, if it is no object: slow, for what is no edge. */
void late_note(struct late *late, const struct heap_spans *spans, uint64_t word);
/** The same of a word that leads to no slot: heap_number() is HEAP_NONE. */
void late_note_word(struct late *late, uint64_t word);

/** The same of the number of a free slot. */
void late_note_slot(struct late *late, uint32_t number);

/** May this word lead into the heap? */
static inline bool late_is_near(const struct late *late, uint64_t word)
{
	return word - late->lo < late->hi - late->lo;
}

/** Begin, when the spans were read. `budget`: as long as `late`. */
void late_begin(struct late *late, const struct heap_spans *spans, struct budget *budget);
/** Find what is there now, and visit its pointers. What the budget does not allow, what cannot be
 * read and what is more than the half of what the heap took to be read is not read: then .full is
 * set. GOSPY_E_NOMEM, GOSPY_E_CANCELLED, GOSPY_E_GONE. */
enum gospy_code late_follow(struct late *late, const struct heap *heap, late_visit *visit,
			    void *ctx, struct gospy_error *err);
/** It gives back to the budget what it took. */
void late_deinit(struct late *late);

#endif
