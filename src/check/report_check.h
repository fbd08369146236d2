/* `gospy check`: what was found, the worst first, and what was looked at. */
#ifndef GOSPY_CHECK_REPORT_CHECK_H
#define GOSPY_CHECK_REPORT_CHECK_H

#include "check/check.h"
#include "render/out.h"
#include "render/report.h"

struct check_report {
	const struct gospy_target_info *target;
	const struct gospy_snapshot_info *snapshot; /* of the last look */
	const struct facts *facts;
	const struct check *check;
};

void report_check(struct out *out, const struct check_report *report, enum report_format format);

#endif
