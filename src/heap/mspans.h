/*
 * Copies of the runtime's mspans, and of the bits that say which of their slots are allocated.
 * src/runtime/mheap.go, mgcsweep.go, Go 1.12-1.27.
 *
 * A span that is swept, cached or freed meanwhile has a freeindex of one moment and bits of another
 * one. So of a target that runs a span is believed only once it was found to be the same behind its
 * bits as before: then nobody has swept it in between, and bits change in no other way.
 */
#ifndef GOSPY_HEAP_MSPANS_H
#define GOSPY_HEAP_MSPANS_H

#include "base/arena.h"
#include "base/budget.h"
#include "base/vec.h"
#include "heap/spans.h"
#include "image/image.h"

struct mspan {
	uint64_t addr;
	struct heap_span span;          /* .first is not set */
	uint64_t alloc_bits, mark_bits; /* addresses */
	uint32_t freeindex, sweepgen;
	uint8_t state;
	bool read;     /* it could be */
	bool possible; /* what it says is no contradiction */
	bool settled;  /* it is the same as when its bits were read; if nothing runs, always */
	/* Bits of its slots, from .freeindex on: they are allocated. NULL: they were not wanted, or
	 * cannot be read: then they count as allocated. And those which the collector has found to
	 * be in use, where what is dead has not been swept yet. */
	uint8_t *allocated, *marked;
};

struct mspans {
	struct image *image;
	struct budget *budget;
	bool runs; /* the target may */
	VEC(struct mspan) all;
	uint64_t listed;    /* in mheap_.allspans */
	uint64_t unsettled; /* spans that changed each time they were looked at */
	/* mheap_.sweepgen, before and after: see mspans_is_sweeping(). */
	uint32_t sweepgen, sweepgen_after;
	struct radix_item *items; /* of what bulk_run() copies */
	size_t item_count, item_cap;
	struct arena bits;
	size_t charged; /* bytes taken of the budget */
};

/** Does it hold objects, or is it not known? */
bool mspan_is_in_use(const struct mspan *mspan);
/** Is it in use, and has it the shape of a span? */
bool mspan_is_possible(const struct mspan *mspan);

/** Copy all. `spans` is all zero. GOSPY_E_LIMIT: the budget is used up; GOSPY_E_UNSUPPORTED: the
 * layout is not known. Ended by mspans_deinit() in any case. */
enum gospy_code mspans_read(struct mspans *spans, struct image *image, struct budget *budget,
			    bool runs, struct gospy_error *err);
void mspans_deinit(struct mspans *spans);

/** Somebody sweeps it: .freeindex may be of the next cycle already, and the bits of the one before.
 */
bool mspans_is_sweeping(const struct mspans *spans, const struct mspan *mspan);
/** What of it died in the last cycle counts as allocated. */
bool mspans_is_unswept(const struct mspans *spans, const struct mspan *mspan);

#endif
