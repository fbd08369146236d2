/* `gospy summary`: the process, its scheduler, heap and threads, and its goroutines. */
#ifndef GOSPY_RENDER_REPORT_SUMMARY_H
#define GOSPY_RENDER_REPORT_SUMMARY_H

#include "render/out.h"
#include "render/report.h"
#include "render/select.h"

struct summary {
	const struct gospy_target_info *target;
	struct gospy_snapshot *snapshot;
	struct select *select;
	bool group;     /* one entry a location instead of one a goroutine */
	bool waits_at;  /* with the user frames, if they were read */
	uint64_t limit; /* entries at most; 0: all */
	bool details;   /* on a terminal: all that it shows elsewhere, too, at the end */
	/* In JSON only, where the facts came from; NULL: left out. */
	const struct gospy_provenance *provenance;
	size_t provenance_count;
	uint64_t watched_ns; /* it was looked at for so long before; 0: not */
	/* Result. */
	uint64_t matching; /* goroutines */
};

/** GOSPY_E_NOMEM; failed writes are found in `out`. */
enum gospy_code report_summary(struct out *out, struct summary *summary, enum report_format format,
			       struct gospy_error *err);

#endif
