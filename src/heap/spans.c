#include "heap/spans.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/radix.h"
#include "heap/mspans.h"

struct reader {
	struct heap_spans *spans;
	struct budget *budget;
	struct mspans mspans;
	struct radix_item *order; /* of .mspans.all, by what they describe */
	bool *bad;                /* not believed, or there is no room */
	size_t for_now;           /* bytes taken of the budget until all is read */
};

static bool charge(struct reader *r, size_t bytes)
{
	bool ok = budget_take(r->budget, bytes);
	r->spans->charged += ok ? bytes : 0;
	return ok;
}

static bool charge_for_now(struct reader *r, size_t bytes)
{
	bool ok = budget_take(r->budget, bytes);
	r->for_now += ok ? bytes : 0;
	return ok;
}

void spans_deinit(struct heap_spans *spans)
{
	for (size_t i = 0; i < spans->arena_cap; i++)
		free(spans->arenas[i].pages);
	free(spans->arenas);
	free(spans->allocated);
	vec_free(&spans->all);
	*spans = (struct heap_spans){0};
}

/* -------------------------------------------------------------------------------------- belief --
 */

static bool is_of_class(const struct heap_span *s, const struct span_class *class)
{
	return s->spanclass < 2 || (s->elemsize == class->elemsize && s->count == class->count &&
				    s->pages == class->pages);
}

/* What most spans of each class look like: Boyer and Moore's vote. The slot of any offset below
 * 2^17 is found by one product, as the error of .magic is below .elemsize / 2^32 for each byte. */
static void vote(struct reader *r)
{
	size_t votes[SPAN_CLASSES] = {0};
	for (size_t i = 0; i < r->mspans.all.len; i++) {
		const struct mspan *mspan = &r->mspans.all.at[i];
		const struct heap_span *s = &mspan->span;
		struct span_class *class = &r->spans->classes[s->spanclass];
		if (s->spanclass < 2 || !mspan_is_possible(mspan))
			continue;
		if (!votes[s->spanclass])
			*class = (struct span_class){(uint32_t)s->elemsize, s->count, 0,
						     (uint32_t)s->pages};
		votes[s->spanclass] += is_of_class(s, class) ? 1 : (size_t)-1;
	}
	for (size_t i = 2; i < SPAN_CLASSES; i++) {
		struct span_class *class = &r->spans->classes[i];
		if (class->elemsize)
			class->magic = (uint32_t)(((UINT64_C(1) << 32) + class->elemsize - 1) /
						  class->elemsize);
	}
}

/* ----------------------------------------------------------------------------- table of pages --
 */

static bool grow_arenas(struct reader *r)
{
	struct heap_spans *spans = r->spans;
	struct heap_arena *old = spans->arenas;
	size_t old_cap = spans->arena_cap, cap = old_cap ? 2 * old_cap : 64;
	if (!charge(r, (cap - old_cap) * sizeof(*old)))
		return false;
	struct heap_arena *arenas = calloc(cap, sizeof(*arenas));
	if (!arenas)
		return false;
	spans->arenas = arenas;
	spans->arena_cap = cap;
	for (size_t i = 0; i < old_cap; i++) {
		size_t at = spans_slot(spans, old[i].key);
		while (old[i].key && arenas[at].key)
			at = (at + 1) & (cap - 1);
		if (old[i].key)
			arenas[at] = old[i];
	}
	free(old);
	return true;
}

/* The arena of that key, made if it is not there; NULL: no memory. */
static struct heap_arena *arena_of(struct reader *r, uint64_t key)
{
	struct heap_spans *spans = r->spans;
	if (spans->arena_count >= spans->arena_cap / 2 && !grow_arenas(r))
		return NULL;
	size_t at = spans_slot(spans, key);
	while (spans->arenas[at].key && spans->arenas[at].key != key)
		at = (at + 1) & (spans->arena_cap - 1);
	if (!spans->arenas[at].key) {
		spans->arenas[at].key = key;
		spans->arena_count++;
	}
	return &spans->arenas[at];
}

/* The pages of an arena that belong to a span. */
struct share {
	struct heap_arena *arena;
	size_t from, to;
};

/* Of the arena that holds page `page` of the span; false: no memory. */
static bool share_of(struct reader *r, const struct heap_span *s, uint64_t page, struct share *ret)
{
	uint64_t at = (s->start >> HEAP_PAGE_BITS) + page, left = s->pages - page;
	ret->arena = arena_of(r, at / HEAP_ARENA_PAGES + 1);
	ret->from = at % HEAP_ARENA_PAGES;
	ret->to = left < HEAP_ARENA_PAGES - ret->from ? ret->from + left : HEAP_ARENA_PAGES;
	return ret->arena;
}

enum entry { PLACED, TAKEN, NO_ROOM };

static enum entry find_room(struct reader *r, const struct share *share)
{
	struct heap_arena *arena = share->arena;
	if (!arena->pages && arena->whole.in_use)
		return TAKEN;
	for (size_t i = share->from; arena->pages && i < share->to; i++) {
		if (arena->pages[i].in_use)
			return TAKEN;
	}
	if (arena->pages || (share->from == 0 && share->to == HEAP_ARENA_PAGES))
		return PLACED;
	if (!charge(r, HEAP_ARENA_PAGES * sizeof(*arena->pages)))
		return NO_ROOM;
	arena->pages = calloc(HEAP_ARENA_PAGES, sizeof(*arena->pages));
	return arena->pages ? PLACED : NO_ROOM;
}

/* Enter a span, whose number is known, in the table. */
static enum entry enter(struct reader *r, const struct heap_span *s)
{
	struct share share;
	for (uint64_t page = 0; page < s->pages; page += share.to - share.from) {
		enum entry entry = share_of(r, s, page, &share) ? find_room(r, &share) : NO_ROOM;
		if (entry != PLACED)
			return entry;
	}
	bool large = s->spanclass < 2;
	for (uint64_t page = 0; page < s->pages; page += share.to - share.from) {
		const struct heap_page first = {
			.first = s->first, .spanclass = s->spanclass, .in_use = 1};
		if (!share_of(r, s, page, &share))
			return NO_ROOM;
		if (!share.arena->pages)
			share.arena->whole = first;
		for (size_t i = share.from; share.arena->pages && i < share.to; i++) {
			share.arena->pages[i] = first;
			share.arena->pages[i].page = large ? 0 : (uint16_t)(page + i - share.from);
		}
	}
	return PLACED;
}

/* ------------------------------------------------------------------------------------- numbers --
 */

/* Number the believable spans whose classes do or do not have pointers. */
static enum gospy_code number(struct reader *r, bool noscan, struct gospy_error *err)
{
	struct heap_spans *spans = r->spans;
	for (size_t i = 0; i < r->mspans.all.len; i++) {
		uint32_t index = r->order[i].index;
		struct mspan *mspan = &r->mspans.all.at[index];
		struct heap_span *s = &mspan->span;
		if (r->bad[index] || span_is_noscan(s) != noscan)
			continue;
		enum entry entry = s->count < HEAP_NONE - 1 - spans->count ? PLACED : NO_ROOM;
		s->first = spans->count;
		s->sweeping = mspans_is_sweeping(&r->mspans, mspan);
		s->unswept = mspans_is_unswept(&r->mspans, mspan);
		if (entry == PLACED)
			entry = enter(r, s);
		// Of what runs, one was freed and the other made of it meanwhile.
		spans->bad += entry == TAKEN && !r->mspans.runs;
		spans->unsettled += entry == TAKEN && r->mspans.runs;
		spans->dropped += entry == NO_ROOM;
		r->bad[index] = entry != PLACED;
		if (entry != PLACED)
			continue;
		if (!vec_push(&spans->all, *s))
			return err_nomem(err);
		spans->count += s->count;
		uint64_t end = s->start + s->pages * HEAP_PAGE;
		spans->lo = !spans->lo || s->start < spans->lo ? s->start : spans->lo;
		spans->hi = end > spans->hi ? end : spans->hi;
	}
	if (!noscan) {
		spans->scan_spans = spans->all.len;
		spans->scan_count = spans->count;
	}
	return GOSPY_OK;
}

/* By address, first those that may have pointers. */
static enum gospy_code number_all(struct reader *r, struct gospy_error *err)
{
	const size_t n = r->mspans.all.len;
	if (!charge_for_now(r, (n + 1) * (sizeof(*r->order) + sizeof(*r->bad))) ||
	    !charge(r, n * sizeof(struct heap_span)))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for %zu spans", n);
	r->order = malloc((n + 1) * sizeof(*r->order)); // one more, for it may not be empty
	r->bad = calloc(n + 1, sizeof(*r->bad));
	if (!r->order || !r->bad)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		const struct mspan *mspan = &r->mspans.all.at[i];
		const struct span_class *class = &r->spans->classes[mspan->span.spanclass];
		bool believed = mspan_is_possible(mspan) && is_of_class(&mspan->span, class);
		r->spans->bad += !believed && mspan_is_in_use(mspan);
		r->bad[i] = !believed;
		r->order[i] = (struct radix_item){.key = mspan->span.start, .index = (uint32_t)i};
	}
	if (!radix_sort(r->order, n) || !vec_reserve(&r->spans->all, n))
		return err_nomem(err);
	enum gospy_code code = cancel_check(err);
	if (!code)
		code = number(r, false, err);
	return code ? code : number(r, true, err);
}

/* ---------------------------------------------------------------------------------------- bits --
 */

/* Set bits [from, from + n). */
static void set_bits(uint64_t *bits, uint64_t from, uint64_t n)
{
	while (n) {
		uint64_t in_word = 64 - from % 64 < n ? 64 - from % 64 : n;
		bits[from / 64] |= (in_word == 64 ? UINT64_MAX : (UINT64_C(1) << in_word) - 1)
				   << from % 64;
		from += in_word;
		n -= in_word;
	}
}

static bool bit_of(const uint8_t *bits, uint32_t i)
{
	return bits[i / 8] >> i % 8 & 1;
}

/* mspan.isFree: below .freeindex all are allocated, from there on those whose bit is set. What is
 * not known is not free. */
static void take_bits(struct heap_spans *spans, const struct mspan *mspan)
{
	const struct heap_span *s = &mspan->span;
	bool known = mspan->settled && mspan->allocated && !s->sweeping;
	set_bits(spans->allocated, s->first, known ? mspan->freeindex : s->count);
	for (uint32_t i = mspan->freeindex; known && i < s->count; i++) {
		if (bit_of(mspan->allocated, i))
			set_bits(spans->allocated, s->first + i, 1);
	}
}

static bool is_allocated(const struct heap_spans *spans, const struct mspan *mspan, uint32_t slot)
{
	return spans_is_allocated(spans, mspan->span.first + slot);
}

static void count_unswept(struct heap_spans *spans, const struct mspan *mspan)
{
	const struct heap_span *s = &mspan->span;
	for (uint32_t i = 0; s->unswept && mspan->marked && i < s->count; i++) {
		if (!bit_of(mspan->marked, i) && is_allocated(spans, mspan, i)) {
			spans->unswept_objects++;
			spans->unswept_bytes += s->elemsize;
		}
	}
}

static void count_allocated(struct heap_spans *spans, const struct heap_span *s)
{
	uint64_t allocated = 0;
	for (uint32_t i = s->first; i - s->first < s->count;) {
		uint32_t left = s->count - (i - s->first), n = 64 - i % 64;
		n = n < left ? n : left;
		uint64_t mask = (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << i % 64;
		allocated += (uint64_t)__builtin_popcountll(spans->allocated[i / 64] & mask);
		i += n;
	}
	spans->objects += allocated;
	spans->bytes += allocated * s->elemsize;
}

static enum gospy_code take_all_bits(struct reader *r, struct gospy_error *err)
{
	struct heap_spans *spans = r->spans;
	size_t bytes = ((size_t)spans->count / 64 + 1) * sizeof(uint64_t);
	if (!charge(r, bytes))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for bits of %u objects",
			       spans->count);
	spans->allocated = calloc(1, bytes);
	if (!spans->allocated)
		return err_nomem(err);
	for (size_t i = 0; i < r->mspans.all.len; i++) {
		const struct mspan *mspan = &r->mspans.all.at[i];
		if (r->bad[i])
			continue;
		take_bits(spans, mspan);
		count_unswept(spans, mspan);
		count_allocated(spans, &mspan->span);
	}
	return GOSPY_OK;
}

static enum gospy_code read_all(struct reader *r, struct image *image, bool runs,
				struct gospy_error *err)
{
	enum gospy_code code = mspans_read(&r->mspans, image, r->budget, runs, err);
	if (code)
		return code;
	r->spans->listed = r->mspans.listed;
	r->spans->unsettled = r->mspans.unsettled;
	vote(r);
	code = number_all(r, err);
	return code ? code : take_all_bits(r, err);
}

enum gospy_code spans_read(struct image *image, struct budget *budget, bool runs,
			   struct heap_spans *ret, struct gospy_error *err)
{
	struct heap_spans spans = {0};
	struct reader r = {.spans = &spans, .budget = budget};
	enum gospy_code code = read_all(&r, image, runs, err);
	mspans_deinit(&r.mspans);
	free(r.order);
	free(r.bad);
	budget_give(budget, r.for_now);
	if (code)
		spans_deinit(&spans);
	else
		*ret = spans;
	return code;
}

const struct heap_span *spans_of(const struct heap_spans *spans, uint32_t number)
{
	size_t lo = 0, hi = spans->all.len;
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		if (spans->all.at[mid].first <= number)
			lo = mid;
		else
			hi = mid;
	}
	return &spans->all.at[lo];
}
