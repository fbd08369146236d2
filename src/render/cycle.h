/* Circles in a graph: who waits for whom, until it is the first one again. */
#ifndef GOSPY_RENDER_CYCLE_H
#define GOSPY_RENDER_CYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

struct cycle_edge {
	uint32_t from, to; /* nodes */
};

struct cycle {
	size_t first, count; /* in .edges */
	size_t nodes;        /* that reach one another; there may be more circles among them */
};

/* All zero is empty. */
struct cycles {
	VEC(struct cycle) list;
	VEC(uint32_t) edges; /* of each circle, one after the other: indexes of the edges */
	uint32_t *part;      /* of each node: 1 + index of its circle, or 0 */
};
void cycles_deinit(struct cycles *cycles);

/** Of each set of nodes that reach one another a shortest circle through the first of them. It
 * takes time in proportion to the nodes and edges. False: out of memory. */
bool cycles_find(const struct cycle_edge *edges, size_t edge_count, size_t node_count,
		 struct cycles *ret);
/** How many nodes reach one of `part`, but are not among those of this circle. False: out of
 * memory. */
bool cycles_behind(const struct cycle_edge *edges, size_t edge_count, size_t node_count,
		   const uint32_t *part, uint32_t circle, size_t *ret);

#endif
