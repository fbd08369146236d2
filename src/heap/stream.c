#include "heap/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "image/image.h"

enum {
	PIECES_MAX = STREAM_BUFFER / HEAP_PAGE,
	/* heapArena.bitmap is its first member: src/runtime/mheap.go, Go 1.12 to 1.21. Two bits a
	 * word, or one; and then noMorePtrs a bit for each 64 words. */
	TWO_BITS_BYTES = 32, /* of memory for a byte of the bitmap */
	ONE_BIT_BYTES = 64,
	NO_MORE_BYTES = 4096,
	NO_MORE_OFF = (1 << HEAP_ARENA_BITS) / ONE_BIT_BYTES,
	BITS_BUFFER = STREAM_BUFFER / TWO_BITS_BYTES,
	NO_MORE_BUFFER = STREAM_BUFFER / NO_MORE_BYTES,
	/* heapArena's address is found by this index: src/runtime/malloc.go, linux/amd64. */
	ARENAS_L2_BITS = 22,
};

/* Where arena 0 begins: src/runtime/malloc.go:arenaBaseOffset, which is subtracted. */
static const uint64_t ARENA_BASE = UINT64_C(0xffff800000000000);

struct part {
	struct piece piece;
	size_t req; /* that fetches it, and the two behind it its bits */
};

struct stream {
	struct heap *heap;
	const struct heap_options *options;
	stream_visit *visit;
	void *ctx;
	uint8_t *buffer, *bits, *no_more;
	size_t used; /* of the buffer */
	struct part parts[PIECES_MAX];
	size_t part_count;
	struct mem_req reqs[3 * PIECES_MAX];
	size_t req_count;
	bool crossing;   /* the one piece has bits of two arenas: see cross() */
	uint64_t arenas; /* address of the table of arenas; 0: not known yet */
	uint64_t last_key, last_arena;
	uint64_t done, total; /* bytes */
};

static bool has_arena_bits(const struct stream *s)
{
	return s->heap->scheme.kind != SCHEME_HEADERS;
}

/* ---------------------------------------------------------------------------------- arena bits --
 */

/* The address of the heapArena that describes `addr`; 0: not to be had. */
static uint64_t arena_at(struct stream *s, uint64_t addr)
{
	const struct image *image = s->heap->image;
	uint64_t index = (addr - ARENA_BASE) >> HEAP_ARENA_BITS, arena = 0;
	if (s->last_key == addr >> HEAP_ARENA_BITS)
		return s->last_arena;
	// mheap_.arenas is an array of one pointer to the second level.
	uint64_t first = image->globals.mheap_.addr + image->layout.mheap.arenas.off;
	if (!s->arenas && field_present(image->layout.mheap.arenas) &&
	    mem_read_u64(image->mem, first, &s->arenas, NULL))
		s->arenas = 0;
	if (!s->arenas || index >> ARENAS_L2_BITS ||
	    mem_read_u64(image->mem, s->arenas + index * sizeof(arena), &arena, NULL))
		arena = 0;
	s->last_key = addr >> HEAP_ARENA_BITS;
	s->last_arena = arena;
	return arena;
}

/* Want the bits of a piece whose bytes are the last that are wanted. */
static void want_bits(struct stream *s, struct part *part, uint64_t addr, bool joined)
{
	struct piece *piece = &part->piece;
	uint64_t arena = arena_at(s, addr), off = addr % (UINT64_C(1) << HEAP_ARENA_BITS);
	bool two = s->heap->scheme.kind == SCHEME_TWO_BITS;
	size_t unit = two ? TWO_BITS_BYTES : ONE_BIT_BYTES;
	size_t at = s->used / unit, len = piece->len / unit;
	if (!arena)
		return;
	piece->bits = s->bits + at;
	piece->no_more = two ? NULL : s->no_more + s->used / NO_MORE_BYTES;
	if (joined) {
		s->reqs[part->req + 1].len += len;
		s->reqs[part->req + 2].len += two ? 0 : piece->len / NO_MORE_BYTES;
		return;
	}
	s->reqs[part->req + 1] =
		(struct mem_req){.addr = arena + off / unit, .dst = s->bits + at, .len = len};
	s->reqs[part->req + 2] = (struct mem_req){.addr = arena + NO_MORE_OFF + off / NO_MORE_BYTES,
						  .dst = s->no_more + s->used / NO_MORE_BYTES,
						  .len = two ? 0 : piece->len / NO_MORE_BYTES};
}

/* --------------------------------------------------------------------------------------- batch --
 */

/* Does `addr` go on where the last request ends, in the same arena? */
static bool goes_on(const struct stream *s, uint64_t addr)
{
	size_t step = has_arena_bits(s) ? 3 : 1;
	const struct mem_req *last = s->req_count ? &s->reqs[s->req_count - step] : NULL;
	return last && last->addr + last->len == addr &&
	       addr >> HEAP_ARENA_BITS == last->addr >> HEAP_ARENA_BITS;
}

static void add(struct stream *s, struct heap_span *span, uint64_t off, size_t len)
{
	size_t step = has_arena_bits(s) ? 3 : 1;
	uint64_t addr = span->start + off;
	bool joined = goes_on(s, addr);
	struct part *part = &s->parts[s->part_count++];
	if (!joined) {
		memset(&s->reqs[s->req_count], 0, step * sizeof(s->reqs[0]));
		s->reqs[s->req_count].addr = addr;
		s->reqs[s->req_count].dst = s->buffer + s->used;
		s->req_count += step;
	}
	*part = (struct part){
		.piece = {.span = span, .off = off, .len = len, .bytes = s->buffer + s->used},
		.req = s->req_count - step};
	s->reqs[part->req].len += len;
	if (step > 1)
		want_bits(s, part, addr, joined);
	s->used += len;
}

/* The piece that was just added, the only one, goes on in the next arena, and so do its bits. Small
 * objects do that where two arenas touch. */
static void cross(struct stream *s, const struct part *part)
{
	struct mem_req *reqs = &s->reqs[part->req];
	const struct heap_span *span = part->piece.span;
	uint64_t next = ((span->start >> HEAP_ARENA_BITS) + 1) << HEAP_ARENA_BITS;
	uint64_t arena = arena_at(s, next);
	bool two = s->heap->scheme.kind == SCHEME_TWO_BITS;
	size_t unit = two ? TWO_BITS_BYTES : ONE_BIT_BYTES, len = next - span->start;
	if (!part->piece.bits)
		return;
	for (size_t i = 1; i <= 2; i++) {
		size_t here = two && i == 2 ? 0 : len / (i == 1 ? unit : NO_MORE_BYTES);
		reqs[i + 2] = (struct mem_req){.addr = arena + (i == 1 ? 0 : NO_MORE_OFF),
					       .dst = (uint8_t *)reqs[i].dst + here,
					       .len = arena ? reqs[i].len - here : 0};
		reqs[i].len = here;
	}
	s->req_count += 2;
	s->crossing = true;
}

/* What came of both arenas is as if it had come of one. */
static void join(struct stream *s)
{
	for (size_t i = 1; s->crossing && i <= 2; i++) {
		if (s->reqs[i].done == s->reqs[i].len)
			s->reqs[i].done += s->reqs[i + 2].done;
	}
	s->crossing = false;
}

static bool has_come(const struct mem_req *req, const uint8_t *end)
{
	return end <= (const uint8_t *)req->dst + req->done;
}

/* What has not come of a piece is not there. */
static void check(const struct stream *s, struct part *part)
{
	struct piece *piece = &part->piece;
	const struct mem_req *req = &s->reqs[part->req];
	bool two = s->heap->scheme.kind == SCHEME_TWO_BITS;
	bool ok = has_come(req, piece->bytes + piece->len);
	if (has_arena_bits(s)) {
		size_t bits = piece->len / (two ? TWO_BITS_BYTES : ONE_BIT_BYTES);
		ok = ok && piece->bits && has_come(req + 1, piece->bits + bits) &&
		     (two || has_come(req + 2, piece->no_more + piece->len / NO_MORE_BYTES));
	}
	if (!ok)
		piece->bytes = NULL;
}

static enum gospy_code flush(struct stream *s, struct gospy_error *err)
{
	enum gospy_code code = cancel_check(err);
	uint64_t deadline_ns = s->options->deadline_ns;
	if (!code && deadline_ns && clock_mono_ns() >= deadline_ns)
		code = err_set(err, GOSPY_E_LIMIT,
			       "copying the heap takes longer than the pause may be");
	if (!code && s->req_count)
		code = mem_readv(s->heap->image->mem, s->reqs, s->req_count, err);
	code = code == GOSPY_E_FAULT ? GOSPY_OK : code;
	join(s);
	for (size_t i = 0; i < s->part_count && !code; i++) {
		check(s, &s->parts[i]);
		code = s->visit(s->ctx, &s->parts[i].piece, err);
	}
	s->done += s->used;
	if (!code && s->options->progress)
		s->options->progress(s->options->ctx, s->done, s->total);
	s->used = s->part_count = s->req_count = 0;
	return code;
}

static bool is_crossing(const struct heap_span *span)
{
	uint64_t last = span->start + span->pages * HEAP_PAGE - 1;
	return span->start >> HEAP_ARENA_BITS != last >> HEAP_ARENA_BITS;
}

/* A span of small objects is read by itself if its bits are not all in one place. */
static enum gospy_code add_crossing(struct stream *s, struct heap_span *span,
				    struct gospy_error *err)
{
	enum gospy_code code = flush(s, err);
	if (code)
		return code;
	add(s, span, 0, span->pages * HEAP_PAGE);
	cross(s, &s->parts[0]);
	return flush(s, err);
}

static enum gospy_code add_span(struct stream *s, struct heap_span *span, struct gospy_error *err)
{
	uint64_t len = span->pages * HEAP_PAGE;
	enum gospy_code code = GOSPY_OK;
	bool whole = span->spanclass >= 2;
	if (whole && has_arena_bits(s) && is_crossing(span))
		return add_crossing(s, span, err);
	if (whole && len > STREAM_BUFFER - s->used)
		code = flush(s, err);
	for (uint64_t off = 0; off < len && !code;) {
		if (s->used == STREAM_BUFFER || s->part_count == PIECES_MAX)
			code = flush(s, err);
		// The bits of a piece come of one arena.
		uint64_t most = STREAM_BUFFER - s->used, at = span->start + off;
		uint64_t in_arena =
			(UINT64_C(1) << HEAP_ARENA_BITS) - at % (UINT64_C(1) << HEAP_ARENA_BITS);
		most = !whole && in_arena < most ? in_arena : most;
		most = len - off < most ? len - off : most;
		if (!code)
			add(s, span, off, most);
		off += most;
		// Once a part of it is not there, a span is unknown: the rest is not wanted.
		if (span->unknown)
			break;
	}
	return code;
}

enum gospy_code stream_each(struct heap *heap, const struct heap_options *options,
			    stream_visit *visit, void *ctx, struct gospy_error *err)
{
	CLEANUP_FREE struct stream *s = calloc(1, sizeof(*s));
	CLEANUP_FREE uint8_t *buffer = malloc(STREAM_BUFFER + BITS_BUFFER + NO_MORE_BUFFER);
	enum gospy_code code = GOSPY_OK;
	if (!s || !buffer)
		return err_nomem(err);
	s->heap = heap;
	s->options = options;
	s->visit = visit;
	s->ctx = ctx;
	s->last_key = UINT64_MAX;
	s->buffer = buffer;
	s->bits = buffer + STREAM_BUFFER;
	s->no_more = s->bits + BITS_BUFFER;
	for (size_t i = 0; i < heap->spans.scan_spans; i++)
		s->total += heap->spans.all.at[i].pages * HEAP_PAGE;
	for (size_t i = 0; i < heap->spans.scan_spans && !code; i++)
		code = add_span(s, &heap->spans.all.at[i], err);
	return code ? code : flush(s, err);
}
