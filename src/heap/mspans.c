#include "heap/mspans.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/radix.h"
#include "capture/bulk.h"

enum {
	/* mspan.state: what is not in use has no objects. src/runtime/mheap.go:mSpanInUse. */
	SPAN_IN_USE = 1,
	SPAN_PAGES_MAX = 16,       /* of small objects; Go's largest such span has 10 */
	SPAN_ELEMSIZE_MAX = 32768, /* of small objects: _MaxSmallSize */
	SLOTS_MAX = HEAP_PAGE * SPAN_PAGES_MAX / 8,
	SLICE_TRIES = 4,
	/* So often spans are looked at once more that were not the same. */
	SETTLE_TRIES = 6,
	/* Each is half a kilobyte of the target at least: no more than that many are in a
	 * terabyte of the smallest spans. */
	LISTED_MAX = 1 << 27,
};

/* User addresses are below this on x86-64 without five-level paging, which Go does not use. */
static const uint64_t MEMORY_MAX = UINT64_C(1) << 47;

static bool charge(struct mspans *s, size_t bytes)
{
	bool ok = budget_take(s->budget, bytes);
	s->charged += ok ? bytes : 0;
	return ok;
}

void mspans_deinit(struct mspans *spans)
{
	if (spans->budget)
		budget_give(spans->budget, spans->charged);
	vec_free(&spans->all);
	free(spans->items);
	arena_deinit(&spans->bits);
	*spans = (struct mspans){0};
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

static enum gospy_code read_sweepgen(const struct mspans *s, uint32_t *ret, struct gospy_error *err)
{
	const struct image *image = s->image;
	return mem_read_u32(image->mem,
			    image->globals.mheap_.addr + image->layout.mheap.sweepgen.off, ret,
			    err);
}

static int by_addr(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Those of mheap_.allspans from number `from` on, which only grows. `*n_ret`: how many there are in
 * all. */
static enum gospy_code read_addrs(const struct mspans *s, uint64_t from, uint64_t *n_ret,
				  uint64_t **ret, struct gospy_error *err)
{
	uint64_t at = s->image->globals.mheap_.addr + s->image->layout.mheap.allspans.off;
	uint64_t slice[2];
	enum gospy_code code = mem_read(s->image->mem, at, slice, sizeof(slice), err);
	if (code)
		return code;
	if (slice[1] > LISTED_MAX)
		return err_set(err, GOSPY_E_LIMIT,
			       "%" PRIu64 " spans in runtime.mheap_.allspans are too many",
			       slice[1]);
	uint64_t n = slice[1] > from ? slice[1] - from : 0;
	uint64_t *addrs = malloc((n + 1) * sizeof(*addrs)); // one more, for it may not be empty
	if (!addrs)
		return err_nomem(err);
	code = n ? mem_read(s->image->mem, slice[0] + from * sizeof(*addrs), addrs,
			    n * sizeof(*addrs), err)
		 : GOSPY_OK;
	if (code) {
		free(addrs);
		return code;
	}
	*n_ret = from + n;
	*ret = addrs;
	return GOSPY_OK;
}

static bool make_room(struct mspans *s, size_t n)
{
	size_t need = s->all.len + n;
	if (need > s->item_cap) {
		size_t more = need - s->item_cap;
		// What lists are sorted with is as large as the items.
		if (!charge(s, more * (sizeof(struct mspan) + 2 * sizeof(*s->items))))
			return false;
		struct radix_item *items = realloc(s->items, need * sizeof(*items));
		if (!items)
			return false;
		s->items = items;
		s->item_cap = need;
	}
	return vec_reserve(&s->all, need);
}

/* Take in what the list has more than before. It grows by being copied elsewhere: then where it was
 * may be gone. */
static enum gospy_code read_list(struct mspans *s, struct gospy_error *err)
{
	uint64_t *addrs = NULL, n = 0;
	enum gospy_code code = read_addrs(s, s->listed, &n, &addrs, err);
	for (unsigned tries = 0; code == GOSPY_E_FAULT && tries < SLICE_TRIES; tries++)
		code = read_addrs(s, s->listed, &n, &addrs, err);
	if (code)
		return err_context(err, code, "runtime.mheap_.allspans");
	size_t count = n - s->listed;
	s->listed = n;
	if (!count) {
		free(addrs);
		return GOSPY_OK;
	}
	if (!make_room(s, count)) {
		free(addrs);
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for %" PRIu64 " spans", n);
	}
	qsort(addrs, count, sizeof(*addrs), by_addr);
	for (size_t i = 0; i < count; i++) {
		if (addrs[i] && (!i || addrs[i] != addrs[i - 1]))
			s->all.at[s->all.len++] = (struct mspan){.addr = addrs[i]};
	}
	free(addrs);
	return GOSPY_OK;
}

/* -------------------------------------------------------------------------------------- copies --
 */

bool mspan_is_in_use(const struct mspan *mspan)
{
	return !mspan->read || mspan->state == SPAN_IN_USE;
}

bool mspan_is_possible(const struct mspan *mspan)
{
	const struct heap_span *s = &mspan->span;
	if (!mspan->read || mspan->state != SPAN_IN_USE || !mspan->possible ||
	    s->start % HEAP_PAGE || !s->start || s->start >= MEMORY_MAX || !s->pages ||
	    s->pages > (MEMORY_MAX - s->start) / HEAP_PAGE || !s->count)
		return false;
	if (s->spanclass < 2)
		return s->count == 1 && s->elemsize && s->elemsize <= s->pages * HEAP_PAGE;
	return s->pages <= SPAN_PAGES_MAX && s->elemsize >= 8 && s->elemsize % 8 == 0 &&
	       s->elemsize <= SPAN_ELEMSIZE_MAX && s->elemsize * s->count <= s->pages * HEAP_PAGE;
}

static struct mspan decode(const struct mspans *s, uint64_t addr, const uint8_t *bytes)
{
#define LOAD(member) field_load(bytes, s->image->layout.mspan.member)
	const uint64_t count = LOAD(nelems), freeindex = LOAD(freeindex);
	return (struct mspan){.addr = addr,
			      .span = {.start = LOAD(startAddr),
				       .pages = LOAD(npages),
				       .elemsize = LOAD(elemsize),
				       .type = LOAD(largeType),
				       .specials = LOAD(specials),
				       .count = (uint32_t)count,
				       .spanclass = (uint8_t)LOAD(spanclass),
				       .user_arena = LOAD(isUserArenaChunk) & 1},
			      .alloc_bits = LOAD(allocBits),
			      .mark_bits = LOAD(gcmarkBits),
			      .freeindex = (uint32_t)freeindex,
			      .sweepgen = (uint32_t)LOAD(sweepgen),
			      .state = (uint8_t)LOAD(state),
			      .read = true,
			      .possible = count <= SLOTS_MAX && freeindex <= count};
#undef LOAD
}

/* Are both of the same span with the same bits? Slots that were allocated in between do not
 * matter. */
static bool is_same(const struct mspan *a, const struct mspan *b)
{
	if (a->read != b->read || a->state != b->state)
		return false;
	return a->state != SPAN_IN_USE ||
	       (a->span.start == b->span.start && a->span.pages == b->span.pages &&
		a->span.elemsize == b->span.elemsize && a->span.count == b->span.count &&
		a->span.spanclass == b->span.spanclass && a->alloc_bits == b->alloc_bits &&
		a->sweepgen == b->sweepgen && a->freeindex <= b->freeindex);
}

static void take_span(void *ctx, unsigned worker, size_t index, const uint8_t *bytes,
		      const uint8_t *again)
{
	struct mspans *s = ctx;
	struct mspan *mspan = &s->all.at[s->items[index].index], now = {.addr = mspan->addr};
	(void)worker, (void)again;
	if (bytes)
		now = decode(s, mspan->addr, bytes);
	if (is_same(mspan, &now) && mspan->read) {
		mspan->settled = true;
		mspan->freeindex = now.freeindex;
		mspan->span.type = now.span.type;
		mspan->span.specials = now.span.specials;
		return;
	}
	*mspan = now;
}

/* Copy those that are not settled. Which of them is the same as before is so from now on. */
static enum gospy_code copy_spans(struct mspans *s, struct gospy_error *err)
{
	s->item_count = 0;
	for (size_t i = 0; i < s->all.len; i++) {
		if (!s->all.at[i].settled)
			s->items[s->item_count++] =
				(struct radix_item){.key = s->all.at[i].addr, .index = (uint32_t)i};
	}
	if (!radix_sort(s->items, s->item_count))
		return err_nomem(err);
	const struct bulk bulk = {.mem = s->image->mem,
				  .items = s->items,
				  .stride = sizeof(*s->items),
				  .count = s->item_count,
				  .len = s->image->layout.mspan.size,
				  .visit = take_span,
				  .ctx = s};
	enum gospy_code code = s->item_count ? bulk_run(&bulk, NULL, err) : GOSPY_OK;
	return code ? code : cancel_check(err);
}

/* ---------------------------------------------------------------------------------------- bits --
 */

/* Over UINT32_MAX: the generation is that of a moment between the two. */
static bool is_between(uint32_t gen, uint32_t from, uint32_t to)
{
	return gen - from <= to - from;
}

bool mspans_is_sweeping(const struct mspans *s, const struct mspan *mspan)
{
	// mgcsweep.go: two less than mheap_.sweepgen: not swept; one less: just now; one more and
	// three more: cached before, and since.
	uint32_t gen = mspan->sweepgen;
	return gen % 2 != s->sweepgen % 2 &&
	       is_between(gen, s->sweepgen - 1, s->sweepgen_after - 1);
}

bool mspans_is_unswept(const struct mspans *s, const struct mspan *mspan)
{
	return s->sweepgen == s->sweepgen_after &&
	       (mspan->sweepgen == s->sweepgen - 2 || mspan->sweepgen == s->sweepgen + 1);
}

static void take_bits(void *ctx, unsigned worker, size_t index, const uint8_t *bytes,
		      const uint8_t *again)
{
	const struct mspans *s = ctx;
	struct mspan *mspan = &s->all.at[s->items[index].index];
	(void)worker, (void)again;
	if (bytes)
		memcpy(mspan->allocated, bytes, s->items[index].tag);
	else
		mspan->allocated = NULL;
}

static void take_marks(void *ctx, unsigned worker, size_t index, const uint8_t *bytes,
		       const uint8_t *again)
{
	const struct mspans *s = ctx;
	struct mspan *mspan = &s->all.at[s->items[index].index];
	(void)worker, (void)again;
	if (bytes)
		memcpy(mspan->marked, bytes, s->items[index].tag);
	else
		mspan->marked = NULL;
}

/* Room for the bits of the span; false: there is no memory. */
static bool want(struct mspans *s, size_t index, uint64_t addr, uint8_t **room)
{
	const uint32_t len = (s->all.at[index].span.count + 7) / 8;
	if (!addr || addr >= MEMORY_MAX)
		return true;
	if (!charge(s, len))
		return false;
	*room = arena_alloc(&s->bits, len);
	if (*room)
		s->items[s->item_count++] =
			(struct radix_item){.key = addr, .tag = len, .index = (uint32_t)index};
	return *room;
}

static enum gospy_code copy_bits(struct mspans *s, bool marks, struct gospy_error *err)
{
	const struct bulk bulk = {.mem = s->image->mem,
				  .items = s->items,
				  .stride = sizeof(*s->items),
				  .count = s->item_count,
				  .len = SLOTS_MAX / 8,
				  .lengths = true,
				  .visit = marks ? take_marks : take_bits,
				  .ctx = s};
	if (!radix_sort(s->items, s->item_count))
		return err_nomem(err);
	return s->item_count ? bulk_run(&bulk, NULL, err) : GOSPY_OK;
}

/* Of those that are not settled. */
static enum gospy_code read_bits(struct mspans *s, bool marks, struct gospy_error *err)
{
	bool ok = true;
	s->item_count = 0;
	for (size_t i = 0; i < s->all.len && ok; i++) {
		struct mspan *mspan = &s->all.at[i];
		if (mspan->settled || !mspan_is_possible(mspan))
			continue;
		if (marks)
			ok = !mspans_is_unswept(s, mspan) ||
			     want(s, i, mspan->mark_bits, &mspan->marked);
		else if (mspan->freeindex < mspan->span.count && !mspans_is_sweeping(s, mspan))
			ok = want(s, i, mspan->alloc_bits, &mspan->allocated);
	}
	if (!ok)
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for bits of objects");
	return copy_bits(s, marks, err);
}

/* ----------------------------------------------------------------------------------------- all --
 */

static enum gospy_code look(struct mspans *s, struct gospy_error *err)
{
	enum gospy_code code = read_list(s, err);
	if (!code)
		code = copy_spans(s, err);
	if (!code)
		code = read_bits(s, false, err);
	return code ? code : read_bits(s, true, err);
}

static void count_unsettled(struct mspans *s)
{
	s->unsettled = 0;
	for (size_t i = 0; i < s->all.len; i++)
		s->unsettled += !s->all.at[i].settled && mspan_is_possible(&s->all.at[i]);
}

/* Look again at what is not known to have stood still, until all of it has, or it never will. */
static enum gospy_code settle(struct mspans *s, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	s->unsettled = s->all.len;
	for (unsigned tries = 0; !code && s->unsettled && tries < SETTLE_TRIES; tries++) {
		code = read_sweepgen(s, &s->sweepgen_after, err);
		if (!code)
			code = look(s, err);
		count_unsettled(s);
	}
	return code;
}

enum gospy_code mspans_read(struct mspans *spans, struct image *image, struct budget *budget,
			    bool runs, struct gospy_error *err)
{
	enum gospy_code code = check_layout(image, err);
	if (code)
		return code;
	*spans = (struct mspans){.image = image, .budget = budget, .runs = runs};
	code = read_sweepgen(spans, &spans->sweepgen, err);
	spans->sweepgen_after = spans->sweepgen;
	if (!code)
		code = look(spans, err);
	if (!code && runs)
		code = settle(spans, err);
	for (size_t i = 0; i < spans->all.len && !runs; i++)
		spans->all.at[i].settled = true;
	return code;
}
