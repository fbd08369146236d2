/* Figures of a whole process that a difference shows: processors, threads, memory, the GC. */
#ifndef GOSPY_RENDER_DIFF_FIGURES_H
#define GOSPY_RENDER_DIFF_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gospy.h"

/** What is known of one of the two processes; NULL: it could not be read, or is not of this
 * moment. Borrowed. */
struct diff_input {
	const struct gospy_target_info *target;
	struct gospy_snapshot *snapshot; /* with .stacks */
	const struct gospy_memstats *memstats;
	const struct gospy_process_usage *usage;
};

enum diff_unit { DIFF_COUNT, DIFF_BYTES, DIFF_NS };

struct diff_figure {
	const char *group; /* "memstats": the object that it stands in as JSON */
	const char *name;  /* "heap_alloc", in JSON */
	const char *label; /* "heap-alloc" */
	enum diff_unit unit;
	uint64_t before, after; /* neither is GOSPY_UNKNOWN */
};

enum { DIFF_FIGURES_MAX = 64 };

/** All that are known of both, in their order: `n_ret` of them. */
void diff_figures(const struct diff_input *before, const struct diff_input *after,
		  struct diff_figure ret[DIFF_FIGURES_MAX], size_t *n_ret);

#endif
