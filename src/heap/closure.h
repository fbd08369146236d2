/*
 * All that leads to some objects: what has to be looked at to find out whether anybody has them.
 */
#ifndef GOSPY_HEAP_CLOSURE_H
#define GOSPY_HEAP_CLOSURE_H

#include "heap/mark.h"

struct closure {
	struct budget *budget;
	uint64_t *bits; /* of each number of the heap */
	uint32_t count; /* of objects in it */
	size_t charged;
};

/** The objects `numbers[0..n)` and all objects that are not marked from which a path leads to one
 * of them, whether anything leads to these or not. GOSPY_E_LIMIT: the budget is used up;
 * GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code closure_find(const struct mark *mark, const uint32_t *numbers, size_t n,
			     struct closure *ret, struct gospy_error *err);
void closure_deinit(struct closure *closure);

static inline bool closure_has(const struct closure *closure, uint32_t number)
{
	return closure->bits[number / 64] >> number % 64 & 1;
}

#endif
