#include "image/verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "image/schedstate.h"

enum {
	TRIES = 6,
	TRY_AGAIN_NS = 1000000, /* and twice as long each time: a thread may wait for its turn */
	GOIDS_MAX = 256, /* how many g's are asked for their goid, the oldest and the newest */
	/* Ids that P's have taken from sched.goidgen in advance: 16 each (src/runtime/proc.go:
	 * _GoidCacheBatch), of as many P's as there ever were. */
	GOIDS_AHEAD = 16 * P_MAX,
	FOUND_MAX = 160,
	PAGE = 4096, /* the heap grows and shrinks by multiples of this at the least */
	HEAP_STATS_SHARDS = 3,
};

/* User addresses are below this on x86-64 without five-level paging, which Go does not use
 * (src/runtime/malloc.go: heapAddrBits). */
static const uint64_t MEMORY_MAX = 1ULL << 48;
/* No clock that says more than this, or less, is believed: 2010, and a day from now. */
static const uint64_t UNIX_NS_MIN = 1262304000ULL * 1000000000;
static const uint64_t DAY_NS = 86400ULL * 1000000000;

struct evidence {
	struct image *image;
	struct schedstate s;
	uint64_t goid_max; /* of the g's asked, before sched was read */
	bool all_goids;    /* all g's were asked */
	char found[FOUND_MAX];
};

static bool above(uint64_t v, uint64_t limit)
{
	return v != GOSPY_UNKNOWN && v > limit;
}

/* Say what is wrong. Returns false, so that a rule may end with it. */
static bool contradict(struct evidence *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static bool contradict(struct evidence *e, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(e->found, sizeof(e->found), fmt, args);
	va_end(args);
	return false;
}

/* ---------------------------------------------------------------------------------- scheduler --
 */

/* src/runtime/proc.go:newproc1, oneNewExtraM: an id is taken before a g has it; g's are never
 * freed, and keep the id when they are dead. */
static bool goidgen_fits(struct evidence *e)
{
	uint64_t goidgen = blob_value(&e->s.sched, e->image->layout.schedt.goidgen);
	if (goidgen == GOSPY_UNKNOWN)
		return true;
	if (goidgen < e->goid_max)
		return contradict(e, "goidgen %" PRIu64 ", goid %" PRIu64, goidgen, e->goid_max);
	// The g's that were started meanwhile come on top of the ids that P's hold.
	if (e->all_goids && goidgen - e->goid_max > 2 * GOIDS_AHEAD)
		return contradict(e, "goidgen %" PRIu64 ", newest goid %" PRIu64, goidgen,
				  e->goid_max);
	return true;
}

/* P's with which an M has been woken that has not taken them yet: it waits until the kernel lets it
 * run. */
static size_t handed_ps(const struct evidence *e)
{
	size_t n = 0;
	for (size_t i = 0; i < e->s.ms.len; i++)
		n += e->s.ms.at[i].nextp != 0;
	return n;
}

/* src/runtime/proc.go:pidleput, pidleget: what is on the list is idle before it is counted, and
 * until after. A P that is being handed to an M (startm) is idle and not on the list. */
static bool idle_ps_fit(struct evidence *e)
{
	uint64_t npidle = blob_value(&e->s.sched, e->image->layout.schedt.npidle);
	size_t ps = e->s.ps.len, idle = 0;
	for (size_t i = 0; i < ps; i++)
		idle += e->s.ps.at[i].status == GOSPY_P_IDLE;
	bool fits = npidle <= idle && (idle < ps || npidle + handed_ps(e) >= ps);
	return npidle == GOSPY_UNKNOWN || fits ||
	       contradict(e, "npidle %" PRIu64 ", %zu of %zu P's are idle", npidle, idle, ps);
}

static bool ms_fit(struct evidence *e)
{
	const __typeof__(e->image->layout.schedt) *L = &e->image->layout.schedt;
	uint64_t idle = blob_value(&e->s.sched, L->nmidle), ms = e->s.ms.len;
	uint64_t spinning = blob_value(&e->s.sched, L->nmspinning);
	if (above(idle, ms))
		return contradict(e, "nmidle %" PRIu64 ", %" PRIu64 " M's", idle, ms);
	// proc.go:wakep counts an M that spins before it is made.
	return !above(spinning, ms + e->s.ps.len) ||
	       contradict(e, "nmspinning %" PRIu64 ", %" PRIu64 " M's", spinning, ms);
}

static bool gs_fit(struct evidence *e)
{
	const __typeof__(e->image->layout.schedt) *L = &e->image->layout.schedt;
	uint64_t ngsys = blob_value(&e->s.sched, L->ngsys),
		 queued = blob_value(&e->s.sched, L->runqsize);
	// The runtime's own goroutines are there before any other but goroutine 1 (proc.go:
	// forcegchelper).
	if (above(ngsys, e->s.allglen) || (!ngsys && e->s.allglen > 2))
		return contradict(e, "ngsys %" PRIu64 ", %" PRIu64 " g's", ngsys, e->s.allglen);
	return !above(queued, e->s.allglen) ||
	       contradict(e, "runqsize %" PRIu64 ", %" PRIu64 " g's", queued, e->s.allglen);
}

/* ------------------------------------------------------------------------ heap and GC --------
 */

/* src/runtime/mgc.go:gcMarkTermination sets last_gc_unix before it counts the cycle. The clock may
 * have been set since, or the machine have slept or been restored: only what is no date is wrong.
 */
static bool last_gc_fits(struct evidence *e)
{
	const __typeof__(e->image->layout.mstats) *L = &e->image->layout.mstats;
	uint64_t last = blob_value(&e->s.memstats, L->last_gc_unix);
	uint64_t numgc = blob_value(&e->s.memstats, L->numgc);
	if (last == GOSPY_UNKNOWN)
		return true;
	if (!last)
		return numgc == GOSPY_UNKNOWN || !numgc ||
		       contradict(e, "%" PRIu64 " cycles, but never", numgc);
	return (last >= UNIX_NS_MIN && last <= clock_real_ns() + DAY_NS) ||
	       contradict(e, "last_gc_unix %" PRIu64, last);
}

/* The same place counts a forced cycle first. */
static bool cycles_fit(struct evidence *e)
{
	const __typeof__(e->image->layout.mstats) *L = &e->image->layout.mstats;
	uint64_t numgc = blob_value(&e->s.memstats, L->numgc);
	uint64_t forced = blob_value(&e->s.memstats, L->numforcedgc);
	return numgc == GOSPY_UNKNOWN || !above(forced, numgc + 1) ||
	       contradict(e, "numgc %" PRIu64 ", numforcedgc %" PRIu64, numgc, forced);
}

/* The same place stores the time a second time. */
static bool pauses_fit(struct evidence *e)
{
	const __typeof__(e->image->layout.mstats) *L = &e->image->layout.mstats;
	uint64_t last = blob_value(&e->s.memstats, L->last_gc_unix), end;
	uint64_t numgc = blob_value(&e->s.memstats, L->numgc);
	if (numgc == GOSPY_UNKNOWN || !numgc || L->pause_end.size != GOSPY_GC_PAUSES * sizeof(end))
		return true;
	memcpy(&end,
	       e->s.memstats.bytes + L->pause_end.off + (numgc - 1) % GOSPY_GC_PAUSES * sizeof(end),
	       sizeof(end));
	return end == last ||
	       contradict(e, "pause_end %" PRIu64 ", last_gc_unix %" PRIu64, end, last);
}

static bool cpu_fraction_fits(struct evidence *e)
{
	struct field f = e->image->layout.mstats.gc_cpu_fraction;
	double fraction = 0;
	if (e->s.memstats.len && f.size == sizeof(fraction))
		memcpy(&fraction, e->s.memstats.bytes + f.off, sizeof(fraction));
	return (fraction >= 0 && fraction <= 1) || contradict(e, "gc_cpu_fraction %g", fraction);
}

/* A heap that holds the runtime's own g's is never empty. */
static bool is_something(struct evidence *e, const char *name, uint64_t v)
{
	return (v && (v == GOSPY_UNKNOWN || v <= MEMORY_MAX)) ||
	       contradict(e, "%s %" PRIu64, name, v);
}

static bool is_pages(struct evidence *e, const char *name, uint64_t v)
{
	return v == GOSPY_UNKNOWN || (v <= MEMORY_MAX && v % PAGE == 0) ||
	       contradict(e, "%s %" PRIu64, name, v);
}

static bool mstats_heap_fits(struct evidence *e)
{
	const __typeof__(e->image->layout.mstats) *L = &e->image->layout.mstats;
	uint64_t sys = blob_value(&e->s.memstats, L->heap_sys);
	uint64_t inuse = blob_value(&e->s.memstats, L->heap_inuse);
	uint64_t live = blob_value(&e->s.memstats, L->heap_live);
	if (!is_pages(e, "heap_sys", sys) || !is_pages(e, "heap_inuse", inuse) ||
	    !is_something(e, "heap_inuse", inuse) || !is_something(e, "heap_live", live))
		return false;
	return sys == GOSPY_UNKNOWN || !above(inuse, sys) ||
	       contradict(e, "heap_inuse %" PRIu64 ", heap_sys %" PRIu64, inuse, sys);
}

/* Element `k` of an array of counters, summed over the shards. */
static uint64_t sum_shards(const struct evidence *e, struct field f, size_t k)
{
	const struct layout *L = &e->image->layout;
	uint64_t total = 0, v;
	for (size_t i = 0; i < HEAP_STATS_SHARDS; i++) {
		memcpy(&v,
		       e->s.memstats.bytes + L->mstats.heapStats.off + i * L->heapStatsDelta.size +
			       f.off + k * sizeof(v),
		       sizeof(v));
		total += v;
	}
	return total;
}

/* Go 1.16+: objects are counted as allocated no later than they can be swept. */
static bool counts_fit(struct evidence *e, const char *name, struct field allocs,
		       struct field frees)
{
	for (size_t k = 0; k < allocs.size / 8 && k < frees.size / 8; k++) {
		uint64_t allocated = sum_shards(e, allocs, k), freed = sum_shards(e, frees, k);
		if (allocated > MEMORY_MAX || freed > allocated)
			return contradict(e, "%s %zu: %" PRIu64 " allocated, %" PRIu64 " freed",
					  name, k, allocated, freed);
	}
	return true;
}

static bool heap_stats_fit(struct evidence *e)
{
	const struct layout *L = &e->image->layout;
	const __typeof__(L->heapStatsDelta) *D = &L->heapStatsDelta;
	if (!e->s.memstats.len || !field_present(L->mstats.heapStats))
		return true;
	if (L->mstats.heapStats.size != HEAP_STATS_SHARDS * D->size)
		return contradict(e, "%" PRIu64 " bytes, %u in all", D->size,
				  L->mstats.heapStats.size);
	return counts_fit(e, "large", D->largeAllocCount, D->largeFreeCount) &&
	       counts_fit(e, "small, class", D->smallAllocCount, D->smallFreeCount);
}

static bool memory_limit_fits(struct evidence *e)
{
	uint64_t limit = blob_value(&e->s.gc_controller, e->image->layout.gcController.memoryLimit);
	return limit == GOSPY_UNKNOWN || limit <= INT64_MAX ||
	       contradict(e, "memoryLimit %" PRId64, (int64_t)limit);
}

static bool controller_pages_fit(struct evidence *e)
{
	const __typeof__(e->image->layout.gcController) *L = &e->image->layout.gcController;
	const struct blob *b = &e->s.gc_controller;
	uint64_t inuse = blob_value(b, L->heapInUse), ready = blob_value(b, L->mappedReady);
	if (!is_pages(e, "heapInUse", inuse) || !is_something(e, "heapInUse", inuse) ||
	    !is_pages(e, "heapReleased", blob_value(b, L->heapReleased)) ||
	    !is_pages(e, "heapFree", blob_value(b, L->heapFree)))
		return false;
	// src/runtime/mheap.go: memory is made ready before it counts as in use.
	if (above(ready, MEMORY_MAX))
		return contradict(e, "mappedReady %" PRIu64, ready);
	return ready == GOSPY_UNKNOWN || !above(inuse, ready) ||
	       contradict(e, "heapInUse %" PRIu64 ", mappedReady %" PRIu64, inuse, ready);
}

static bool controller_bytes_fit(struct evidence *e)
{
	const __typeof__(e->image->layout.gcController) *L = &e->image->layout.gcController;
	const struct blob *b = &e->s.gc_controller;
	uint64_t live = blob_value(b, L->heapLive), marked = blob_value(b, L->heapMarked);
	uint64_t allocated = blob_value(b, L->totalAlloc), freed = blob_value(b, L->totalFree);
	if (!is_something(e, "heapLive", live))
		return false;
	if (above(marked, MEMORY_MAX))
		return contradict(e, "heapMarked %" PRIu64, marked);
	return freed == GOSPY_UNKNOWN || freed <= allocated ||
	       contradict(e, "totalAlloc %" PRIu64 ", totalFree %" PRIu64, allocated, freed);
}

/* Up to Go 1.15, where objects are counted in mheap_ and its central lists. */
static bool mheap_fits(struct evidence *e)
{
	const struct layout *layout = &e->image->layout;
	const __typeof__(layout->mheap) *L = &layout->mheap;
	struct field nmalloc = layout->mcentral.nmalloc;
	uint64_t addr = e->image->globals.mheap_.addr;
	if (!field_present(L->nlargealloc) || !field_present(nmalloc))
		return true; // nothing of it is read
	CLEANUP_FREE uint8_t *heap = malloc((size_t)L->size);
	if (!heap || mem_read(e->image->mem, addr, heap, (size_t)L->size, NULL))
		return contradict(e, "cannot be read");
	uint64_t allocated = field_load(heap, L->nlargealloc);
	uint64_t freed = field_load(heap, L->nlargefree);
	if (freed > allocated || allocated > MEMORY_MAX)
		return contradict(e, "nlargealloc %" PRIu64 ", nlargefree %" PRIu64, allocated,
				  freed);
	size_t classes = layout->mcache.alloc.size / 8;
	size_t stride = classes ? L->central.size / classes : 0;
	if (nmalloc.size > stride || nmalloc.off > stride - nmalloc.size)
		return contradict(e, "central: %u bytes, %zu span classes", L->central.size,
				  classes);
	for (size_t i = 0; i < classes; i++) {
		uint64_t n = field_load(heap + L->central.off + i * stride, nmalloc);
		if (n > MEMORY_MAX)
			return contradict(e, "central[%zu].nmalloc %" PRIu64, i, n);
	}
	return true;
}

/* Go 1.16+: the same is counted in two ways, the one soon after the other. */
static bool in_heap_fits(struct evidence *e)
{
	const struct layout *L = &e->image->layout;
	if (!e->s.memstats.len || !field_present(L->mstats.heapStats) ||
	    !field_present(L->heapStatsDelta.inHeap))
		return true;
	uint64_t in_heap = sum_shards(e, L->heapStatsDelta.inHeap, 0);
	uint64_t inuse = field_present(L->gcController.heapInUse)
				 ? blob_value(&e->s.gc_controller, L->gcController.heapInUse)
				 : blob_value(&e->s.memstats, L->mstats.heap_inuse);
	return inuse == GOSPY_UNKNOWN || in_heap == inuse ||
	       contradict(e, "inHeap %" PRIu64 ", heap_inuse %" PRIu64, in_heap, inuse);
}

static bool read_u64(const struct evidence *e, uint64_t addr, struct field f, uint64_t *ret)
{
	*ret = 0;
	return f.size <= sizeof(*ret) &&
	       mem_read(e->image->mem, addr + f.off, ret, f.size, NULL) == GOSPY_OK;
}

/* mfixalloc.go counts in bytes. Each P has an mcache, and each span describes memory that the heap
 * has. */
static bool records_fit(struct evidence *e)
{
	const struct layout *L = &e->image->layout;
	uint64_t heap = e->image->globals.mheap_.addr, spans, caches;
	if (!field_present(L->mheap.spanalloc_inuse) || !L->mspan.size || !L->mcache.size)
		return true;
	if (!read_u64(e, heap, L->mheap.spanalloc_inuse, &spans) ||
	    !read_u64(e, heap, L->mheap.cachealloc_inuse, &caches))
		return contradict(e, "cannot be read");
	if (!spans || spans > MEMORY_MAX || spans % L->mspan.size)
		return contradict(e, "spanalloc.inuse %" PRIu64 ", a span has %" PRIu64, spans,
				  L->mspan.size);
	return (caches % L->mcache.size == 0 && caches / L->mcache.size >= e->s.gomaxprocs) ||
	       contradict(e, "cachealloc.inuse %" PRIu64 ", an mcache has %" PRIu64, caches,
			  L->mcache.size);
}

/* src/runtime/mheap.go:spanOf, for spans that are in use: those in mcaches. */
static bool arenas_fit(struct evidence *e)
{
	enum { ARENA_BITS = 26, SPAN_PAGE = 8192, SPANS_LOOKED_AT = 16 };
	const struct layout *L = &e->image->layout;
	uint64_t heap = e->image->globals.mheap_.addr, arenas;
	uint64_t mcache = e->s.ps.len ? e->s.ps.at[0].mcache : 0;
	if (!mcache || !field_present(L->mheap.arenas) || !field_present(L->mspan.startAddr))
		return true;
	if (!read_u64(e, heap, L->mheap.arenas, &arenas))
		return contradict(e, "cannot be read");
	for (uint32_t i = 0; i < L->mcache.alloc.size / 8 && i < SPANS_LOOKED_AT; i++) {
		uint64_t span, start, arena, found;
		struct field entry = {L->mcache.alloc.off + i * 8, 8}, word = {0, 8};
		if (!read_u64(e, mcache, entry, &span) ||
		    span == e->image->globals.emptymspan.addr ||
		    !read_u64(e, span, L->mspan.startAddr, &start))
			continue;
		uint64_t index = (start + (UINT64_C(1) << 47)) >> ARENA_BITS;
		uint64_t page = (start & ((1 << ARENA_BITS) - 1)) / SPAN_PAGE;
		if (!read_u64(e, arenas + index * 8, word, &arena) ||
		    page >= L->heapArena.spans.size / 8 ||
		    !read_u64(e, arena + L->heapArena.spans.off + page * 8, word, &found) ||
		    found != span)
			return contradict(e, "the span at 0x%" PRIx64 " is not in it", start);
	}
	return true;
}

/* Go 1.20+: gcMarkTermination brings them up to date, totalTime last:
 * src/runtime/mstats.go:cpuStats. The total lacks what the running cycle has added to the others,
 * and is zero before the first cycle ends. */
static bool cpu_times_fit(struct evidence *e)
{
	const __typeof__(e->image->layout.work) *L = &e->image->layout.work;
	const struct field fields[] = {L->assistTime, L->dedicatedTime, L->idleTime, L->pauseTime};
	static const uint64_t of_a_cycle_ns = UINT64_C(60000000000); // far more than it pauses for
	uint64_t work = e->image->globals.work.addr, total, ns;
	if (!work || !field_present(L->totalTime))
		return true;
	if (!read_u64(e, work, L->totalTime, &total) || total > INT64_MAX)
		return contradict(e, "totalTime %" PRId64, (int64_t)total);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!read_u64(e, work, fields[i], &ns) || ns > total + of_a_cycle_ns)
			return contradict(e, "%" PRId64 " of %" PRId64 " ns", (int64_t)ns,
					  (int64_t)total);
	}
	return true;
}

/* src/runtime/mcleanup.go: what was run had been queued. */
static bool cleanups_fit(struct evidence *e)
{
	const struct layout *L = &e->image->layout;
	uint64_t queue = e->image->globals.gcCleanups.addr, executed, queued, n;
	if (!queue || !field_present(L->cleanupQueue.executed))
		return true;
	if (!read_u64(e, queue, L->cleanupQueue.executed, &executed) ||
	    !read_u64(e, queue, L->cleanupQueue.queued, &queued))
		return contradict(e, "cannot be read");
	for (size_t i = 0; i < e->s.ps.len; i++) {
		if (read_u64(e, e->s.ps.at[i].addr, L->p.cleanupsQueued, &n))
			queued += n;
	}
	return executed <= queued ||
	       contradict(e, "executed %" PRIu64 ", queued %" PRIu64, executed, queued);
}

/* ------------------------------------------------------------------------------------ profiles --
 */

enum {
	BUCKETS_LOOKED_AT = 16,
	PROFILE_STACK_MAX = 1024, /* pcs: src/runtime/mprof.go:maxProfStackDepth */
};

struct bucket {
	uint64_t addr, size, nstk;
	uint64_t record; /* where it begins: src/runtime/mprof.go:(*bucket).mp */
};

typedef bool bucket_check(struct evidence *e, const struct bucket *b);

/* The newest buckets of a list: they have its type, and agree with `check`. */
static bool list_fits(struct evidence *e, uint64_t list, enum profile_type type,
		      bucket_check *check)
{
	const __typeof__(e->image->layout.bucket) *L = &e->image->layout.bucket;
	const struct field word = {0, 8};
	struct bucket b;
	uint64_t typ;
	if (!list || !field_present(L->allnext) || !field_present(L->typ) ||
	    !field_present(L->objsize) || !field_present(L->nstk))
		return true;
	if (!read_u64(e, list, word, &b.addr))
		return contradict(e, "the list at 0x%" PRIx64 " cannot be read", list);
	for (unsigned i = 0; b.addr && i < BUCKETS_LOOKED_AT; i++) {
		if (!read_u64(e, b.addr, L->typ, &typ) ||
		    !read_u64(e, b.addr, L->objsize, &b.size) ||
		    !read_u64(e, b.addr, L->nstk, &b.nstk))
			return contradict(e, "a bucket at 0x%" PRIx64 " cannot be read", b.addr);
		if (typ != type || b.nstk > PROFILE_STACK_MAX)
			return contradict(e, "type %" PRIu64 ", not %d, and %" PRIu64 " pcs", typ,
					  type, b.nstk);
		b.record = b.addr + L->size + b.nstk * 8;
		if (!check(e, &b))
			return false;
		if (!read_u64(e, b.addr, L->allnext, &b.addr))
			return contradict(e, "a next bucket cannot be read");
	}
	return true;
}

/* The size of a bucket is that of one object. */
static bool has_size(struct evidence *e, const struct bucket *b)
{
	return (b->size && b->size <= MEMORY_MAX) ||
	       contradict(e, "objects of %" PRIu64 " bytes", b->size);
}

static bool has_no_size(struct evidence *e, const struct bucket *b)
{
	return !b->size || contradict(e, "size %" PRIu64, b->size);
}

static bool lists_fit(struct evidence *e)
{
	const struct globals *g = &e->image->globals;
	return list_fits(e, g->mbuckets.addr, MEM_PROFILE, has_size) &&
	       list_fits(e, g->bbuckets.addr, BLOCK_PROFILE, has_no_size) &&
	       list_fits(e, g->xbuckets.addr, MUTEX_PROFILE, has_no_size);
}

/* For each cycle of the GC the runtime publishes what was allocated before what was freed.
 */
static bool mem_record_fits(struct evidence *e, const struct bucket *b)
{
	const __typeof__(e->image->layout.memRecord) *L = &e->image->layout.memRecord;
	uint64_t allocs, frees, bytes;
	if (!read_u64(e, b->record, L->frees, &frees) ||
	    !read_u64(e, b->record, L->allocs, &allocs) ||
	    !read_u64(e, b->record, L->alloc_bytes, &bytes))
		return contradict(e, "a record at 0x%" PRIx64 " cannot be read", b->record);
	if (frees > allocs || allocs > MEMORY_MAX)
		return contradict(e, "frees %" PRIu64 ", allocs %" PRIu64, frees, allocs);
	return !field_present(L->alloc_bytes) || (b->size && allocs <= bytes / b->size) ||
	       contradict(e, "%" PRIu64 " objects of %" PRIu64 " have %" PRIu64 " bytes", allocs,
			  b->size, bytes);
}

static bool mem_records_fit(struct evidence *e)
{
	const __typeof__(e->image->layout.memRecord) *L = &e->image->layout.memRecord;
	return !field_present(L->allocs) || !field_present(L->frees) ||
	       list_fits(e, e->image->globals.mbuckets.addr, MEM_PROFILE, mem_record_fits);
}

/* The count is a float64 from Go 1.17 on; either is positive as an int64. */
static bool block_record_fits(struct evidence *e, const struct bucket *b)
{
	const __typeof__(e->image->layout.blockRecord) *L = &e->image->layout.blockRecord;
	uint64_t count, cycles;
	if (!read_u64(e, b->record, L->count, &count) ||
	    !read_u64(e, b->record, L->cycles, &cycles))
		return contradict(e, "a record at 0x%" PRIx64 " cannot be read", b->record);
	return (count <= INT64_MAX && cycles <= INT64_MAX) ||
	       contradict(e, "count 0x%" PRIx64 ", cycles %" PRId64, count, (int64_t)cycles);
}

static bool block_records_fit(struct evidence *e)
{
	const struct globals *g = &e->image->globals;
	const __typeof__(e->image->layout.blockRecord) *L = &e->image->layout.blockRecord;
	return !field_present(L->count) || !field_present(L->cycles) ||
	       (list_fits(e, g->bbuckets.addr, BLOCK_PROFILE, block_record_fits) &&
		list_fits(e, g->xbuckets.addr, MUTEX_PROFILE, block_record_fits));
}

/* ---------------------------------------------------------------------------------- the rules --
 */

#define GLOBAL(name) offsetof(struct globals, name)

static const struct rule {
	const char *what;
	size_t global; /* in struct globals: what the structure is read from */
	const char *check;
	bool (*holds)(struct evidence *e);
} rules[] = {
	{"runtime.schedt", GLOBAL(sched), "goidgen is the newest goid", goidgen_fits},
	{"runtime.schedt", GLOBAL(sched), "npidle is the number of idle P's", idle_ps_fit},
	{"runtime.schedt", GLOBAL(sched), "nmidle and nmspinning: no more than M's", ms_fit},
	{"runtime.schedt", GLOBAL(sched), "ngsys and runqsize: as many as g's or fewer", gs_fit},
	{"runtime.mstats", GLOBAL(memstats), "last_gc_unix is a date, or 0", last_gc_fits},
	{"runtime.mstats", GLOBAL(memstats), "numforcedgc <= numgc", cycles_fit},
	{"runtime.mstats", GLOBAL(memstats), "heap_inuse <= heap_sys, in pages", mstats_heap_fits},
	{"runtime.mstats", GLOBAL(memstats), "the newest of pause_end is last_gc_unix", pauses_fit},
	{"runtime.mstats", GLOBAL(memstats), "gc_cpu_fraction is 0 to 1", cpu_fraction_fits},
	{"runtime.heapStatsDelta", GLOBAL(memstats), "objects freed <= allocated", heap_stats_fit},
	{"runtime.heapStatsDelta", GLOBAL(memstats), "inHeap is heapInUse", in_heap_fits},
	{"runtime.gcControllerState", GLOBAL(gcController), "memoryLimit >= 0", memory_limit_fits},
	{"runtime.gcControllerState", GLOBAL(gcController), "heapInUse <= mappedReady, in pages",
	 controller_pages_fit},
	{"runtime.gcControllerState", GLOBAL(gcController), "totalFree <= totalAlloc",
	 controller_bytes_fit},
	{"runtime.mheap", GLOBAL(mheap_), "nlargefree <= nlargealloc", mheap_fits},
	{"runtime.mheap", GLOBAL(mheap_), "mspans and mcaches: whole ones", records_fit},
	{"runtime.mcentral", GLOBAL(mheap_), "nmalloc is small", mheap_fits},
	{"runtime.heapArena", GLOBAL(mheap_), "spans in use are in it", arenas_fit},
	{"runtime.workType", GLOBAL(work), "totalTime has all CPU times, but for a cycle's",
	 cpu_times_fit},
	{"runtime.cleanupQueue", GLOBAL(gcCleanups), "executed <= queued", cleanups_fit},
	{"runtime.bucket", GLOBAL(mbuckets), "typ is its list's", lists_fit},
	{"runtime.memRecord", GLOBAL(mbuckets), "frees <= allocs", mem_records_fit},
	{"runtime.blockRecord", GLOBAL(bbuckets), "count and cycles >= 0", block_records_fit},
};

enum { RULE_COUNT = sizeof(rules) / sizeof(rules[0]) };

struct source_of {
	const char *go_name, *source;
};

static void find_source(void *ctx, const char *go_name, uint64_t size, const char *source)
{
	struct source_of *s = ctx;
	(void)size;
	if (strcmp(go_name, s->go_name) == 0)
		s->source = source;
}

static const char *source_of(const struct image *image, const char *go_name)
{
	struct source_of s = {.go_name = go_name};
	layout_each(&image->layout, find_source, &s);
	return s.source;
}

static enum gospy_code choose_checks(struct image *image, enum verify_scope scope,
				     struct gospy_error *err)
{
	image->checks.len = 0;
	for (size_t i = 0; i < RULE_COUNT; i++) {
		const char *source = source_of(image, rules[i].what);
		if (!source || (scope == VERIFY_TABLES && source != image->tables.source.ops->name))
			continue;
		struct global global;
		memcpy(&global, (const char *)&image->globals + rules[i].global, sizeof(global));
		struct image_check check = {.what = rules[i].what,
					    .source = source,
					    .addr = global.addr,
					    .check = rules[i].check,
					    .rule = i};
		if (!vec_push(&image->checks, check))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

/* ------------------------------------------------------------------------------- the evidence --
 */

/* The goids of the oldest and the newest g's. */
static enum gospy_code read_goids(struct evidence *e, struct gospy_error *err)
{
	struct field goid = e->image->layout.g.goid;
	uint64_t n = e->s.allglen, addrs[GOIDS_MAX], goids[GOIDS_MAX] = {0};
	struct mem_req reqs[GOIDS_MAX];
	size_t count = n < GOIDS_MAX ? (size_t)n : GOIDS_MAX;
	uint64_t tail = n - (count - count / 2);
	e->all_goids = n <= GOIDS_MAX;
	e->goid_max = 0;
	struct mem_req lists[] = {
		{e->s.allgptr, addrs, count / 2 * 8, 0, MEM_DATA},
		{e->s.allgptr + tail * 8, addrs + count / 2, (count - count / 2) * 8, 0, MEM_DATA},
	};
	if (!count || goid.size > sizeof(goids[0]))
		return GOSPY_OK;
	enum gospy_code code = mem_readv(e->image->mem, lists, 2, err);
	if (code)
		return code;
	for (size_t i = 0; i < count; i++)
		reqs[i] = (struct mem_req){addrs[i] + goid.off, &goids[i], goid.size, 0, MEM_DATA};
	code = mem_readv(e->image->mem, reqs, count, err);
	for (size_t i = 0; i < count && !code; i++) {
		if (goids[i] > e->goid_max)
			e->goid_max = goids[i];
	}
	return code;
}

static enum gospy_code read_evidence(struct evidence *e, struct gospy_error *err)
{
	enum gospy_code code = schedstate_read(&e->s, e->image, NULL, err);
	if (!code)
		code = read_goids(e, err);
	// What was counted before must be in the counters that are read now.
	return code ? code : schedstate_reread(&e->s, e->image, NULL, NULL, err);
}

/* True if nothing is left that did not hold. */
static bool try_checks(struct evidence *e)
{
	struct image *image = e->image;
	struct gospy_error why = {0};
	enum gospy_code code = read_evidence(e, &why);
	bool all = true;
	for (size_t i = 0; i < image->checks.len; i++) {
		struct image_check *check = &image->checks.at[i];
		if (check->ok)
			continue;
		check->ok = !code && check->addr && rules[check->rule].holds(e);
		check->found = NULL;
		if (check->ok)
			continue;
		all = false;
		check->found = arena_printf(&image->arena, "%s",
					    code           ? why.msg
					    : !check->addr ? "it was not found"
							   : e->found);
	}
	return all;
}

enum gospy_code image_verify(struct image *image, enum verify_scope scope, struct gospy_error *err)
{
	if (image->checked)
		return GOSPY_OK;
	enum gospy_code code = choose_checks(image, scope, err);
	if (code || !image->checks.len)
		return code;
	struct evidence e = {.image = image};
	for (unsigned i = 0; !code && !try_checks(&e) && i < TRIES - 1; i++)
		code = cancel_sleep((uint64_t)TRY_AGAIN_NS << i, err);
	schedstate_deinit(&e.s);
	return code;
}
