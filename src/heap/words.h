/*
 * Which words of a piece of a span are pointers, by every scheme (scheme.h). What is done with
 * them is compiled in: this is the innermost loop of all that looks at the heap.
 */
#ifndef GOSPY_HEAP_WORDS_H
#define GOSPY_HEAP_WORDS_H

#include <string.h>

#include "heap/stream.h"

enum { WORDS_CACHE = 256 };

struct words {
	struct heap *heap;
	const struct mask *cache[WORDS_CACHE]; /* types, by address */
	/* Of the large object that comes in pieces. */
	const struct mask *large;
	bool large_conservative;
	bool no_more; /* its pointers are at an end */
	bool no_memory;
};

/* What is done with them. Both are compiled in. */
struct words_visit {
	/** An allocated object begins, or a large one, whose words follow. `mask` is that of its
	 * type, or of the elements of an array; NULL: it is not known. */
	void (*object)(void *ctx, uint32_t number, const struct mask *mask);
	/** A word that is a pointer, or may be one. */
	void (*word)(void *ctx, const uint8_t *at);
	void *ctx;
};

#define WORDS_INLINE static inline __attribute__((always_inline))

WORDS_INLINE uint64_t words_load(const uint8_t *at)
{
	uint64_t v;
	memcpy(&v, at, sizeof(v));
	return v;
}

/* Visit the words of `bits`, the first of which is at `base`. */
WORDS_INLINE void words_of_bits(struct words_visit v, const uint8_t *base, uint64_t bits)
{
	for (; bits; bits &= bits - 1)
		v.word(v.ctx, base + 8 * (unsigned)__builtin_ctzll(bits));
}

WORDS_INLINE void words_all(struct words_visit v, const uint8_t *base, size_t len)
{
	for (size_t off = 0; off + 8 <= len; off += 8)
		v.word(v.ctx, base + off);
}

/** The mask of a type; NULL: there is none that makes sense. */
static inline const struct mask *words_mask(struct words *w, uint64_t type)
{
	const struct mask **slot = &w->cache[(type >> 5) % WORDS_CACHE];
	if (!*slot || (*slot)->type != type) {
		const struct mask *mask = masks_of(&w->heap->masks, type);
		if (!mask) {
			w->no_memory = true;
			return NULL;
		}
		*slot = mask;
	}
	return (*slot)->bits ? *slot : NULL;
}

/* Bits [at, at + n) of a bitmap of `len` bytes, n at most 64; those outside are 0. */
WORDS_INLINE uint64_t words_bits_at(const uint8_t *bits, size_t len, size_t at, size_t n)
{
	size_t byte = at / 8;
	uint64_t low = 0, high = 0;
	if (byte + 9 <= len) {
		low = words_load(bits + byte);
		high = bits[byte + 8];
	} else {
		for (size_t i = 0; byte + i < len && i < 8; i++)
			low |= (uint64_t)bits[byte + i] << 8 * i;
	}
	uint64_t value = low >> at % 8;
	if (at % 8)
		value |= high << (64 - at % 8);
	return n < 64 ? value & ((UINT64_C(1) << n) - 1) : value;
}

/* Words [from, to) bytes of an object of which [off, off + len) is at `base`, by a mask that is
 * repeated from the object's byte `first` on. */
WORDS_INLINE void words_of_mask(struct words_visit v, const struct mask *mask, const uint8_t *base,
				uint64_t off, uint64_t first, uint64_t len)
{
	uint64_t end = off + len, at = off < first ? first : off;
	uint64_t elem = first + (at - first) / mask->size * mask->size;
	for (; elem < end; elem += mask->size) {
		uint64_t words = mask->ptr_bytes / 8, from = at > elem ? (at - elem) / 8 : 0;
		uint64_t to = (end - elem) / 8 < words ? (end - elem) / 8 : words;
		while (from < to) {
			uint64_t bits = mask->bits[from / 64] >> from % 64;
			uint64_t n = 64 - from % 64 < to - from ? 64 - from % 64 : to - from;
			if (n < 64)
				bits &= (UINT64_C(1) << n) - 1;
			words_of_bits(v, base + (elem + 8 * from - off), bits);
			from += n;
		}
	}
}

/* heapArena.bitmap up to Go 1.19: a byte has four words' pointer bits, and above these their bits
 * "more". The object ends with the first word that has none. */
WORDS_INLINE void words_two_bits(struct words *w, struct words_visit v, const uint8_t *bits,
				 const uint8_t *base, size_t first, size_t n, bool starts)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = bits[(first + i) / 4];
		unsigned shift = (first + i) % 4;
		bool more = byte >> (shift + 4) & 1;
		if (!more && !(starts && i == 1 && w->heap->scheme.checkmark)) {
			w->no_more = true;
			return;
		}
		if (byte >> shift & 1)
			v.word(v.ctx, base + 8 * i);
	}
}

/* Go 1.20 and 1.21: behind a group of 64 words with its bit in noMorePtrs the object has no more
 * pointers. */
WORDS_INLINE void words_one_bit(struct words *w, struct words_visit v, const struct piece *piece,
				const uint8_t *base, size_t first, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t at = first + i, in_group = 64 - at % 64 < n - i ? 64 - at % 64 : n - i;
		uint64_t bits = words_load(piece->bits + at / 64 * 8) >> at % 64;
		if (in_group < 64)
			bits &= (UINT64_C(1) << in_group) - 1;
		words_of_bits(v, base + 8 * i, bits);
		i += in_group;
		if (piece->no_more[at / 64 / 8] >> at / 64 % 8 & 1) {
			w->no_more = true;
			return;
		}
	}
}

/* One slot of small objects. */
WORDS_INLINE void words_of_slot(struct words *w, struct words_visit v, const struct piece *piece,
				uint32_t slot)
{
	size_t size = piece->span->elemsize, off = slot * size;
	const uint8_t *base = piece->bytes + off;
	uint32_t number = piece->span->first + slot;
	if (w->heap->scheme.kind == SCHEME_HEADERS) {
		const struct mask *mask = words_mask(w, words_load(base));
		v.object(v.ctx, number, mask);
		if (mask)
			words_of_mask(v, mask, base, 0, 8, size);
		else if (words_load(base)) { // 0: it is being made, and has no pointers yet
			w->heap->conservative++;
			words_all(v, base + 8, size - 8);
		}
		return;
	}
	v.object(v.ctx, number, NULL);
	if (w->heap->scheme.kind == SCHEME_TWO_BITS)
		words_two_bits(w, v, piece->bits, base, off / 8, size / 8, true);
	else
		words_one_bit(w, v, piece, base, off / 8, size / 8);
}

/* A span whose last bytes are its bits: mbitmap.go:heapBitsInSpan, spanHeapBitsRange. */
WORDS_INLINE void words_in_span(struct words *w, struct words_visit v, const struct piece *piece)
{
	enum { INLINE_MARKS = 128, INLINE_MARKS_FROM = 16 };
	const struct heap_span *span = piece->span;
	size_t size = span->elemsize, len = piece->len / 64;
	bool marks = w->heap->scheme.inline_marks && size >= INLINE_MARKS_FROM;
	const uint8_t *bits = piece->bytes + piece->len - len - (marks ? INLINE_MARKS : 0);
	for (uint32_t i = 0; i < span->count; i++) {
		if (!spans_is_allocated(&w->heap->spans, span->first + i))
			continue;
		v.object(v.ctx, span->first + i, NULL);
		words_of_bits(v, piece->bytes + i * size,
			      words_bits_at(bits, len, i * size / 8, size / 8));
	}
}

/* The next piece of a large object. */
WORDS_INLINE void words_large(struct words *w, struct words_visit v, const struct piece *piece)
{
	const struct heap_span *span = piece->span;
	uint64_t end = span->elemsize;
	size_t len = piece->off >= end               ? 0
		     : end - piece->off < piece->len ? end - piece->off
						     : piece->len;
	bool headers = w->heap->scheme.kind == SCHEME_HEADERS;
	if (piece->off == 0) {
		w->no_more = false;
		w->large = headers && span->type && !span->user_arena ? words_mask(w, span->type)
								      : NULL;
		w->large_conservative = span->user_arena || (headers && span->type && !w->large);
		w->heap->conservative += w->large_conservative;
		v.object(v.ctx, span->first, w->large);
	}
	if (w->large_conservative)
		words_all(v, piece->bytes, len);
	else if (w->large)
		words_of_mask(v, w->large, piece->bytes, piece->off, 0, len);
	else if (!headers && !w->no_more && w->heap->scheme.kind == SCHEME_TWO_BITS)
		words_two_bits(w, v, piece->bits, piece->bytes, 0, len / 8, piece->off == 0);
	else if (!headers && !w->no_more)
		words_one_bit(w, v, piece, piece->bytes, 0, len / 8);
}

/** Visit the objects of a piece that was read, and their pointers. */
WORDS_INLINE void words_of_piece(struct words *w, struct words_visit v, const struct piece *piece)
{
	enum { IN_SPAN_MAX = 512 }; /* minSizeForMallocHeader */
	const struct heap_span *span = piece->span;
	if (span->spanclass < 2) {
		if (spans_is_allocated(&w->heap->spans, span->first))
			words_large(w, v, piece);
		return;
	}
	if (w->heap->scheme.kind == SCHEME_HEADERS && span->elemsize <= IN_SPAN_MAX) {
		words_in_span(w, v, piece);
		return;
	}
	for (uint32_t i = 0; i < span->count; i++) {
		if (spans_is_allocated(&w->heap->spans, span->first + i))
			words_of_slot(w, v, piece, i);
	}
}

#endif
