/*
 * Copies of what runtime.ReadMemStats computes its result from: the counters of the heap and the
 * GC, and what the P's have not handed on to them yet (their mcaches, the spans in those,
 * and the stacks that they keep). They are small, so that they can be copied while the target
 * stands still.
 */
#ifndef GOSPY_CAPTURE_MEMCOPY_H
#define GOSPY_CAPTURE_MEMCOPY_H

#include "image/schedstate.h"

enum {
	SIZE_CLASSES_MAX = 128, /* 67 up to Go 1.15, 68 since */
	/* Spans in all mcaches: 136 a P, and machines have up to some thousands of CPUs. */
	CACHED_SPANS_MAX = 1 << 18,
	/* Stacks in all mcaches: 32 KiB of each of four sizes a P. */
	CACHED_STACKS_MAX = 1 << 17,
	STACK_ORDERS_MAX = 8, /* _NumStackOrders: 4 */
	/* In one list: 32 KiB of 2 KiB each, and as much again while it is being freed. */
	STACK_LIST_MAX = 64,
};

/* Copies of structures, as large as the layout says, one behind another. */
typedef VEC(uint8_t) struct_bytes;

/* Fields of mheap_. */
struct mheap_copy {
	uint64_t sweepgen, arenas, spanalloc_inuse, cachealloc_inuse;
	/* Up to Go 1.15. */
	uint64_t largealloc, nlargealloc, largefree, nlargefree;
	uint64_t nsmallfree[SIZE_CLASSES_MAX];
	uint64_t nmalloc[2 * SIZE_CLASSES_MAX]; /* of each mcentral, by span class */
};

/* A P. */
struct cache_copy {
	uint64_t p, mcache; /* mcache 0: none */
	uint32_t statsSeq;
	size_t spans, span_count; /* in span_addrs */
};

/* A span in an mcache. */
struct cached_span {
	uint64_t addr;
	uint64_t spanclass; /* where it is in mcache.alloc */
};

/* A stack in an mcache. */
struct cached_stack {
	uint64_t addr, next;
	uint64_t arena, span; /* where it is from */
};

struct memcopy {
	uint64_t allp;
	uint32_t gomaxprocs, gcphase, gcpercent;
	bool gcphase_known, gcpercent_known;
	struct blob memstats, gc_controller, work;
	struct mheap_copy mheap;
	VEC(struct cache_copy) caches;
	struct_bytes mcaches;
	VEC(struct cached_span) spans;
	struct_bytes mspans; /* of each of them */
	/* If stacks can be handed back, that is, while the GC is off. */
	VEC(struct cached_stack) stacks;
	struct_bytes stack_mspans; /* of each of them */
	uint64_t span_set_growth;  /* span_set.h */
	VEC(struct mem_req) reqs;  /* room to work in */
	bool caches_known; /* what is needed to read them is there; false: no caches, no spans */
	bool stacks_known; /* the same for stacks */
	bool stacks_torn;  /* they changed while they were read, and are left out */
};

/** Make a copy, in the memory of the copy before if there was one. GOSPY_E_FAULT, GOSPY_E_BAD_DATA
 * (also if the target was about to change what was read), GOSPY_E_LIMIT, GOSPY_E_NOMEM. */
enum gospy_code memcopy_read(struct memcopy *copy, struct image *image, struct gospy_error *err);
/** For the heap figures of a snapshot: memstats and gc_controller are those of `sched`, from the
 * instant of the snapshot, and stay its property; of the rest only `work` and what the P's have in
 * their caches is read, but for stacks: these count as they are. */
enum gospy_code memcopy_complete(struct memcopy *copy, struct image *image,
				 const struct schedstate *sched, struct gospy_error *err);
bool memcopy_is_same(const struct memcopy *a, const struct memcopy *b);
void memcopy_deinit(struct memcopy *copy);
/** To be called after memcopy_complete. */
void memcopy_deinit_completed(struct memcopy *copy);

#endif
