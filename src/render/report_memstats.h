/* Memory statistics: the lines of gops, what else is known, and a line for each GC cycle. */
#ifndef GOSPY_RENDER_REPORT_MEMSTATS_H
#define GOSPY_RENDER_REPORT_MEMSTATS_H

#include "gospy.h"
#include "render/json.h"
#include "render/report.h"

/** `all`: in text, what gops does not have follows; JSON has it anyway. */
void report_memstats(struct out *out, const struct gospy_target_info *target,
		     const struct gospy_memstats *memstats, bool all, enum report_format format);

/**
 * A line for each cycle that ended after cycle number `since`, oldest first, no more than `limit`
 * of them. Figures that are known of the newest cycle only are left out of the others.
 * `*max_pause_ns` is the longest pause so far, from 0 on. Returns how many cycles there were.
 */
uint64_t report_gc_cycles(struct out *out, const struct gospy_memstats *memstats, uint64_t since,
			  uint64_t limit, uint64_t *max_pause_ns, enum report_format format);

/** The member "reading" of an open object. */
void report_reading_json(struct json *json, const struct gospy_reading *reading);

#endif
