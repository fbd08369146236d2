/* What goroutines wait for, and who holds it: `gospy waits`. */
#ifndef GOSPY_RENDER_REPORT_WAITS_H
#define GOSPY_RENDER_REPORT_WAITS_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"
#include "render/waits_heap.h"

struct waits_report {
	const struct gospy_target_info *target;
	struct gospy_snapshot *snapshot;
	const struct waits *waits;
	const struct waits_heap *heap; /* or NULL */
	/* Of the proof of what the heap tells, which has a stop of its own; or NULL. */
	const struct gospy_leak_info *proof;
	uint64_t limit;        /* objects to show; 0: all */
	const uint64_t *goids; /* whose chains to show, instead of objects */
	size_t goid_count;
	bool dot; /* a graph for Graphviz instead of text */
};

void report_waits(struct out *out, const struct waits_report *report, enum report_format format);

#endif
