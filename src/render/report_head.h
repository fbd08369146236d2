/* What a report about goroutines begins with on a terminal: what matters first. */
#ifndef GOSPY_RENDER_REPORT_HEAD_H
#define GOSPY_RENDER_REPORT_HEAD_H

#include "gospy.h"
#include "render/out.h"
#include "render/still.h"

struct report_head {
	const struct gospy_target_info *target;
	struct gospy_snapshot *snapshot;
	const struct still *still; /* who did not move; NULL: nobody has looked before */
	uint64_t watched_ns;       /* for so long */
};

/** The process and what the snapshot cost it, its goroutines, how many of them did not move, how
 * long they wait, which of them for ever, memory, processors: a line each, of which some are left
 * out. On a narrow terminal a line leaves out what is worth least (head_line.h). How many lines
 * were written. */
size_t report_head_write(struct out *out, const struct report_head *head);

/** The first of these lines alone. */
void report_head_process(struct out *out, const struct gospy_target_info *target,
			 const struct gospy_snapshot_info *info);

#endif
