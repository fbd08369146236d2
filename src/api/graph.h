/* A heap whose graph was taken. */
#ifndef GOSPY_API_GRAPH_H
#define GOSPY_API_GRAPH_H

#include "gospy.h"
#include "heap/origin.h"
#include "heap/paths.h"
#include "heap/referrers.h"
#include "heap/tally.h"
#include "image/variables.h"

struct gospy_graph {
	struct image *image; /* a reference */
	struct gospy_graph_info info;
	struct budget budget;
	uint64_t memory; /* what it may use up */
	struct heap heap;
	struct types *types;
	struct mark mark;
	struct tally tally;
	uint64_t *retained; /* by type, then by spanclass; NULL: it was not asked for */
	VEC(struct gospy_graph_type) rows;
	/* With paths. */
	bool has_paths;
	VEC(struct origin) origins; /* those by which objects were reached first */
	struct variables variables;
	struct paths paths;
	VEC(const char *) roots; /* names, by the numbers that paths have */
	struct map root_index;   /* hash of the name -> 1 + number */
	struct referrers referrers;
	const struct gospy_graph_referrer *referrer_list; /* as those */
	struct arena arena;
};

#endif
