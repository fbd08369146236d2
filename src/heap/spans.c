#include "heap/spans.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/radix.h"
#include "capture/bulk.h"

enum {
	/* mspan.state: what is not in use has no objects. src/runtime/mheap.go:mSpanInUse. */
	SPAN_IN_USE = 1,
	SPAN_PAGES_MAX = 16,       /* of small objects; Go's largest such span has 10 */
	SPAN_ELEMSIZE_MAX = 32768, /* of small objects: _MaxSmallSize */
	SLICE_TRIES = 4,
	/* Each is half a kilobyte of the target at least: no more than that many are in a
	 * terabyte of the smallest spans. */
	LISTED_MAX = 1 << 27,
};

/* User addresses are below this on x86-64 without five-level paging, which Go does not use. */
static const uint64_t MEMORY_MAX = UINT64_C(1) << 47;

/* A span as it was copied. */
struct raw {
	struct heap_span span;
	uint64_t alloc_bits, mark_bits; /* addresses */
	uint32_t freeindex, sweepgen;
	uint8_t state;
	bool read, bad;
};

struct reader {
	struct heap_spans *spans;
	struct image *image;
	struct budget *budget;
	struct radix_item *items; /* of what bulk_run() copies */
	struct raw *raw;
	size_t n;
	uint64_t *dead; /* a bit for each number: found dead, and not swept yet */
	size_t for_now; /* bytes taken of the budget until all is read */
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

/* ---------------------------------------------------------------------------------------- list --
 */

static enum gospy_code check_layout(const struct image *image, struct gospy_error *err)
{
	const struct layout *l = &image->layout;
	const struct field *needed[] = {
		&l->mheap.allspans,  &l->mheap.sweepgen,  &l->mspan.startAddr, &l->mspan.npages,
		&l->mspan.nelems,    &l->mspan.spanclass, &l->mspan.elemsize,  &l->mspan.state,
		&l->mspan.freeindex, &l->mspan.allocBits, &l->mspan.sweepgen};
	if (!image->globals.mheap_.addr)
		return err_set(err, GOSPY_E_UNSUPPORTED, "runtime.mheap_ was not found");
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!field_present(*needed[i]) || l->mspan.size > BULK_BUFFER)
			return err_set(err, GOSPY_E_UNSUPPORTED,
				       "the layout of runtime.%s is not known: the program carries "
				       "no DWARF, and no layout table fits its runtime",
				       i < 2 ? "mheap" : "mspan");
	}
	return GOSPY_OK;
}

/* mheap_.allspans, as items. It grows by being copied elsewhere: then where it was may be gone. */
static enum gospy_code read_list(struct reader *r, struct gospy_error *err)
{
	uint64_t at = r->image->globals.mheap_.addr + r->image->layout.mheap.allspans.off;
	for (unsigned tries = 0;; tries++) {
		uint64_t slice[2];
		enum gospy_code code = mem_read(r->image->mem, at, slice, sizeof(slice), err);
		if (code)
			return err_context(err, code, "runtime.mheap_.allspans");
		uint64_t n = slice[1];
		size_t each = sizeof(*r->items) + sizeof(*r->raw);
		r->spans->listed = n;
		if (n > LISTED_MAX)
			return err_set(err, GOSPY_E_LIMIT,
				       "%" PRIu64 " spans in runtime.mheap_.allspans are too many",
				       n);
		if (!tries &&
		    !(charge_for_now(r, n * each) && charge(r, n * sizeof(struct heap_span))))
			return err_set(err, GOSPY_E_LIMIT,
				       "no memory is left for %" PRIu64 " spans", n);
		// One more, for neither may be empty.
		uint64_t *addrs = malloc((n + 1) * sizeof(*addrs));
		r->items = malloc((n + 1) * sizeof(*r->items));
		if (!addrs || !r->items) {
			free(addrs);
			return err_nomem(err);
		}
		code = n ? mem_read(r->image->mem, slice[0], addrs, n * sizeof(*addrs), err)
			 : GOSPY_OK;
		for (size_t i = 0; i < n && !code; i++) {
			if (addrs[i])
				r->items[r->n++] = (struct radix_item){.key = addrs[i]};
		}
		free(addrs);
		if (code != GOSPY_E_FAULT || tries == SLICE_TRIES)
			return code ? err_context(err, code, "runtime.mheap_.allspans") : GOSPY_OK;
		free(r->items);
		r->items = NULL;
	}
}

static void take_span(void *ctx, unsigned worker, size_t index, const uint8_t *bytes,
		      const uint8_t *again)
{
	const struct reader *r = ctx;
	struct raw *raw = &r->raw[index];
	(void)worker, (void)again;
	if (!bytes)
		return;
#define LOAD(member) field_load(bytes, r->image->layout.mspan.member)
	raw->state = (uint8_t)LOAD(state);
	raw->span = (struct heap_span){.start = LOAD(startAddr),
				       .pages = LOAD(npages),
				       .elemsize = LOAD(elemsize),
				       .type = LOAD(largeType),
				       .specials = LOAD(specials),
				       .spanclass = (uint8_t)LOAD(spanclass),
				       .user_arena = LOAD(isUserArenaChunk) & 1};
	uint64_t count = LOAD(nelems), freeindex = LOAD(freeindex);
	raw->bad = count > HEAP_PAGE * SPAN_PAGES_MAX / 8 || freeindex > count;
	raw->span.count = (uint32_t)count;
	raw->freeindex = (uint32_t)freeindex;
	raw->sweepgen = (uint32_t)LOAD(sweepgen);
	raw->alloc_bits = LOAD(allocBits);
	raw->mark_bits = LOAD(gcmarkBits);
	raw->read = true;
#undef LOAD
}

static enum gospy_code copy_spans(struct reader *r, struct gospy_error *err)
{
	if (!radix_sort(r->items, r->n))
		return err_nomem(err);
	size_t n = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (!n || r->items[n - 1].key != r->items[i].key)
			r->items[n++] = r->items[i];
	}
	r->n = n;
	r->raw = calloc(n + 1, sizeof(*r->raw));
	if (!r->raw)
		return err_nomem(err);
	const struct bulk bulk = {.mem = r->image->mem,
				  .items = r->items,
				  .stride = sizeof(*r->items),
				  .count = n,
				  .len = r->image->layout.mspan.size,
				  .visit = take_span,
				  .ctx = r};
	return n ? bulk_run(&bulk, NULL, err) : GOSPY_OK;
}

/* -------------------------------------------------------------------------------------- belief --
 */

static bool is_possible(const struct raw *raw)
{
	const struct heap_span *s = &raw->span;
	if (raw->bad || s->start % HEAP_PAGE || !s->start || s->start >= MEMORY_MAX || !s->pages ||
	    s->pages > (MEMORY_MAX - s->start) / HEAP_PAGE || !s->count)
		return false;
	if (s->spanclass < 2)
		return s->count == 1 && s->elemsize && s->elemsize <= s->pages * HEAP_PAGE;
	return s->pages <= SPAN_PAGES_MAX && s->elemsize >= 8 && s->elemsize % 8 == 0 &&
	       s->elemsize <= SPAN_ELEMSIZE_MAX && s->elemsize * s->count <= s->pages * HEAP_PAGE;
}

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
	for (size_t i = 0; i < r->n; i++) {
		struct raw *raw = &r->raw[i];
		const struct heap_span *s = &raw->span;
		struct span_class *class = &r->spans->classes[s->spanclass];
		if (!raw->read || raw->state != SPAN_IN_USE || !is_possible(raw) ||
		    s->spanclass < 2)
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

/* Number the believable spans whose classes do or do not have pointers. The copies are in the order
 * of the mspans, the items in that of what they describe. */
static enum gospy_code number(struct reader *r, bool noscan, struct gospy_error *err)
{
	struct heap_spans *spans = r->spans;
	for (size_t i = 0; i < r->n; i++) {
		struct raw *raw = &r->raw[r->items[i].index];
		struct heap_span *s = &raw->span;
		if (raw->state != SPAN_IN_USE || !raw->read || raw->bad ||
		    span_is_noscan(s) != noscan)
			continue;
		enum entry entry = s->count < HEAP_NONE - 1 - spans->count ? PLACED : NO_ROOM;
		s->first = spans->count;
		s->sweeping = raw->sweepgen == spans->sweepgen - 1;
		s->unswept = raw->sweepgen == spans->sweepgen - 2 ||
			     raw->sweepgen == spans->sweepgen + 1;
		if (entry == PLACED)
			entry = enter(r, s);
		spans->bad += entry == TAKEN;
		spans->dropped += entry == NO_ROOM;
		raw->bad = entry != PLACED;
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
	for (size_t i = 0; i < r->n; i++) {
		struct raw *raw = &r->raw[i];
		bool in_use = raw->read && raw->state == SPAN_IN_USE;
		const struct span_class *class = &r->spans->classes[raw->span.spanclass];
		bool believed = in_use && is_possible(raw) && is_of_class(&raw->span, class);
		r->spans->bad += (in_use && !believed) || !raw->read;
		raw->bad = !believed;
		r->items[i] = (struct radix_item){.key = raw->span.start, .index = (uint32_t)i};
	}
	if (!radix_sort(r->items, r->n) || !vec_reserve(&r->spans->all, r->n))
		return err_nomem(err);
	enum gospy_code code = cancel_check(err);
	if (!code)
		code = number(r, false, err);
	return code ? code : number(r, true, err);
}

/* ---------------------------------------------------------------------------------------- bits --
 */

/* Set bits [from, from + n). Spans share words, and several workers set them. */
static void set_bits(uint64_t *bits, uint64_t from, uint64_t n)
{
	while (n) {
		uint64_t in_word = 64 - from % 64 < n ? 64 - from % 64 : n;
		uint64_t mask = (in_word == 64 ? UINT64_MAX : (UINT64_C(1) << in_word) - 1)
				<< from % 64;
		__atomic_fetch_or(&bits[from / 64], mask, __ATOMIC_RELAXED);
		from += in_word;
		n -= in_word;
	}
}

static bool bit_of(const uint8_t *bits, uint32_t i)
{
	return bits[i / 8] >> i % 8 & 1;
}

/* mspan.isFree: below .freeindex all are allocated, from there on those whose bit is set. */
static void take_alloc_bits(void *ctx, unsigned worker, size_t index, const uint8_t *bytes,
			    const uint8_t *again)
{
	const struct reader *r = ctx;
	const struct raw *raw = &r->raw[r->items[index].index];
	(void)worker, (void)again;
	// What cannot be read is not free.
	for (uint32_t i = raw->freeindex; i < raw->span.count; i++) {
		if (!bytes || bit_of(bytes, i))
			set_bits(r->spans->allocated, raw->span.first + i, 1);
	}
}

static void take_mark_bits(void *ctx, unsigned worker, size_t index, const uint8_t *bytes,
			   const uint8_t *again)
{
	const struct reader *r = ctx;
	const struct raw *raw = &r->raw[r->items[index].index];
	(void)worker, (void)again;
	for (uint32_t i = 0; bytes && i < raw->span.count; i++) {
		if (!bit_of(bytes, i))
			set_bits(r->dead, raw->span.first + i, 1);
	}
}

static enum gospy_code copy_bits(struct reader *r, size_t n, bool marks, struct gospy_error *err)
{
	const struct bulk bulk = {.mem = r->image->mem,
				  .items = r->items,
				  .stride = sizeof(*r->items),
				  .count = n,
				  .len = (size_t)HEAP_PAGE * SPAN_PAGES_MAX / 8 / 8,
				  .lengths = true,
				  .visit = marks ? take_mark_bits : take_alloc_bits,
				  .ctx = r};
	if (!radix_sort(r->items, n))
		return err_nomem(err);
	return n ? bulk_run(&bulk, NULL, err) : GOSPY_OK;
}

static void want_bits(struct reader *r, size_t *n, uint64_t addr, size_t index)
{
	uint32_t len = (r->raw[index].span.count + 7) / 8;
	if (addr && addr < MEMORY_MAX)
		r->items[(*n)++] =
			(struct radix_item){.key = addr, .tag = len, .index = (uint32_t)index};
}

static enum gospy_code read_bits(struct reader *r, struct gospy_error *err)
{
	size_t bytes = ((size_t)r->spans->count / 64 + 1) * sizeof(uint64_t), n = 0, unswept = 0;
	if (!charge(r, bytes) || !charge_for_now(r, bytes))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for bits of %u objects",
			       r->spans->count);
	r->spans->allocated = calloc(1, bytes);
	r->dead = calloc(1, bytes);
	if (!r->spans->allocated || !r->dead)
		return err_nomem(err);
	for (size_t i = 0; i < r->n; i++) {
		const struct raw *raw = &r->raw[i];
		if (raw->bad)
			continue;
		// While it is swept .freeindex is already of the next cycle, and the bits may be of
		// the one before: mgcsweep.go:sweep.
		bool known = !raw->span.sweeping && raw->alloc_bits && raw->alloc_bits < MEMORY_MAX;
		set_bits(r->spans->allocated, raw->span.first,
			 known ? raw->freeindex : raw->span.count);
		unswept += raw->span.unswept;
		if (known && raw->freeindex < raw->span.count)
			want_bits(r, &n, raw->alloc_bits, i);
	}
	enum gospy_code code = copy_bits(r, n, false, err);
	n = 0;
	for (size_t i = 0; i < r->n && unswept && !code; i++) {
		if (!r->raw[i].bad && r->raw[i].span.unswept)
			want_bits(r, &n, r->raw[i].mark_bits, i);
	}
	return code || !n ? code : copy_bits(r, n, true, err);
}

static void count_span(struct heap_spans *spans, const uint64_t *dead, const struct heap_span *s)
{
	uint64_t allocated = 0, unswept = 0;
	for (uint32_t i = s->first; i - s->first < s->count;) {
		uint32_t left = s->count - (i - s->first), n = 64 - i % 64;
		n = n < left ? n : left;
		uint64_t mask = (n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1) << i % 64;
		uint64_t bits = spans->allocated[i / 64] & mask;
		allocated += (uint64_t)__builtin_popcountll(bits);
		unswept += (uint64_t)__builtin_popcountll(bits & dead[i / 64]);
		i += n;
	}
	spans->objects += allocated;
	spans->bytes += allocated * s->elemsize;
	spans->unswept_objects += unswept;
	spans->unswept_bytes += unswept * s->elemsize;
}

static enum gospy_code read_all(struct reader *r, struct gospy_error *err)
{
	struct heap_spans *spans = r->spans;
	uint64_t sweepgen_at = r->image->globals.mheap_.addr + r->image->layout.mheap.sweepgen.off;
	enum gospy_code code = mem_read_u32(r->image->mem, sweepgen_at, &spans->sweepgen, err);
	if (!code)
		code = read_list(r, err);
	if (!code)
		code = copy_spans(r, err);
	if (code)
		return code;
	vote(r);
	code = number_all(r, err);
	if (!code)
		code = read_bits(r, err);
	for (size_t i = 0; i < spans->all.len && !code; i++)
		count_span(spans, r->dead, &spans->all.at[i]);
	return code;
}

enum gospy_code spans_read(struct image *image, struct budget *budget, struct heap_spans *ret,
			   struct gospy_error *err)
{
	struct heap_spans spans = {0};
	struct reader r = {.spans = &spans, .image = image, .budget = budget};
	enum gospy_code code = check_layout(image, err);
	if (!code)
		code = read_all(&r, err);
	free(r.items);
	free(r.raw);
	free(r.dead);
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
