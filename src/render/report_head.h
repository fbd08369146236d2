/* What a report about goroutines begins with on a terminal: what matters first. */
#ifndef GOSPY_RENDER_REPORT_HEAD_H
#define GOSPY_RENDER_REPORT_HEAD_H

#include "gospy.h"
#include "render/out.h"

enum { REPORT_HEAD_LINES = 6 };

/** The process and what the snapshot cost it, its goroutines, how long they wait, which of them for
 * ever, memory, processors: REPORT_HEAD_LINES at most. */
void report_head(struct out *out, const struct gospy_target_info *target,
		 struct gospy_snapshot *snapshot);

#endif
