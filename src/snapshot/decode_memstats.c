#include "snapshot/decode_memstats.h"

/* What runtime.ReadMemStats would say, from copies. It first empties the mcaches of all P's: spans
 * go back to the central lists, which corrects the counts of objects, and stacks to the heap, if
 * nothing is left of their span. src/runtime/{mstats,mcache,mcentral,stack}.go */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"

enum {
	PAGE = 8192,
	HEAP_STATS_SHARDS = 3, /* mstats.heapStats.stats, Go 1.16+ */
	STATS_EXPORTED = GOSPY_SIZE_CLASSES,
};

/* src/runtime/sizeclasses.go:class_to_size. Go 1.12 to 1.15 lack the class of 24 bytes. */
static const uint16_t class_to_size[] = {
	0,     8,     16,    24,    32,    48,    64,    80,    96,    112,   128,   144,
	160,   176,   192,   208,   224,   240,   256,   288,   320,   352,   384,   416,
	448,   480,   512,   576,   640,   704,   768,   896,   1024,  1152,  1280,  1408,
	1536,  1792,  2048,  2304,  2688,  3072,  3200,  3456,  4096,  4864,  5376,  6144,
	6528,  6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384,
	18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768};

enum { SIZE_CLASSES = sizeof(class_to_size) / sizeof(class_to_size[0]) };

/* Counters by size class, and those of large objects, which have none. */
struct objects {
	size_t classes;
	uint64_t mallocs[SIZE_CLASSES], frees[SIZE_CLASSES];
	uint64_t large_alloc, large_mallocs, large_free, large_frees, tiny;
};

static uint64_t size_of_class(const struct objects *o, size_t class)
{
	// Without the fourth of them.
	return class_to_size[class >= 3 && o->classes < SIZE_CLASSES ? class + 1 : class];
}

static uint64_t bytes_allocated(const struct objects *o)
{
	uint64_t sum = o->large_alloc;
	for (size_t i = 0; i < o->classes; i++)
		sum += o->mallocs[i] * size_of_class(o, i);
	return sum;
}

static uint64_t bytes_freed(const struct objects *o)
{
	uint64_t sum = o->large_free;
	for (size_t i = 0; i < o->classes; i++)
		sum += o->frees[i] * size_of_class(o, i);
	return sum;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN ? GOSPY_UNKNOWN : a + b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN ? GOSPY_UNKNOWN : a - b;
}

/* --------------------------------------------------------------------- what is counted already --
 */

/* Number `i` of an array of 8-byte counters. */
static uint64_t element(const uint8_t *bytes, struct field f, size_t i)
{
	uint64_t v = 0;
	if (f.size >= (i + 1) * sizeof(v))
		memcpy(&v, bytes + f.off + i * sizeof(v), sizeof(v));
	return v;
}

static const uint8_t *heap_stats(const struct memcopy *copy, const struct layout *layout, size_t k)
{
	return copy->memstats.bytes + layout->mstats.heapStats.off +
	       k * layout->heapStatsDelta.size;
}

/* Go 1.16+: three parts, of which single numbers may be negative. */
static bool has_heap_stats(const struct memcopy *copy, const struct layout *layout)
{
	uint64_t size = layout->heapStatsDelta.size;
	return copy->memstats.len && size &&
	       layout->mstats.heapStats.size / size == HEAP_STATS_SHARDS &&
	       field_present(layout->heapStatsDelta.smallAllocCount);
}

static uint64_t sum_of_heap_stats(const struct memcopy *copy, const struct layout *layout,
				  struct field f)
{
	uint64_t sum = 0;
	for (size_t k = 0; k < HEAP_STATS_SHARDS; k++)
		sum += field_load(heap_stats(copy, layout, k), f);
	return sum;
}

static void count_heap_stats(const struct memcopy *copy, const struct layout *layout,
			     struct objects *o)
{
	const __typeof__(layout->heapStatsDelta) *L = &layout->heapStatsDelta;
	for (size_t k = 0; k < HEAP_STATS_SHARDS; k++) {
		const uint8_t *delta = heap_stats(copy, layout, k);
		for (size_t i = 0; i < o->classes; i++) {
			o->mallocs[i] += element(delta, L->smallAllocCount, i);
			o->frees[i] += element(delta, L->smallFreeCount, i);
		}
		o->large_alloc += field_load(delta, L->largeAlloc);
		o->large_mallocs += field_load(delta, L->largeAllocCount);
		o->large_free += field_load(delta, L->largeFree);
		o->large_frees += field_load(delta, L->largeFreeCount);
		o->tiny += field_load(delta, L->tinyAllocCount);
	}
}

/* Up to Go 1.15: mheap_ and its central lists. */
static void count_mheap(const struct memcopy *copy, struct objects *o)
{
	const struct mheap_copy *heap = &copy->mheap;
	for (size_t i = 0; i < o->classes; i++)
		o->mallocs[i] = heap->nmalloc[2 * i] + heap->nmalloc[2 * i + 1];
	// Class 0 is that of large objects.
	for (size_t i = 1; i < o->classes; i++)
		o->frees[i] = heap->nsmallfree[i];
	o->large_alloc = heap->largealloc;
	o->large_mallocs = heap->nlargealloc;
	o->large_free = heap->largefree;
	o->large_frees = heap->nlargefree;
}

static bool count_global(const struct memcopy *copy, const struct layout *layout, struct objects *o)
{
	*o = (struct objects){.classes = layout->mcache.alloc.size / 16};
	if (o->classes != SIZE_CLASSES && o->classes != SIZE_CLASSES - 1)
		return false;
	if (has_heap_stats(copy, layout))
		count_heap_stats(copy, layout, o);
	else if (field_present(layout->mheap.nlargealloc) &&
		 field_present(layout->mcentral.nmalloc))
		count_mheap(copy, o);
	else
		return false;
	// Go 1.17 moved them.
	if (!field_present(layout->heapStatsDelta.tinyAllocCount)) {
		uint64_t tiny = blob_value(&copy->memstats, layout->mstats.tinyallocs);
		o->tiny = tiny;
		return tiny != GOSPY_UNKNOWN;
	}
	return true;
}

/* ---------------------------------------------------------------------- what the caches hold --
 */

static const uint8_t *mspan_bytes(const struct memcopy *copy, const struct layout *layout, size_t i)
{
	return copy->mspans.at + i * layout->mspan.size;
}

/* What the counters do not have yet of a span, or have too early. From Go 1.19 on a span remembers
 * what it held when it was cached; before, all of it was counted as allocated. */
static uint64_t uncounted(const struct layout *layout, const uint8_t *span)
{
	const __typeof__(layout->mspan) *L = &layout->mspan;
	return field_load(span, L->allocCount) -
	       (field_present(L->allocCountBeforeCache) ? field_load(span, L->allocCountBeforeCache)
							: field_load(span, L->nelems));
}

/* Is every span of the size that its class is known to have? */
static bool sizes_fit(const struct memcopy *copy, const struct layout *layout,
		      const struct objects *o)
{
	for (size_t i = 0; i < copy->spans.len; i++) {
		size_t class = (size_t)copy->spans.at[i].spanclass / 2;
		if (class >= o->classes ||
		    field_load(mspan_bytes(copy, layout, i), layout->mspan.elemsize) !=
			    size_of_class(o, class))
			return false;
	}
	return true;
}

static void count_caches(const struct memcopy *copy, const struct layout *layout, struct objects *o)
{
	const __typeof__(layout->mcache) *L = &layout->mcache;
	for (size_t i = 0; i < copy->spans.len; i++)
		o->mallocs[copy->spans.at[i].spanclass / 2] +=
			uncounted(layout, mspan_bytes(copy, layout, i));
	for (size_t i = 0; i < copy->caches.len; i++) {
		const uint8_t *cache = copy->mcaches.at + i * L->size;
		o->tiny += field_load(cache, L->tinyAllocs);
		// Up to Go 1.15.
		o->large_free += field_load(cache, L->local_largefree);
		o->large_frees += field_load(cache, L->local_nlargefree);
		for (size_t k = 1; k < o->classes; k++)
			o->frees[k] += element(cache, L->local_nsmallfree, k);
	}
}

static bool count_objects(const struct memcopy *copy, const struct layout *layout,
			  struct objects *o)
{
	if (!copy->caches_known || !field_present(layout->mspan.elemsize) ||
	    !count_global(copy, layout, o) || !sizes_fit(copy, layout, o))
		return false;
	count_caches(copy, layout, o);
	return true;
}

/* src/runtime/stack.go:stackcache_clear: bytes of the spans that are free when all stacks in caches
 * are. */
static uint64_t stack_bytes_freed(const struct memcopy *copy, const struct layout *layout)
{
	const __typeof__(layout->mspan) *L = &layout->mspan;
	CLEANUP(map_deinit) struct map cached = {0};
	uint64_t freed = 0;
	if (!copy->stacks_known)
		return GOSPY_UNKNOWN;
	for (size_t i = 0; i < copy->stacks.len; i++) {
		const uint8_t *span = copy->stack_mspans.at + i * L->size;
		uint64_t bytes = field_load(span, L->npages) * PAGE;
		uint64_t *n = map_put(&cached, copy->stacks.at[i].span);
		if (!n || copy->stacks.at[i].addr - field_load(span, L->startAddr) >= bytes)
			return GOSPY_UNKNOWN;
		if (++*n == field_load(span, L->allocCount))
			freed += bytes;
	}
	return freed;
}

/* --------------------------------------------------------------------------------- is it sound --
 */

/* A span that is being replaced is not marked as cached any more, and it cannot be told whether it
 * was counted. mheap.go: sweepgen is that of the heap + 3 in a cache. */
static bool spans_at_rest(const struct memcopy *copy, const struct layout *layout)
{
	const __typeof__(layout->mspan) *L = &layout->mspan;
	for (size_t i = 0; i < copy->spans.len; i++) {
		const uint8_t *span = mspan_bytes(copy, layout, i);
		if ((field_present(L->sweepgen) && field_present(layout->mheap.sweepgen) &&
		     (uint32_t)field_load(span, L->sweepgen) !=
			     (uint32_t)(copy->mheap.sweepgen + 3)) ||
		    (field_present(L->spanclass) &&
		     field_load(span, L->spanclass) != copy->spans.at[i].spanclass))
			return false;
	}
	return true;
}

/* ----------------------------------------------------------------------------------- the goal --
 */

/* src/runtime/mgcpacer.go:memoryLimitHeapGoal, Go 1.19+. */
static uint64_t memory_limit_goal(const struct memcopy *copy, const struct layout *layout,
				  int minor, const struct gospy_memstats *m, uint64_t heap_free)
{
	enum { HEADROOM_MIN = 1 << 20, PERCENT_SINCE = 21, PERCENT = 3 };
	const __typeof__(layout->gcController) *L = &layout->gcController;
	const struct blob *b = &copy->gc_controller;
	uint64_t limit = blob_value(b, L->memoryLimit), marked = blob_value(b, L->heapMarked);
	uint64_t mapped = blob_value(b, L->mappedReady);
	uint64_t alloc = m->alloc != GOSPY_UNKNOWN
				 ? m->alloc
				 : blob_value(b, L->totalAlloc) - blob_value(b, L->totalFree);
	uint64_t non_heap = mapped - heap_free - alloc;
	uint64_t over = mapped > limit ? mapped - limit : 0;
	if (non_heap + over >= limit)
		return marked;
	uint64_t goal = limit - (non_heap + over);
	uint64_t headroom = minor >= PERCENT_SINCE ? goal / 100 * PERCENT : 0;
	if (headroom < HEADROOM_MIN)
		headroom = HEADROOM_MIN;
	goal = goal < headroom || goal - headroom < headroom ? headroom : goal - headroom;
	return goal > marked ? goal : marked;
}

/* mgcpacer.go:heapGoalInternal */
static uint64_t heap_goal(const struct memcopy *copy, const struct layout *layout, int minor,
			  const struct gospy_memstats *m, uint64_t heap_free)
{
	enum { RUNWAY_MIN = 64 << 10 };
	const __typeof__(layout->gcController) *L = &layout->gcController;
	const struct blob *b = &copy->gc_controller;
	uint64_t goal = blob_value(b, L->gcPercentHeapGoal);
	if (!field_present(L->memoryLimit))
		return blob_value(b, L->heapGoal); // Go 1.17, 1.18
	if (heap_free == GOSPY_UNKNOWN)
		return GOSPY_UNKNOWN;
	uint64_t limit_goal = memory_limit_goal(copy, layout, minor, m, heap_free);
	if (limit_goal < goal)
		return limit_goal;
	uint64_t sweep_min = blob_value(b, L->sweepDistMinTrigger);
	uint64_t triggered = blob_value(b, L->triggered); // UINT64_MAX: not yet
	if (sweep_min > goal)
		goal = sweep_min;
	if (triggered != UINT64_MAX && goal < triggered + RUNWAY_MIN)
		goal = triggered + RUNWAY_MIN;
	return goal;
}

/* ------------------------------------------------------------------------------------- figures --
 */

static void fill_objects(const struct memcopy *copy, const struct layout *layout,
			 struct gospy_memstats *m)
{
	struct objects o;
	m->alloc = m->total_alloc = m->mallocs = m->frees = GOSPY_UNKNOWN;
	if (count_objects(copy, layout, &o)) {
		m->total_alloc = bytes_allocated(&o);
		m->alloc = m->total_alloc - bytes_freed(&o);
		m->mallocs = o.large_mallocs + o.tiny;
		m->frees = o.large_frees + o.tiny;
		for (size_t i = 0; i < o.classes; i++) {
			m->mallocs += o.mallocs[i];
			m->frees += o.frees[i];
		}
		m->by_size_count = STATS_EXPORTED;
		for (size_t i = 0; i < STATS_EXPORTED; i++)
			m->by_size[i] = (struct gospy_size_class){size_of_class(&o, i),
								  o.mallocs[i], o.frees[i]};
	}
	m->heap_alloc = m->alloc;
	m->heap_objects = minus(m->mallocs, m->frees);
}

/* Memory of the heap and of stacks; `freed` bytes go from the stacks to the heap. Returns how much
 * of the heap is free and not released, or GOSPY_UNKNOWN. */
static uint64_t fill_heap(const struct memcopy *copy, const struct layout *layout, uint64_t freed,
			  struct gospy_memstats *m)
{
	const __typeof__(layout->gcController) *gc = &layout->gcController;
	const __typeof__(layout->mstats) *ms = &layout->mstats;
	const struct blob *b = &copy->gc_controller;
	uint64_t free = GOSPY_UNKNOWN;
	if (field_present(gc->heapInUse)) { // Go 1.19+
		free = plus(blob_value(b, gc->heapFree), freed);
		m->heap_inuse = blob_value(b, gc->heapInUse);
		m->heap_released = blob_value(b, gc->heapReleased);
		m->heap_idle = plus(free, m->heap_released);
		m->heap_sys = plus(m->heap_inuse, m->heap_idle);
	} else {
		m->heap_inuse = blob_value(&copy->memstats, ms->heap_inuse);
		m->heap_released = blob_value(&copy->memstats, ms->heap_released);
		m->heap_sys = plus(blob_value(&copy->memstats, ms->heap_sys), freed);
		m->heap_idle = field_present(ms->heap_idle) // up to Go 1.15
				       ? plus(blob_value(&copy->memstats, ms->heap_idle), freed)
				       : minus(m->heap_sys, m->heap_inuse);
	}
	uint64_t stacks = has_heap_stats(copy, layout)
				  ? sum_of_heap_stats(copy, layout, layout->heapStatsDelta.inStacks)
				  : blob_value(&copy->memstats, ms->stacks_inuse);
	m->stack_inuse = minus(stacks, freed);
	m->stack_sys = plus(m->stack_inuse, blob_value(&copy->memstats, ms->stacks_sys));
	return free;
}

static void fill_overhead(const struct memcopy *copy, const struct layout *layout,
			  struct gospy_memstats *m)
{
	const __typeof__(layout->mstats) *ms = &layout->mstats;
	const __typeof__(layout->mheap) *heap = &layout->mheap;
	m->mspan_inuse =
		field_present(heap->spanalloc_inuse) ? copy->mheap.spanalloc_inuse : GOSPY_UNKNOWN;
	m->mcache_inuse = field_present(heap->cachealloc_inuse) ? copy->mheap.cachealloc_inuse
								: GOSPY_UNKNOWN;
	m->mspan_sys = blob_value(&copy->memstats, ms->mspan_sys);
	m->mcache_sys = blob_value(&copy->memstats, ms->mcache_sys);
	m->buck_hash_sys = blob_value(&copy->memstats, ms->buckhash_sys);
	m->other_sys = blob_value(&copy->memstats, ms->other_sys);
	m->gc_sys = blob_value(&copy->memstats, ms->gc_sys);
	if (has_heap_stats(copy, layout)) {
		const __typeof__(layout->heapStatsDelta) *d = &layout->heapStatsDelta;
		m->gc_sys = plus(m->gc_sys,
				 sum_of_heap_stats(copy, layout, d->inWorkBufs) +
					 sum_of_heap_stats(copy, layout, d->inPtrScalarBits));
	}
	const uint64_t parts[] = {m->stack_sys,     m->mspan_sys, m->mcache_sys,
				  m->buck_hash_sys, m->gc_sys,    m->other_sys};
	m->sys = m->heap_sys;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		m->sys = plus(m->sys, parts[i]);
}

/* What the sets of spans take when the caches are emptied. If it is more than was left, which is
 * part of OtherSys, another piece would be asked of the system. */
static void move_to_gc(const struct memcopy *copy, struct gospy_memstats *m)
{
	if (m->gc_sys == GOSPY_UNKNOWN || m->other_sys == GOSPY_UNKNOWN ||
	    m->other_sys < copy->span_set_growth)
		return;
	m->gc_sys += copy->span_set_growth;
	m->other_sys -= copy->span_set_growth;
}

/* Go 1.19+: objects, and memory that is not released, are counted twice, one after the other.
 * mstats.go:doubleCheckReadMemStats */
static bool counted_twice(const struct memcopy *copy, const struct layout *layout)
{
	const __typeof__(layout->gcController) *L = &layout->gcController;
	const struct blob *b = &copy->gc_controller;
	struct gospy_memstats m;
	struct objects o;
	if (!b->len || !field_present(L->totalAlloc) || !field_present(L->totalFree) ||
	    !field_present(L->mappedReady) || !count_global(copy, layout, &o))
		return true;
	fill_heap(copy, layout, 0, &m);
	fill_overhead(copy, layout, &m);
	return bytes_allocated(&o) == blob_value(b, L->totalAlloc) &&
	       bytes_freed(&o) == blob_value(b, L->totalFree) &&
	       (m.sys == GOSPY_UNKNOWN || m.sys - m.heap_released == blob_value(b, L->mappedReady));
}

bool memcopy_at_rest(const struct memcopy *copy, const struct layout *layout)
{
	if (copy->stacks_torn)
		return false;
	for (size_t i = 0; i < copy->caches.len; i++) {
		if (copy->caches.at[i].statsSeq % 2)
			return false;
	}
	return !copy->caches_known || (spans_at_rest(copy, layout) && counted_twice(copy, layout));
}

/* The rings hold the last cycles; that of cycle n is at (n - 1) % 256. */
static void fill_pauses(const struct blob *b, const struct layout *layout, struct gospy_memstats *m)
{
	struct field ns = layout->mstats.pause_ns, end = layout->mstats.pause_end;
	if (m->num_gc == GOSPY_UNKNOWN || ns.size != GOSPY_GC_PAUSES * 8 || end.size != ns.size)
		return;
	m->pause_count = m->num_gc < GOSPY_GC_PAUSES ? (size_t)m->num_gc : GOSPY_GC_PAUSES;
	for (size_t i = 0; i < m->pause_count; i++) {
		uint64_t gc = m->num_gc - m->pause_count + i + 1;
		size_t at = (size_t)((gc - 1) % GOSPY_GC_PAUSES);
		m->pauses[i] = (struct gospy_gc_pause){gc, element(b->bytes, ns, at),
						       element(b->bytes, end, at)};
	}
}

static void fill_cycles(const struct memcopy *copy, const struct layout *layout,
			struct gospy_memstats *m)
{
	const __typeof__(layout->mstats) *ms = &layout->mstats;
	const struct blob *b = &copy->memstats;
	m->num_gc = blob_value(b, ms->numgc);
	m->num_forced_gc = blob_value(b, ms->numforcedgc);
	m->last_gc_unix_ns = blob_value(b, ms->last_gc_unix);
	m->pause_total_ns = blob_value(b, ms->pause_total_ns);
	m->gc_cpu_fraction = -1;
	uint64_t fraction = blob_value(b, ms->gc_cpu_fraction);
	if (fraction != GOSPY_UNKNOWN && ms->gc_cpu_fraction.size == sizeof(double))
		memcpy(&m->gc_cpu_fraction, &fraction, sizeof(fraction));
	// From Go 1.16 on ReadMemStats says so itself.
	bool stored = !has_heap_stats(copy, layout) && b->len;
	m->enable_gc = stored ? blob_value(b, ms->enablegc) == 1 : true;
	m->debug_gc = stored && blob_value(b, ms->debuggc) == 1;
	fill_pauses(b, layout, m);
}

static int64_t sign_extended(uint64_t v)
{
	return (int32_t)(uint32_t)v;
}

static void fill_collector(const struct memcopy *copy, const struct layout *layout,
			   struct gospy_memstats *m)
{
	const __typeof__(layout->gcController) *gc = &layout->gcController;
	const struct blob *b = &copy->gc_controller, *work = &copy->work;
	uint64_t percent = blob_value(b, gc->gcPercent); // Go 1.17+
	if (percent == GOSPY_UNKNOWN && copy->gcpercent_known)
		percent = copy->gcpercent;
	m->gc_percent_known = percent != GOSPY_UNKNOWN;
	m->gc_percent = m->gc_percent_known ? sign_extended(percent) : 0;
	m->gc_phase = copy->gcphase_known && copy->gcphase <= GOSPY_GC_MARK_TERMINATION
			      ? (enum gospy_gc_phase)copy->gcphase
			      : GOSPY_GC_UNKNOWN;
	m->memory_limit = blob_value(b, gc->memoryLimit);
	m->heap_live = field_present(gc->heapLive)
			       ? blob_value(b, gc->heapLive)
			       : blob_value(&copy->memstats, layout->mstats.heap_live);
	m->heap_marked = field_present(gc->heapMarked)
				 ? blob_value(b, gc->heapMarked)
				 : blob_value(&copy->memstats, layout->mstats.heap_marked);
	m->heap_before = blob_value(work, layout->work.heap0);
	m->heap_after = blob_value(work, layout->work.heap1);
	m->gomaxprocs = copy->gomaxprocs;
	m->mark_cpu = (struct gospy_gc_cpu){
		.assist_ns = blob_value(b, gc->assistTime),
		.dedicated_ns = plus(blob_value(b, gc->dedicatedMarkTime),
				     blob_value(b, gc->fractionalMarkTime)),
		.idle_ns = blob_value(b, gc->idleMarkTime),
		.pause_ns = GOSPY_UNKNOWN,
		.total_ns = GOSPY_UNKNOWN,
	};
	m->cpu = (struct gospy_gc_cpu){
		.assist_ns = blob_value(work, layout->work.assistTime),
		.dedicated_ns = blob_value(work, layout->work.dedicatedTime),
		.idle_ns = blob_value(work, layout->work.idleTime),
		.pause_ns = blob_value(work, layout->work.pauseTime),
		.total_ns = blob_value(work, layout->work.totalTime),
	};
}

void decode_memstats(const struct memcopy *copy, const struct layout *layout, int minor,
		     struct gospy_memstats *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->uptime_ns = GOSPY_UNKNOWN;
	fill_objects(copy, layout, ret);
	uint64_t freed = stack_bytes_freed(copy, layout);
	uint64_t heap_free = fill_heap(copy, layout, freed, ret);
	fill_overhead(copy, layout, ret);
	move_to_gc(copy, ret);
	fill_cycles(copy, layout, ret);
	fill_collector(copy, layout, ret);
	ret->next_gc =
		copy->gc_controller.len && (field_present(layout->gcController.memoryLimit) ||
					    field_present(layout->gcController.heapGoal))
			? heap_goal(copy, layout, minor, ret, heap_free)
			: blob_value(&copy->memstats, layout->mstats.next_gc);
}
