/* What the agent of gops has answered: its own text, or the file it was saved to. */
#ifndef GOSPY_RENDER_REPORT_AGENT_H
#define GOSPY_RENDER_REPORT_AGENT_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

struct agent_report {
	const char *command; /* of gospy */
	const struct gospy_agent_info *agent;
	const char *text; /* NULL: nothing to show */
	const char *file; /* what was saved, or NULL */
	uint64_t file_bytes;
	const char *what; /* "trace" or "profile", for `file` */
	const char *next; /* what to look at it with */
};

void report_agent(struct out *out, const struct agent_report *report, enum report_format format);

#endif
