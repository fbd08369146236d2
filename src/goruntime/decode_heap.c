/* Heap and collector figures. src/runtime/mstats.go:readmemstats_m, mgcpacer.go:heapGoalInternal.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/decode.h"

enum {
	SPAN_CLASSES_MAX = 1024, /* 134 up to Go 1.15, 136 since */
	HEAP_STATS_SHARDS = 3,   /* mstats.heapStats.stats, Go 1.16+ */
};

static uint64_t value(const struct blob *blob, struct field f)
{
	return blob->len && field_present(f) ? field_load(blob->bytes, f) : GOSPY_UNKNOWN;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN ? GOSPY_UNKNOWN : a + b;
}

/* Sum of the array of 8-byte counters that fills `f`. */
static uint64_t sum(const uint8_t *bytes, struct field f)
{
	uint64_t total = 0, v;
	for (uint32_t off = 0; off + sizeof(v) <= f.size; off += (uint32_t)sizeof(v)) {
		memcpy(&v, bytes + f.off + off, sizeof(v));
		total += v;
	}
	return total;
}

/* The spans that the P's hold in their caches. */
struct cached_spans {
	VEC(uint64_t) addrs;
	uint64_t frees; /* counted in the caches up to Go 1.15 */
};

static bool read_caches(struct image *image, const struct schedstate *s, struct cached_spans *ret)
{
	const __typeof__(image->layout.mcache) *L = &image->layout.mcache;
	size_t classes = L->alloc.size / 8;
	if (!classes || classes > SPAN_CLASSES_MAX || !image->globals.emptymspan.addr ||
	    L->size > (1 << 20))
		return false;
	CLEANUP_FREE uint8_t *cache = malloc((size_t)L->size);
	if (!cache || !vec_reserve(&ret->addrs, classes * s->ps.len))
		return false;
	for (size_t i = 0; i < s->ps.len; i++) {
		if (!s->ps.at[i].mcache)
			continue;
		if (mem_read(image->mem, s->ps.at[i].mcache, cache, (size_t)L->size, NULL))
			return false;
		ret->frees +=
			field_load(cache, L->local_nlargefree) + sum(cache, L->local_nsmallfree);
		for (size_t k = 0; k < classes; k++) {
			uint64_t span;
			memcpy(&span, cache + L->alloc.off + k * 8, 8);
			if (span != image->globals.emptymspan.addr)
				ret->addrs.at[ret->addrs.len++] = span;
		}
	}
	return true;
}

/* Objects in cached spans that the central counters do not know yet, or know too early: from 1.19 a
 * span remembers what it held when it was cached; before, it was charged as full. */
static bool cached_objects(struct image *image, const struct cached_spans *spans, uint64_t *ret)
{
	const __typeof__(image->layout.mspan) *L = &image->layout.mspan;
	size_t n = spans->addrs.len, len = (size_t)L->size;
	if (!len || len > (1 << 16))
		return false;
	CLEANUP_FREE uint8_t *bytes = malloc(n * len + 1);
	CLEANUP_FREE struct mem_req *reqs = malloc((n + 1) * sizeof(*reqs));
	if (!bytes || !reqs)
		return false;
	for (size_t i = 0; i < n; i++)
		reqs[i] = (struct mem_req){spans->addrs.at[i], bytes + i * len, len, 0};
	if (n && mem_readv(image->mem, reqs, n, NULL))
		return false;
	uint64_t total = 0;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *span = bytes + i * len;
		total += field_load(span, L->allocCount);
		total -= field_present(L->allocCountBeforeCache)
				 ? field_load(span, L->allocCountBeforeCache)
				 : field_load(span, L->nelems);
	}
	*ret = total;
	return true;
}

/* Go 1.16+: allocated minus freed, over the three shards of heapStats. */
static bool objects_of_heap_stats(const struct image *image, const struct schedstate *s,
				  uint64_t *ret)
{
	const __typeof__(image->layout.heapStatsDelta) *L = &image->layout.heapStatsDelta;
	struct field stats = image->layout.mstats.heapStats;
	if (!s->memstats.len || !stats.size || !L->size ||
	    stats.size / L->size != HEAP_STATS_SHARDS)
		return false;
	uint64_t total = 0;
	for (size_t k = 0; k < HEAP_STATS_SHARDS; k++) {
		const uint8_t *delta = s->memstats.bytes + stats.off + k * L->size;
		total += field_load(delta, L->largeAllocCount) + sum(delta, L->smallAllocCount);
		total -= field_load(delta, L->largeFreeCount) + sum(delta, L->smallFreeCount);
	}
	*ret = total;
	return true;
}

/* Up to Go 1.15: counted in mheap_ and its central lists. */
static bool objects_of_mheap(struct image *image, uint64_t *ret)
{
	const __typeof__(image->layout.mheap) *L = &image->layout.mheap;
	struct field nmalloc = image->layout.mcentral.nmalloc;
	size_t classes = image->layout.mcache.alloc.size / 8;
	// mheap.central is an array of padded mcentrals, one a span class.
	size_t stride = classes ? L->central.size / classes : 0;
	if (!field_present(L->central) || !field_present(L->nlargealloc) ||
	    !field_present(nmalloc) || nmalloc.off + nmalloc.size > stride)
		return false;
	CLEANUP_FREE uint8_t *heap = malloc((size_t)L->size);
	if (!heap || mem_read(image->mem, image->globals.mheap_.addr, heap, (size_t)L->size, NULL))
		return false;
	uint64_t total = field_load(heap, L->nlargealloc) - field_load(heap, L->nlargefree) -
			 sum(heap, L->nsmallfree);
	for (size_t i = 0; i < classes; i++)
		total += field_load(heap + L->central.off + i * stride, nmalloc);
	*ret = total;
	return true;
}

static uint64_t heap_objects(struct image *image, const struct schedstate *s)
{
	struct cached_spans spans = {0};
	uint64_t counted = 0, cached = 0;
	bool ok = read_caches(image, s, &spans) && cached_objects(image, &spans, &cached) &&
		  (objects_of_heap_stats(image, s, &counted) || objects_of_mheap(image, &counted));
	uint64_t frees = spans.frees;
	vec_free(&spans.addrs);
	return ok ? counted + cached - frees : GOSPY_UNKNOWN;
}

/* src/runtime/mgcpacer.go:memoryLimitHeapGoal, Go 1.19+. */
static uint64_t memory_limit_goal(const struct blob *b, const struct image *image)
{
	const __typeof__(image->layout.gcController) *L = &image->layout.gcController;
	uint64_t limit = value(b, L->memoryLimit), marked = value(b, L->heapMarked);
	uint64_t mapped = value(b, L->mappedReady);
	uint64_t non_heap =
		mapped - value(b, L->heapFree) - (value(b, L->totalAlloc) - value(b, L->totalFree));
	uint64_t over = mapped > limit ? mapped - limit : 0;
	if (non_heap + over >= limit)
		return marked;
	uint64_t goal = limit - (non_heap + over);
	// memoryLimitHeapGoalHeadroom is 1 MiB; from Go 1.21 three percent of the goal if more.
	uint64_t headroom = 1 << 20;
	if (image->version.minor >= 21 && goal / 100 * 3 > headroom)
		headroom = goal / 100 * 3;
	goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
	return goal > marked ? goal : marked;
}

static uint64_t next_gc(const struct image *image, const struct schedstate *s)
{
	const __typeof__(image->layout.gcController) *L = &image->layout.gcController;
	const struct blob *b = &s->gc_controller;
	uint64_t goal = value(b, L->gcPercentHeapGoal);
	if (!b->len)
		return value(&s->memstats, image->layout.mstats.next_gc);
	if (!field_present(L->gcPercentHeapGoal) || !field_present(L->memoryLimit)) {
		goal = value(b, L->heapGoal); // Go 1.17-1.18
		return goal != GOSPY_UNKNOWN ? goal
					     : value(&s->memstats, image->layout.mstats.next_gc);
	}
	uint64_t limit_goal = memory_limit_goal(b, image);
	if (limit_goal < goal)
		return limit_goal;
	uint64_t sweep_min = value(b, L->sweepDistMinTrigger), triggered = value(b, L->triggered);
	if (sweep_min > goal)
		goal = sweep_min;
	if (triggered != UINT64_MAX && triggered + (64 << 10) > goal)
		goal = triggered + (64 << 10);
	return goal;
}

/* memstats.pause_ns follows pause_total_ns: a ring, in which the last cycle's place is (numgc+255)
 * % 256. src/runtime/mstats.go, Go 1.12-1.27. */
static uint64_t last_pause(const struct image *image, const struct blob *memstats)
{
	enum { PAUSES = 256 };
	struct field total = image->layout.mstats.pause_total_ns;
	uint64_t num_gc = value(memstats, image->layout.mstats.numgc);
	if (value(memstats, total) == GOSPY_UNKNOWN || num_gc == GOSPY_UNKNOWN)
		return GOSPY_UNKNOWN;
	size_t off = total.off + sizeof(uint64_t) * (1 + (num_gc + PAUSES - 1) % PAUSES);
	if (memstats->len < sizeof(uint64_t) || off > memstats->len - sizeof(uint64_t))
		return GOSPY_UNKNOWN;
	uint64_t pause_ns;
	memcpy(&pause_ns, memstats->bytes + off, sizeof(pause_ns));
	return pause_ns <= value(memstats, total) ? pause_ns : GOSPY_UNKNOWN;
}

void decode_heap(struct image *image, const struct schedstate *s, struct gospy_heap *ret)
{
	const __typeof__(image->layout.gcController) *gc = &image->layout.gcController;
	const __typeof__(image->layout.mstats) *ms = &image->layout.mstats;
	const struct blob *b = &s->gc_controller;
	bool in_controller = field_present(gc->heapInUse); // Go 1.19+
	uint64_t in_use = value(b, gc->heapInUse);
	*ret = (struct gospy_heap){
		.in_use = in_controller ? in_use : value(&s->memstats, ms->heap_inuse),
		.sys = in_controller ? plus(in_use, plus(value(b, gc->heapFree),
							 value(b, gc->heapReleased)))
				     : value(&s->memstats, ms->heap_sys),
		.live = field_present(gc->heapLive) ? value(b, gc->heapLive)
						    : value(&s->memstats, ms->heap_live),
		.objects = heap_objects(image, s),
		.next_gc = next_gc(image, s),
		.num_gc = value(&s->memstats, ms->numgc),
		.num_forced_gc = value(&s->memstats, ms->numforcedgc),
		.last_gc_unix_ns = value(&s->memstats, ms->last_gc_unix),
		.pause_total_ns = value(&s->memstats, ms->pause_total_ns),
		.last_pause_ns = last_pause(image, &s->memstats),
	};
}
