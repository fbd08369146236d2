/* `gospy PID`: facts about one process, in the lines of gops. */
#ifndef GOSPY_RENDER_REPORT_PROCESS_H
#define GOSPY_RENDER_REPORT_PROCESS_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

/** `sample_ns`: how long the CPU use was watched, or 0. What is unknown is left out. */
void report_process(struct out *out, const struct gospy_process_info *info, uint64_t sample_ns,
		    enum report_format format);

/** The same on a terminal: sizes with units, sockets sorted and counted by state. */
void report_process_people(struct out *out, const struct gospy_process_info *info,
			   uint64_t sample_ns);

#endif
