/* Figures of a target over the last minutes, one point a sample. */
#ifndef GOSPY_TUI_TREND_H
#define GOSPY_TUI_TREND_H

#include "gospy.h"

enum { TREND_POINTS = 1024 /* half an hour at two seconds */ };

/** What is unknown is GOSPY_UNKNOWN, or negative. */
struct trend_point {
	uint64_t mono_ns;
	uint64_t goroutines;
	uint64_t heap_live, heap_goal, heap_in_use;
	uint64_t num_gc, last_pause_ns, pause_total_ns;
	uint64_t rss;
	uint64_t runq; /* goroutines that are runnable in all queues */
	double cpu_percent, schedticks /* a second */;
	uint64_t paused_ns;             /* what the sample cost the target */
	uint64_t gc_cpu_ns, all_cpu_ns; /* of the GC, and all that its P's had */
};

/** The last TREND_POINTS points. All zero is empty. */
struct trend {
	struct trend_point points[TREND_POINTS];
	size_t first, len; /* a ring */
};

void trend_add(struct trend *trend, const struct trend_point *point);
/** The `i`-th, oldest first. */
const struct trend_point *trend_at(const struct trend *trend, size_t i);

/** What to draw of a point; negative: unknown. */
typedef double trend_value(const struct trend_point *point);
/**
 * `n` equal spans of time that end with the newest point and are `span_ns` together: the mean of
 * the points in each, the one before where there is none, -1 before the first point.
 */
void trend_resample(const struct trend *trend, trend_value *value, uint64_t span_ns, size_t n,
		    double *ret);
double trend_goroutines(const struct trend_point *point);

#endif
