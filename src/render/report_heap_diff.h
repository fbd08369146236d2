/* How a heap has changed from one look to the next, by type. */
#ifndef GOSPY_RENDER_REPORT_HEAP_DIFF_H
#define GOSPY_RENDER_REPORT_HEAP_DIFF_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

struct heap_diff_report {
	const struct gospy_target_info *target;
	const struct gospy_graph *before, *after;
	uint64_t limit; /* of types; 0: all that have changed */
};

/** False: out of memory; nothing was written. */
bool report_heap_diff(struct out *out, const struct heap_diff_report *report,
		      enum report_format format);

#endif
