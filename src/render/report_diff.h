/* `gospy diff`: what has changed between two snapshots, as text and JSON. */
#ifndef GOSPY_RENDER_REPORT_DIFF_H
#define GOSPY_RENDER_REPORT_DIFF_H

#include "render/diff.h"
#include "render/diff_leaks.h"
#include "render/diff_waits.h"
#include "render/heap_changes.h"
#include "render/out.h"
#include "render/report.h"

struct diff_report {
	const struct diff_request *request;
	const struct diff *diff;
	bool unchanged;                  /* show groups that have not changed, too */
	uint64_t limit;                  /* groups that are shown; 0: all */
	const struct diff_waits *waits;  /* or NULL */
	const struct diff_leaks *leaks;  /* or NULL */
	const struct heap_changes *heap; /* or NULL */
};

/** GOSPY_E_NOMEM; failed writes are found in `out`. */
enum gospy_code report_diff(struct out *out, const struct diff_report *report,
			    enum report_format format, struct gospy_error *err);

#endif
