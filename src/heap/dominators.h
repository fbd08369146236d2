/*
 * What would be freed with an object: all that can be reached by it alone. An object dominates
 * another one if each path from a root to that leads over it; what it retains is itself and all
 * that it dominates. Semi-NCA: Georgiadis, Linear-Time Algorithms for Dominators and Related
 * Problems, 2005.
 */
#ifndef GOSPY_HEAP_DOMINATORS_H
#define GOSPY_HEAP_DOMINATORS_H

#include "heap/mark.h"

/* Objects are counted in the order of a walk in depth from the roots, from 2 on: 1 stands for all
 * roots, and 0 for nothing. */
struct dominators {
	const struct heap *heap; /* borrowed */
	struct budget *budget;
	uint32_t count;     /* the last one */
	uint32_t *object;   /* by that order: numbers of objects */
	uint32_t *above;    /* the nearest dominator */
	uint64_t *retained; /* bytes */
	size_t charged;
};

/** `roots`: a bit for each object that is one. GOSPY_E_LIMIT: the budget is used up, or there are
 * 2^32 pointers; GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code dominators_find(const struct mark *mark, const uint64_t *roots,
				struct budget *budget, struct dominators *ret,
				struct gospy_error *err);
void dominators_deinit(struct dominators *dominators);

/** Which kind an object is of. */
typedef uint32_t dominators_kind_fn(const void *ctx, uint32_t number);

/** What the objects of each kind retain together: those that another one of the same kind dominates
 * do not count again. `sums` has as many as there are `kinds`. GOSPY_E_NOMEM, GOSPY_E_LIMIT. */
enum gospy_code dominators_sum(const struct dominators *dominators, dominators_kind_fn *kind,
			       const void *ctx, uint64_t *sums, size_t kinds,
			       struct gospy_error *err);

#endif
