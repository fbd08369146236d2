/*
 * Who refers to some objects: roots that lead to them at once, or over one or two objects. Found
 * from the objects back: first which objects lead to them, then which roots to any of these.
 */
#ifndef GOSPY_HEAP_REFERRERS_H
#define GOSPY_HEAP_REFERRERS_H

#include "heap/heap.h"

enum {
	REFERRERS_STEPS = 2,       /* objects between the root and the one that is asked about */
	REFERRERS_NEAR = 1 << 20,  /* objects that lead to one that is asked about */
	REFERRERS_FOUND = 1 << 16, /* roots; of one more it is said that there are more */
};

/* That an object leads to one that is asked about. */
struct near {
	uint32_t watched; /* number of the question */
	uint32_t number;  /* the object */
	uint32_t next;    /* 1 + index of another one of the same object; 0: there is none */
	uint8_t steps;
};

struct referrer {
	uint32_t watched;
	uint8_t steps;
	/* The caller's: where the root is. Of one place it is kept once, with the fewest steps. */
	uint8_t kind;
	uint64_t addr, goid;
};

/* All zero is empty: nothing is asked about. */
struct referrers {
	VEC(struct near) near;
	struct map by_number; /* -> 1 + index in .near */
	VEC(struct referrer) found;
	struct map known; /* a hash of question and place -> 1 + index in .found */
	bool cut, no_memory;
};

void referrers_deinit(struct referrers *referrers);
/** Ask about the objects at these addresses, in a heap that has been read. What was asked before is
 * forgotten. GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code referrers_ask(struct referrers *referrers, const struct heap *heap,
			      const uint64_t *addrs, size_t n, struct gospy_error *err);
/** A root leads to the object with this number, which may be HEAP_NONE. */
void referrers_take(struct referrers *referrers, uint32_t number, struct referrer place);

#endif
