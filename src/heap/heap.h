/*
 * The room src/heap/: the heap of a Go program as a graph of numbers.
 *
 * Enters: an image, and its memory, of a process that may run meanwhile; roots, as pointers, from
 *   whoever finds them.
 * Leaves: a struct heap: spans, objects as numbers, which objects each object points to; which of
 *   them can be reached from the roots (mark.h), and by what path.
 * Owner: who called heap_build() ends the heap by heap_free(); marks borrow it. Nothing of the
 *   heap's contents is kept, only numbers.
 *
 * How it is used:
 *
 *	struct heap heap;
 *	heap_build(image, &options, &heap, err);       spans and edges, streamed through one buffer
 *	mark_init(&mark, &heap, &budget, paths, err);
 *	roots_each(image, &heap, fn, ctx, err);       globals, specials, queues; fn calls mark_root
 *	... mark_root(&mark, pointer, origin) for each pointer on a stack ...
 *	mark_run(&mark, err);                         as often as there are new roots
 *	mark_has(&mark, heap_number(&heap.spans, pointer));
 *
 * An object is a slot of a span, 8 bytes at least, which is allocated. Its number is that of its
 * span's first slot and its place in the span. Numbers below .spans.scan_count are of objects that
 * may have pointers: only these have rows.
 *
 * What could not be read is never taken for garbage: the objects of a span that is unknown count as
 * live.
 */
#ifndef GOSPY_HEAP_HEAP_H
#define GOSPY_HEAP_HEAP_H

#include "base/budget.h"
#include "heap/masks.h"
#include "heap/scheme.h"
#include "heap/spans.h"

struct late;
struct types;

struct heap_options {
	/* What may be used up of memory and reads. Beyond it the heap is read in part: see
	 * .unknown_spans. */
	struct budget *budget;
	/* Addresses of words that count as no pointers, ascending: those that hide what a blocked
	 * goroutine waits for. */
	const uint64_t *hidden;
	size_t hidden_count;
	/* What is found of types meanwhile goes there, for types_spread(); NULL: they are not
	 * wanted.
	 */
	struct types *types;
	bool runs;         /* the target may run meanwhile: what changes is looked at again */
	struct late *late; /* gets what pointers lead to that is no object yet; NULL: not wanted */
	/* When clock_mono_ns() has come to this it has taken too long: GOSPY_E_LIMIT. 0: never. */
	uint64_t deadline_ns;
	/* Called now and then; may be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
};

struct heap {
	struct image *image; /* borrowed */
	struct scheme scheme;
	struct heap_spans spans;
	struct masks masks;
	/* Edges of object `n` are [row(n), row(n + 1)) of .edges. Rows are in .rows, or, where
	 * there are too many edges for that, in .long_rows. */
	uint32_t *rows;
	uint64_t *long_rows;
	uint32_t *edges;
	uint64_t edge_count, edge_cap;
	uint64_t scanned;       /* bytes of memory that were looked through */
	uint64_t conservative;  /* objects in which every word counted as a pointer */
	uint64_t unknown_spans; /* that are in use and could not be read, or did not fit the budget
				 */
	bool partial;           /* the budget was used up */
	size_t charged;         /* bytes taken of the budget */
};

/** Read spans and edges. The target may run meanwhile: then what is found is not of one moment.
 * GOSPY_E_UNSUPPORTED: layouts are missing; GOSPY_E_GONE, GOSPY_E_CANCELLED, GOSPY_E_NOMEM. */
enum gospy_code heap_build(struct image *image, const struct heap_options *options,
			   struct heap *ret, struct gospy_error *err);
void heap_free(struct heap *heap);

static inline uint64_t heap_row(const struct heap *heap, uint32_t number)
{
	return heap->long_rows ? heap->long_rows[number] : heap->rows[number];
}

/** What object `number` points to: `*n_ret` numbers, perhaps some more than once. */
static inline const uint32_t *heap_edges(const struct heap *heap, uint32_t number, size_t *n_ret)
{
	if (number >= heap->spans.scan_count) {
		*n_ret = 0;
		return NULL;
	}
	uint64_t from = heap_row(heap, number);
	*n_ret = heap_row(heap, number + 1) - from;
	return heap->edges + from;
}

#endif
