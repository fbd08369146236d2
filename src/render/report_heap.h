/* The objects of a heap by type. */
#ifndef GOSPY_RENDER_REPORT_HEAP_H
#define GOSPY_RENDER_REPORT_HEAP_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

struct heap_report {
	const struct gospy_target_info *target;
	const struct gospy_graph *graph;
	uint64_t limit; /* of types; 0: all */
};

/** What keeps the objects of a type alive, or one object. */
void report_heap_who(struct out *out, const struct gospy_target_info *target,
		     const struct gospy_graph_paths *paths, enum report_format format);
void report_heap(struct out *out, const struct heap_report *report, enum report_format format);

#endif
