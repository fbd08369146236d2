/*
 * What can be reached. Roots may come in several rounds: what is marked stays so.
 *
 * Objects of which nothing is known (heap.h) are marked from the beginning, but lead nowhere.
 */
#ifndef GOSPY_HEAP_MARK_H
#define GOSPY_HEAP_MARK_H

#include "heap/heap.h"

struct mark {
	const struct heap *heap; /* borrowed */
	struct budget *budget;
	uint64_t *bits;        /* of each number; those of free slots are set, too */
	VEC(uint32_t) pending; /* marked, and to be traced */
	size_t head;           /* of .pending, where the first is taken from: only with paths */
	/* With paths: by which object each was reached first; HEAP_NONE: it is a root, or was not
	 * reached. The path is a shortest one if all roots came before the first mark_run(). */
	uint32_t *parents;
	struct map origins; /* with paths: of each root's number */
	size_t charged;
	bool no_memory;
};

/** `paths`: remember how each object was reached, for 4 bytes an object. GOSPY_E_LIMIT: the budget
 * is used up. */
enum gospy_code mark_init(struct mark *mark, const struct heap *heap, struct budget *budget,
			  bool paths, struct gospy_error *err);
void mark_deinit(struct mark *mark);

/** What `pointer` leads to is a root; false: it leads to no object. `origin` is the caller's name
 * for where the pointer is. */
bool mark_root(struct mark *mark, uint64_t pointer, uint64_t origin);
/** What the object points to are roots; the object itself is not. So it is with objects that have a
 * finalizer. */
void mark_referents(struct mark *mark, uint32_t number, uint64_t origin);
/** Mark an object without following its pointers; mark_trace() does that later. */
void mark_alone(struct mark *mark, uint32_t number);
void mark_trace(struct mark *mark, uint32_t number);

/** Follow all pointers of what was marked so far. GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code mark_run(struct mark *mark, struct gospy_error *err);

/** Is that object marked? HEAP_NONE and free slots are not. */
static inline bool mark_has(const struct mark *mark, uint32_t number)
{
	return number < mark->heap->spans.count &&
	       (mark->bits[number / 64] & mark->heap->spans.allocated[number / 64]) >> number % 64 &
		       1;
}

/** One step towards a root: the object by which `number` was reached, or HEAP_NONE. Then
 * `*origin_ret` is what mark_root() was told of it, or 0. Only with paths. */
uint32_t mark_parent(const struct mark *mark, uint32_t number, uint64_t *origin_ret);

#endif
