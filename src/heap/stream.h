/* Reading all spans whose objects may have pointers, one piece after the other, through one buffer
 * that stays in the cache. */
#ifndef GOSPY_HEAP_STREAM_H
#define GOSPY_HEAP_STREAM_H

#include "heap/heap.h"

enum {
	STREAM_BUFFER = 256 << 10, /* bytes: they fit in the L2 cache, beside what they lead to */
};

/* A part of a span. Spans of small objects come whole. */
struct piece {
	struct heap_span *span;
	uint64_t off; /* of it in its span */
	size_t len;
	uint8_t *bytes; /* NULL: it could not be read. The visitor may write to them. */
	/* Of the piece's words, where the scheme has them apart from the objects, else NULL:
	 * heapArena.bitmap, heapArena.noMorePtrs. */
	const uint8_t *bits, *no_more;
};

/** What is done with a piece. Anything but GOSPY_OK ends the reading. */
typedef enum gospy_code stream_visit(void *ctx, const struct piece *piece, struct gospy_error *err);

/** Read all scannable spans of the heap, in the order of their numbers. A piece that cannot be read
 * is visited without bytes. */
enum gospy_code stream_each(struct heap *heap, const struct heap_options *options,
			    stream_visit *visit, void *ctx, struct gospy_error *err);

#endif
