/* How a heap has changed from one look to the next, or how the heaps of two processes differ, by
 * type. */
#ifndef GOSPY_RENDER_REPORT_HEAP_DIFF_H
#define GOSPY_RENDER_REPORT_HEAP_DIFF_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

struct heap_diff_report {
	const struct gospy_target_info *target;
	const struct gospy_target_info *first; /* that .before is of; NULL: the same */
	const struct gospy_graph *before, *after;
	uint64_t limit; /* of types; 0: all that have changed */
};

/** GOSPY_E_NOMEM: nothing was written. */
enum gospy_code report_heap_diff(struct out *out, const struct heap_diff_report *report,
				 enum report_format format, struct gospy_error *err);

#endif
