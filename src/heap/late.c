#include "heap/late.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "heap/words.h"

enum {
	PLACES_MAX = 1 << 20,     /* of each kind; stacks are pages that are in no span, too */
	PIECE = 64 << 10,         /* bytes that are read at a time */
	READ_LEAST = 512,         /* to read less costs as much */
	BYTES_LEAST = 64 << 20,   /* so many are read in any case */
	GROWTH = HEAP_ARENA_PAGES /* arenas by which the heap may have grown */
};

void late_begin(struct late *late, const struct heap_spans *spans, struct budget *budget)
{
	late->budget = budget;
	late->lo = late->hi = 0;
	if (spans->hi <= spans->lo)
		return;
	late->lo = spans->lo >> HEAP_ARENA_BITS << HEAP_ARENA_BITS;
	late->hi = spans->hi + ((uint64_t)GROWTH << HEAP_ARENA_BITS);
	late->hi = late->hi < spans->hi ? UINT64_MAX : late->hi;
}

void late_deinit(struct late *late)
{
	map_deinit(&late->words);
	map_deinit(&late->pages);
	map_deinit(&late->slots);
	if (late->budget)
		budget_give(late->budget, late->charged);
	late->charged = 0;
}

/* False: there is not so much left. */
static bool charge(struct late *late, size_t bytes)
{
	bool ok = budget_take(late->budget, bytes);
	late->charged += ok ? bytes : 0;
	late->full |= !ok;
	return ok;
}

static void put(struct late *late, struct map *map, uint64_t key)
{
	// A map that has grown is a bit more than a third full, and the old one was still there.
	enum { ENTRY = 4 * sizeof(struct map_entry) };
	if (map_get(map, key))
		return;
	if (map->len >= PLACES_MAX || !charge(late, ENTRY) || !map_put(map, key))
		late->full = true;
}

void late_note_word(struct late *late, uint64_t word)
{
	if (late->words.len < PLACES_MAX)
		put(late, &late->words, word);
	else
		put(late, &late->pages, word >> HEAP_PAGE_BITS);
}

void late_note_slot(struct late *late, uint32_t number)
{
	put(late, &late->slots, number);
}

void late_note(struct late *late, const struct heap_spans *spans, uint64_t word)
{
	uint32_t number = heap_number(spans, word);
	if (number == HEAP_NONE) {
		if (late_is_near(late, word))
			late_note_word(late, word);
	} else if (!spans_is_allocated(spans, number)) {
		late_note_slot(late, number);
	}
}

/* ---- what is there now */

struct follower {
	struct late *late;
	const struct heap *heap; /* of before */
	struct heap_spans now;
	uint64_t *seen; /* a bit for each number of now */
	VEC(uint32_t) pending;
	uint64_t left; /* bytes that may be read */
	late_visit *visit;
	void *ctx;
	uint8_t *buffer; /* of PIECE bytes */
	bool no_memory;
};

static void see(struct follower *f, uint32_t number)
{
	uint64_t bit = UINT64_C(1) << number % 64, *word = &f->seen[number / 64];
	if (*word & bit || !spans_is_allocated(&f->now, number) ||
	    !charge(f->late,
		    budget_growth(f->pending.cap, f->pending.len + 1, sizeof(*f->pending.at))))
		return;
	*word |= bit;
	f->late->objects++;
	f->late->bytes += spans_of(&f->now, number)->elemsize;
	f->no_memory |= !vec_push(&f->pending, number);
}

/* Of a page that was in no span: all objects of the span that it is in now, for none is old. */
static void see_page(struct follower *f, uint64_t page)
{
	const struct heap_page *now = spans_page(&f->now, page << HEAP_PAGE_BITS);
	if (!now)
		return;
	const struct heap_span *span = spans_of(&f->now, now->first);
	for (uint32_t i = 0; i < span->count; i++)
		see(f, span->first + i);
}

static void see_places(struct follower *f)
{
	const struct late *late = f->late;
	for (size_t i = 0; i < late->words.cap; i++) {
		uint32_t number = late->words.entries[i].used
					  ? heap_number(&f->now, late->words.entries[i].key)
					  : HEAP_NONE;
		if (number != HEAP_NONE)
			see(f, number);
	}
	for (size_t i = 0; i < late->pages.cap; i++) {
		if (late->pages.entries[i].used)
			see_page(f, late->pages.entries[i].key);
	}
	for (size_t i = 0; i < late->slots.cap; i++) {
		if (!late->slots.entries[i].used)
			continue;
		uint32_t before = (uint32_t)late->slots.entries[i].key;
		uint64_t addr = span_addr(spans_of(&f->heap->spans, before), before);
		uint32_t number = heap_number(&f->now, addr);
		if (number != HEAP_NONE)
			see(f, number);
	}
}

/* Any word may be a pointer. */
static void look_through(struct follower *f, uint64_t addr, size_t len)
{
	const struct heap_spans *before = &f->heap->spans;
	for (size_t off = 0; off + 8 <= len; off += 8) {
		uint64_t word = words_load(f->buffer + off);
		if (!late_is_near(f->late, word))
			continue;
		uint32_t old = heap_number(before, word), number;
		if (old != HEAP_NONE && spans_is_allocated(before, old))
			f->visit(f->ctx, word, off ? words_load(f->buffer + off - 8) : 0,
				 addr + off);
		else if ((number = heap_number(&f->now, word)) != HEAP_NONE)
			see(f, number);
	}
}

static enum gospy_code follow(struct follower *f, uint32_t number, struct gospy_error *err)
{
	const struct heap_span *span = spans_of(&f->now, number);
	uint64_t addr = span_addr(span, number);
	if (span_is_noscan(span))
		return GOSPY_OK;
	for (uint64_t off = 0; off < span->elemsize; off += PIECE) {
		uint64_t rest = span->elemsize - off;
		size_t len = rest < PIECE ? (size_t)rest : PIECE;
		if (len > f->left) {
			f->late->full = true;
			return GOSPY_OK;
		}
		f->left -= len > READ_LEAST || f->left < READ_LEAST ? len : READ_LEAST;
		enum gospy_code code =
			mem_read(f->heap->image->mem, addr + off, f->buffer, len, err);
		if (code == GOSPY_E_FAULT)
			return GOSPY_OK; // it was freed
		if (!code)
			code = cancel_check(err);
		if (code)
			return code;
		look_through(f, addr + off, len);
	}
	return GOSPY_OK;
}

static enum gospy_code follow_all(struct follower *f, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	see_places(f);
	while (!code && f->pending.len && !f->no_memory)
		code = follow(f, f->pending.at[--f->pending.len], err);
	return !code && f->no_memory ? err_nomem(err) : code;
}

/* What cannot be read now is missing: the graph is there without it. */
static enum gospy_code verdict_of(struct late *late, enum gospy_code code)
{
	if (!code || code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED || code == GOSPY_E_GONE)
		return code;
	late->full = true;
	return GOSPY_OK;
}

enum gospy_code late_follow(struct late *late, const struct heap *heap, late_visit *visit,
			    void *ctx, struct gospy_error *err)
{
	const size_t charged = late->charged;
	if (!late->words.len && !late->slots.len)
		return GOSPY_OK;
	struct follower f = {.late = late,
			     .heap = heap,
			     .left = heap->scanned / 2 + BYTES_LEAST,
			     .visit = visit,
			     .ctx = ctx};
	enum gospy_code code = spans_read(heap->image, late->budget, true, &f.now, err);
	if (code)
		return verdict_of(late, code);
	late->full |= f.now.dropped != 0;
	const size_t seen = ((size_t)f.now.count / 64 + 1) * sizeof(*f.seen);
	if (charge(late, seen + PIECE)) {
		f.seen = calloc(1, seen);
		f.buffer = malloc(PIECE);
		code = f.seen && f.buffer ? follow_all(&f, err) : err_nomem(err);
	}
	vec_free(&f.pending);
	free(f.seen);
	free(f.buffer);
	budget_give(late->budget, f.now.charged + late->charged - charged);
	late->charged = charged;
	spans_deinit(&f.now);
	return verdict_of(late, code);
}
