/*
 * The spans of a heap, and the numbers of the objects in them. src/runtime/mheap.go, Go 1.12-1.27.
 *
 * The lists of the runtime are read while they may change, and may lie (mspans.h). A span is
 * believed if it has the shape that most spans of its class have, lies in the address space and
 * shares no page with one that was believed before. Others count as .bad.
 */
#ifndef GOSPY_HEAP_SPANS_H
#define GOSPY_HEAP_SPANS_H

#include "base/budget.h"
#include "base/vec.h"
#include "image/image.h"

enum {
	HEAP_PAGE_BITS = 13, /* runtime._PageShift */
	HEAP_PAGE = 1 << HEAP_PAGE_BITS,
	HEAP_ARENA_BITS = 26, /* runtime.heapArenaBytes on linux/amd64 */
	HEAP_ARENA_PAGES = 1 << (HEAP_ARENA_BITS - HEAP_PAGE_BITS),
	SPAN_CLASSES = 256, /* an 8-bit number: size class and noscan */
};

/** No object. */
#define HEAP_NONE UINT32_MAX

struct heap_span {
	uint64_t start;    /* address of its first object */
	uint64_t pages;    /* of HEAP_PAGE */
	uint64_t elemsize; /* of a slot */
	uint64_t type;     /* mspan.largeType; 0: none */
	uint64_t specials; /* address of the first runtime.special, or 0 */
	uint32_t first;    /* number of its first object */
	uint32_t count;    /* of slots */
	uint8_t spanclass; /* size class << 1 | noscan; size class 0: one large object */
	bool sweeping;     /* just now: all its slots count as allocated */
	bool unswept;      /* what of it died in the last cycle counts as allocated */
	bool user_arena;   /* of GOEXPERIMENT=arenas: any word may be a pointer */
	bool unknown;      /* its objects could not be looked at: they count as live */
};

/* One page of the heap. */
struct heap_page {
	uint32_t first; /* number of its span's first object */
	uint8_t spanclass;
	uint8_t in_use;
	uint16_t page; /* of the span; large objects: 0 */
};

/* 64 MiB of addresses. */
struct heap_arena {
	uint64_t key;            /* address >> HEAP_ARENA_BITS, plus 1; 0: none */
	struct heap_page *pages; /* NULL: all are as .whole, of one large object */
	struct heap_page whole;
};

/* What spans of one class have in common. */
struct span_class {
	uint32_t elemsize, count;
	uint32_t magic; /* offset * magic >> 32 is the slot */
	uint32_t pages;
};

struct heap_spans {
	/* In the order of their numbers: those that may have pointers, then those that have none,
	 * each by address. */
	VEC(struct heap_span) all;
	size_t scan_spans;         /* how many of them may have pointers */
	uint32_t scan_count;       /* numbers of objects in these */
	uint32_t count;            /* all numbers */
	uint64_t *allocated;       /* a bit for each number */
	struct heap_arena *arenas; /* a hash table */
	size_t arena_cap, arena_count;
	uint64_t lo, hi; /* all objects are in [lo, hi) */
	struct span_class classes[SPAN_CLASSES];
	uint64_t objects, bytes;                 /* allocated */
	uint64_t unswept_objects, unswept_bytes; /* of these, what the last cycle found dead */
	uint64_t listed;                         /* spans in mheap_.allspans */
	uint64_t bad;     /* of them, those in use that are not believed, or cannot be read */
	uint64_t dropped; /* and those for which memory or numbers were used up */
	/* Those that changed each time they were looked at: all their slots count as allocated. */
	uint64_t unsettled;
	size_t charged; /* bytes taken of the budget */
};

/** Read the list of spans, of a target that runs meanwhile or not. GOSPY_E_UNSUPPORTED: mheap_ or a
 * layout is not known. What does not fit the budget is left out: .dropped. */
enum gospy_code spans_read(struct image *image, struct budget *budget, bool runs,
			   struct heap_spans *ret, struct gospy_error *err);
void spans_deinit(struct heap_spans *spans);

static inline size_t spans_slot(const struct heap_spans *spans, uint64_t key)
{
	return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (spans->arena_cap - 1);
}

/** The page that holds `addr`, or NULL. */
static inline const struct heap_page *spans_page(const struct heap_spans *spans, uint64_t addr)
{
	uint64_t key = (addr >> HEAP_ARENA_BITS) + 1;
	if (addr - spans->lo >= spans->hi - spans->lo)
		return NULL;
	for (size_t i = spans_slot(spans, key);; i = (i + 1) & (spans->arena_cap - 1)) {
		const struct heap_arena *arena = &spans->arenas[i];
		if (arena->key != key) {
			if (!arena->key)
				return NULL;
			continue;
		}
		const struct heap_page *page =
			arena->pages ? &arena->pages[(addr >> HEAP_PAGE_BITS) % HEAP_ARENA_PAGES]
				     : &arena->whole;
		return page->in_use ? page : NULL;
	}
}

/** The number of the object that `pointer` leads to, to its start or into it; HEAP_NONE: it leads
 * to no slot of the heap. The slot may be free: spans_is_allocated() tells. */
static inline uint32_t heap_number(const struct heap_spans *spans, uint64_t pointer)
{
	const struct heap_page *page = spans_page(spans, pointer);
	if (!page)
		return HEAP_NONE;
	if (page->spanclass < 2)
		return page->first;
	const struct span_class *class = &spans->classes[page->spanclass];
	uint64_t off = (uint64_t)page->page * HEAP_PAGE + pointer % HEAP_PAGE;
	uint32_t slot = (uint32_t)(off * class->magic >> 32);
	return slot < class->count ? page->first + slot : HEAP_NONE;
}

static inline bool spans_is_allocated(const struct heap_spans *spans, uint32_t number)
{
	return spans->allocated[number / 64] >> number % 64 & 1;
}

/** The span of a number below .count. */
const struct heap_span *spans_of(const struct heap_spans *spans, uint32_t number);

static inline uint64_t span_addr(const struct heap_span *span, uint32_t number)
{
	return span->start + (number - span->first) * span->elemsize;
}

static inline bool span_is_noscan(const struct heap_span *span)
{
	return span->spanclass & 1;
}

#endif
