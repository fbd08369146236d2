/* `gospy stack`: goroutines with their stacks, as the runtime's own tracebacks print them. */
#ifndef GOSPY_RENDER_REPORT_STACK_H
#define GOSPY_RENDER_REPORT_STACK_H

#include "render/json.h"
#include "render/out.h"
#include "render/report.h"
#include "render/select.h"

struct stack_report {
	const struct gospy_target_info *target;
	struct gospy_snapshot *snapshot;
	struct select *select; /* select->func is matched against every call of a stack */
	const uint64_t *goids; /* only these */
	size_t goid_count;     /* 0: all */
	bool group;            /* identical stacks once, the most frequent first */
	/** In the order of select->sort, of groups by their longest wait, or by one of theirs; else
	 * as the runtime's table has them. */
	bool sorted;
	bool all_frames;     /* those that the runtime hides, too */
	uint64_t watched_ns; /* it was looked at for so long before; 0: not */
	uint64_t depth;      /* calls of a stack at most; 0: as many as the runtime prints */
	/* Results. */
	uint64_t shown;    /* goroutines */
	uint64_t problems; /* of them, those with a stack that could not be read to its end */
	uint64_t missing;  /* of them, those that have a stack which was not read at all */
};

/** GOSPY_E_NOMEM; failed writes are found in `out`. */
enum gospy_code report_stacks(struct out *out, struct stack_report *report,
			      enum report_format format, struct gospy_error *err);

#endif
