#include "capture/memcopy.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "capture/span_set.h"

enum {
	PAGE = 8192,                /* runtime._PageSize */
	STRUCTS_SIZE_MAX = 1 << 16, /* of an mcache and of an mspan: some hundred bytes */
	/* Bytes of all mcaches, or mspans: 2 kB for each of some ten thousand P's. There may be two
	 * copies at a time. */
	COPY_MAX = 1 << 25,
	BLOB_MAX = 1 << 20,
};

/* ------------------------------------------------------------------------------------ requests --
 */

static bool want(struct memcopy *c, uint64_t addr, void *dst, size_t len)
{
	struct mem_req req = {addr, dst, len, 0, MEM_DATA};
	return vec_push(&c->reqs, req);
}

/* A number of up to eight bytes; 0 where the field is absent. */
static bool want_field(struct memcopy *c, uint64_t addr, struct field f, void *dst, size_t size)
{
	memset(dst, 0, size);
	return !field_present(f) || f.size > size || want(c, addr + f.off, dst, f.size);
}

/* Read what is wanted, and want nothing any more. */
static enum gospy_code fetch(struct memcopy *c, struct image *image, const char *what,
			     struct gospy_error *err)
{
	enum gospy_code code =
		c->reqs.len ? mem_readv(image->mem, c->reqs.at, c->reqs.len, err) : GOSPY_OK;
	c->reqs.len = 0;
	return code ? err_context(err, code, "%s", what) : GOSPY_OK;
}

/* Room for `n` structures of `size` bytes, all 0. */
static enum gospy_code make_room(struct_bytes *bytes, size_t n, size_t size,
				 struct gospy_error *err)
{
	if (n > COPY_MAX / size)
		return err_set(err, GOSPY_E_LIMIT,
			       "%zu structures of %zu bytes in caches are too much", n, size);
	if (!vec_reserve(bytes, n * size + 1))
		return err_nomem(err);
	bytes->len = n * size;
	memset(bytes->at, 0, bytes->len);
	return GOSPY_OK;
}

/* --------------------------------------------------------------------------------------- roots --
 */

static bool want_blob(struct memcopy *c, struct global global, uint64_t size, struct blob *blob)
{
	if (!global.addr || !size || size > BLOB_MAX)
		return true;
	if (!blob->bytes)
		blob->bytes = calloc(1, (size_t)size);
	blob->len = blob->bytes ? (size_t)size : 0;
	return blob->bytes && want(c, global.addr, blob->bytes, blob->len);
}

/* The arrays of size classes: 8 bytes each, as many as fill the field, or as there is room for. */
static bool want_classes(struct memcopy *c, uint64_t addr, struct field f, uint64_t *dst)
{
	memset(dst, 0, SIZE_CLASSES_MAX * sizeof(*dst));
	return !field_present(f) || f.size > SIZE_CLASSES_MAX * sizeof(*dst) ||
	       want(c, addr + f.off, dst, f.size);
}

/* Up to Go 1.15 each mcentral counts what was allocated of its span class. mheap_.central is an
 * array of padded mcentrals. */
static bool want_nmalloc(struct memcopy *c, const struct image *image, uint64_t addr)
{
	struct field central = image->layout.mheap.central;
	struct field nmalloc = image->layout.mcentral.nmalloc;
	size_t n = image->layout.mcache.alloc.size / 8;
	size_t stride = n ? central.size / n : 0;
	memset(c->mheap.nmalloc, 0, sizeof(c->mheap.nmalloc));
	if (!field_present(nmalloc) || n > 2 * SIZE_CLASSES_MAX || nmalloc.size != 8 ||
	    nmalloc.off > stride || stride - nmalloc.off < nmalloc.size)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (!want(c, addr + central.off + i * stride + nmalloc.off, &c->mheap.nmalloc[i],
			  8))
			return false;
	}
	return true;
}

#define WANT_MHEAP(name) want_field(c, addr, L->name, &c->mheap.name, sizeof(c->mheap.name))

static bool want_mheap(struct memcopy *c, const struct image *image)
{
	const __typeof__(image->layout.mheap) *L = &image->layout.mheap;
	uint64_t addr = image->globals.mheap_.addr;
	return WANT_MHEAP(sweepgen) && WANT_MHEAP(arenas) && WANT_MHEAP(spanalloc_inuse) &&
	       WANT_MHEAP(cachealloc_inuse) && WANT_MHEAP(largealloc) && WANT_MHEAP(nlargealloc) &&
	       WANT_MHEAP(largefree) && WANT_MHEAP(nlargefree) &&
	       want_classes(c, addr, L->nsmallfree, c->mheap.nsmallfree) &&
	       want_nmalloc(c, image, addr);
}

static bool want_u32(struct memcopy *c, struct global global, uint32_t *dst, bool *known)
{
	*known = global.addr != 0;
	return !*known || want(c, global.addr, dst, sizeof(*dst));
}

static enum gospy_code read_roots(struct memcopy *c, struct image *image, bool blobs,
				  struct gospy_error *err)
{
	const struct globals *g = &image->globals;
	uint64_t allp[3]; // a slice: pointer, length, capacity
	c->reqs.len = 0;
	if (!want(c, g->allp.addr, allp, sizeof(allp)) ||
	    !want(c, g->gomaxprocs.addr, &c->gomaxprocs, sizeof(c->gomaxprocs)) ||
	    !want_u32(c, g->gcphase, &c->gcphase, &c->gcphase_known) ||
	    !want_u32(c, g->gcpercent, &c->gcpercent, &c->gcpercent_known) || !want_mheap(c, image))
		return err_nomem(err);
	if (!want_blob(c, g->work, image->layout.work.size, &c->work))
		return err_nomem(err);
	if (blobs &&
	    (!want_blob(c, g->memstats, image->layout.mstats.size, &c->memstats) ||
	     !want_blob(c, g->gcController, image->layout.gcController.size, &c->gc_controller)))
		return err_nomem(err);
	enum gospy_code code = fetch(c, image, "the globals of the heap", err);
	if (code)
		return code;
	c->allp = allp[0];
	if (c->gomaxprocs > allp[1] || c->gomaxprocs > P_MAX)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "GOMAXPROCS is %u, but runtime.allp has %llu elements",
			       c->gomaxprocs, (unsigned long long)allp[1]);
	return GOSPY_OK;
}

/* -------------------------------------------------------------------------------------- caches --
 */

static bool can_read_caches(const struct image *image)
{
	const __typeof__(image->layout.mcache) *L = &image->layout.mcache;
	size_t n = L->alloc.size / 8;
	return image->globals.emptymspan.addr && field_present(image->layout.p.mcache) && n &&
	       n <= 2 * SIZE_CLASSES_MAX && L->size <= STRUCTS_SIZE_MAX &&
	       image->layout.mspan.size && image->layout.mspan.size <= STRUCTS_SIZE_MAX &&
	       L->local_nsmallfree.size <= SIZE_CLASSES_MAX * 8;
}

static enum gospy_code read_ps(struct memcopy *c, struct image *image, struct gospy_error *err)
{
	const __typeof__(image->layout.p) *L = &image->layout.p;
	size_t n = c->gomaxprocs;
	if (!vec_reserve(&c->caches, n + 1))
		return err_nomem(err);
	c->caches.len = n;
	memset(c->caches.at, 0, n * sizeof(*c->caches.at));
	for (size_t i = 0; i < n; i++) {
		if (!want(c, c->allp + i * 8, &c->caches.at[i].p, 8))
			return err_nomem(err);
	}
	enum gospy_code code = fetch(c, image, "runtime.allp", err);
	for (size_t i = 0; i < n && !code; i++) {
		struct cache_copy *cache = &c->caches.at[i];
		if (!want_field(c, cache->p, L->mcache, &cache->mcache, sizeof(cache->mcache)) ||
		    !want_field(c, cache->p, L->statsSeq, &cache->statsSeq,
				sizeof(cache->statsSeq)))
			return err_nomem(err);
	}
	return code ? code : fetch(c, image, "runtime.p", err);
}

static enum gospy_code read_mcaches(struct memcopy *c, struct image *image, struct gospy_error *err)
{
	size_t len = (size_t)image->layout.mcache.size;
	enum gospy_code code = make_room(&c->mcaches, c->caches.len, len, err);
	if (code)
		return code;
	for (size_t i = 0; i < c->caches.len; i++) {
		uint64_t addr = c->caches.at[i].mcache;
		if (addr && !want(c, addr, c->mcaches.at + i * len, len))
			return err_nomem(err);
	}
	return fetch(c, image, "runtime.mcache", err);
}

static enum gospy_code list_spans(struct memcopy *c, const struct image *image,
				  struct gospy_error *err)
{
	struct field alloc = image->layout.mcache.alloc;
	size_t len = (size_t)image->layout.mcache.size;
	c->spans.len = 0;
	for (size_t i = 0; i < c->caches.len; i++) {
		struct cache_copy *cache = &c->caches.at[i];
		cache->spans = c->spans.len;
		for (uint64_t k = 0; cache->mcache && k < alloc.size / 8; k++) {
			struct cached_span span = {.spanclass = k};
			memcpy(&span.addr, c->mcaches.at + i * len + alloc.off + k * 8, 8);
			if (span.addr == image->globals.emptymspan.addr)
				continue;
			if (c->spans.len == CACHED_SPANS_MAX)
				return err_set(err, GOSPY_E_LIMIT,
					       "the P's have more than %d spans in their caches",
					       CACHED_SPANS_MAX);
			if (!vec_push(&c->spans, span))
				return err_nomem(err);
		}
		cache->span_count = c->spans.len - cache->spans;
	}
	return GOSPY_OK;
}

static enum gospy_code read_spans(struct memcopy *c, struct image *image, struct gospy_error *err)
{
	size_t len = (size_t)image->layout.mspan.size;
	enum gospy_code code = list_spans(c, image, err);
	if (!code)
		code = make_room(&c->mspans, c->spans.len, len, err);
	if (code)
		return code;
	for (size_t i = 0; i < c->spans.len; i++) {
		if (!want(c, c->spans.at[i].addr, c->mspans.at + i * len, len))
			return err_nomem(err);
	}
	return fetch(c, image, "runtime.mspan", err);
}

/* -------------------------------------------------------------------------------------- stacks --
 */

static bool can_read_stacks(const struct image *image)
{
	const struct layout *layout = &image->layout;
	return layout->mcache.stackcache.size % 16 == 0 &&
	       layout->mcache.stackcache.size / 16 <= STACK_ORDERS_MAX &&
	       field_present(layout->mcache.stackcache) && field_present(layout->mheap.arenas) &&
	       layout->mheap.arenas.size == 8 && field_present(layout->heapArena.spans) &&
	       field_present(layout->mspan.startAddr) && field_present(layout->mspan.npages);
}

/* The first of each list: src/runtime/mcache.go:stackfreelist{list, size}. */
static enum gospy_code list_heads(struct memcopy *c, const struct image *image,
				  struct gospy_error *err)
{
	struct field lists = image->layout.mcache.stackcache;
	size_t len = (size_t)image->layout.mcache.size;
	c->stacks.len = 0;
	for (size_t i = 0; i < c->caches.len; i++) {
		for (uint32_t off = 0; off < lists.size; off += 16) {
			struct cached_stack stack = {0};
			memcpy(&stack.addr, c->mcaches.at + i * len + lists.off + off, 8);
			if (stack.addr && !vec_push(&c->stacks, stack))
				return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

/* Follow all lists at once: a free stack begins with the address of the next one. */
static enum gospy_code list_stacks(struct memcopy *c, struct image *image, struct gospy_error *err)
{
	enum gospy_code code = list_heads(c, image, err);
	size_t first = 0;
	for (unsigned round = 0; !code && first < c->stacks.len; round++) {
		size_t end = c->stacks.len;
		if (round == STACK_LIST_MAX || end > CACHED_STACKS_MAX)
			return err_set(err, GOSPY_E_BAD_DATA, "a list of free stacks does not end");
		for (size_t i = first; i < end; i++) {
			if (!want(c, c->stacks.at[i].addr, &c->stacks.at[i].next, 8))
				return err_nomem(err);
		}
		code = fetch(c, image, "a free stack", err);
		for (; first < end && !code; first++) {
			struct cached_stack next = {.addr = c->stacks.at[first].next};
			if (next.addr && !vec_push(&c->stacks, next))
				return err_nomem(err);
		}
	}
	return code;
}

/* src/runtime/mheap.go:spanOf. The arenas of 64 MiB begin at -1<<47: malloc.go:arenaBaseOffset. */
static enum gospy_code find_stack_spans(struct memcopy *c, struct image *image,
					struct gospy_error *err)
{
	enum { ARENA_BITS = 26, ARENAS = 1 << 22, ARENA_PAGES = (1 << ARENA_BITS) / PAGE };
	struct field spans = image->layout.heapArena.spans;
	for (size_t i = 0; i < c->stacks.len; i++) {
		uint64_t index = (c->stacks.at[i].addr + (UINT64_C(1) << 47)) >> ARENA_BITS;
		if (index >= ARENAS)
			return err_set(err, GOSPY_E_BAD_DATA, "a free stack is outside the heap");
		if (!want(c, c->mheap.arenas + index * 8, &c->stacks.at[i].arena, 8))
			return err_nomem(err);
	}
	enum gospy_code code = fetch(c, image, "mheap_.arenas", err);
	for (size_t i = 0; i < c->stacks.len && !code; i++) {
		struct cached_stack *stack = &c->stacks.at[i];
		uint64_t page = stack->addr / PAGE % ARENA_PAGES;
		if (page >= spans.size / 8)
			return err_set(err, GOSPY_E_BAD_DATA, "heapArena.spans is too small");
		if (!want(c, stack->arena + spans.off + page * 8, &stack->span, 8))
			return err_nomem(err);
	}
	return code ? code : fetch(c, image, "runtime.heapArena", err);
}

static enum gospy_code read_stacks(struct memcopy *c, struct image *image, struct gospy_error *err)
{
	size_t len = (size_t)image->layout.mspan.size;
	enum gospy_code code = list_stacks(c, image, err);
	if (!code)
		code = find_stack_spans(c, image, err);
	if (!code)
		code = make_room(&c->stack_mspans, c->stacks.len, len, err);
	if (code)
		return code;
	for (size_t i = 0; i < c->stacks.len; i++) {
		if (!want(c, c->stacks.at[i].span, c->stack_mspans.at + i * len, len))
			return err_nomem(err);
	}
	return fetch(c, image, "the span of a free stack", err);
}

/* -------------------------------------------------------------------------------------------------
 */

/* Without `blobs` it is for a snapshot. Then stacks are left out as well: their lists change all
 * the time. */
static enum gospy_code read_all(struct memcopy *c, struct image *image, bool blobs,
				struct gospy_error *err)
{
	enum gospy_code code = read_roots(c, image, blobs, err);
	c->caches_known = can_read_caches(image);
	c->stacks_known = !blobs || (c->caches_known && c->gcphase_known && can_read_stacks(image));
	c->caches.len = c->mcaches.len = c->spans.len = c->mspans.len = 0;
	c->stacks.len = c->stack_mspans.len = 0;
	c->stacks_torn = false;
	c->span_set_growth = 0;
	if (!code && c->caches_known)
		code = read_ps(c, image, err);
	if (!code && c->caches_known)
		code = read_mcaches(c, image, err);
	if (!code && c->caches_known)
		code = read_spans(c, image, err);
	if (!code && c->caches_known && blobs)
		code = span_set_growth(c, image, &c->span_set_growth, err);
	// While it marks, the GC keeps the spans of stacks.
	if (!code && blobs && c->stacks_known && c->gcphase == GOSPY_GC_OFF)
		code = read_stacks(c, image, err);
	else
		return code;
	// The runtime writes to a stack at once when it takes it from its list. The rest is worth
	// having.
	c->stacks_torn = code == GOSPY_E_FAULT || code == GOSPY_E_BAD_DATA;
	if (!c->stacks_torn)
		return code;
	c->reqs.len = c->stacks.len = c->stack_mspans.len = 0;
	return GOSPY_OK;
}

enum gospy_code memcopy_read(struct memcopy *copy, struct image *image, struct gospy_error *err)
{
	return read_all(copy, image, true, err);
}

enum gospy_code memcopy_complete(struct memcopy *copy, struct image *image,
				 const struct schedstate *sched, struct gospy_error *err)
{
	copy->memstats = sched->memstats;
	copy->gc_controller = sched->gc_controller;
	return read_all(copy, image, false, err);
}

static bool same_bytes(const void *a, size_t a_len, const void *b, size_t b_len)
{
	return a_len == b_len && (!a_len || memcmp(a, b, a_len) == 0);
}

#define SAME(member)                                                                               \
	same_bytes(a->member.at, a->member.len * sizeof(*a->member.at), b->member.at,              \
		   b->member.len * sizeof(*b->member.at))
#define SAME_BLOB(member) same_bytes(a->member.bytes, a->member.len, b->member.bytes, b->member.len)

bool memcopy_is_same(const struct memcopy *a, const struct memcopy *b)
{
	return a->gomaxprocs == b->gomaxprocs && a->gcphase == b->gcphase &&
	       a->gcpercent == b->gcpercent && a->span_set_growth == b->span_set_growth &&
	       SAME_BLOB(memstats) && SAME_BLOB(gc_controller) && SAME_BLOB(work) &&
	       memcmp(&a->mheap, &b->mheap, sizeof(a->mheap)) == 0 && SAME(mcaches) &&
	       SAME(spans) && SAME(mspans) && SAME(stacks) && SAME(stack_mspans);
}

void memcopy_deinit(struct memcopy *copy)
{
	free(copy->memstats.bytes);
	free(copy->gc_controller.bytes);
	memcopy_deinit_completed(copy);
}

void memcopy_deinit_completed(struct memcopy *copy)
{
	free(copy->work.bytes);
	vec_free(&copy->caches);
	vec_free(&copy->mcaches);
	vec_free(&copy->spans);
	vec_free(&copy->mspans);
	vec_free(&copy->stacks);
	vec_free(&copy->stack_mspans);
	vec_free(&copy->reqs);
	*copy = (struct memcopy){0};
}
