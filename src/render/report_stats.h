/* Counts of what the scheduler has: the lines of gops, and what else is known. */
#ifndef GOSPY_RENDER_REPORT_STATS_H
#define GOSPY_RENDER_REPORT_STATS_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

/** `all`: in text, what gops does not have follows; JSON has it anyway. */
void report_stats(struct out *out, const struct gospy_target_info *target,
		  const struct gospy_stats *stats, bool all, enum report_format format);

#endif
