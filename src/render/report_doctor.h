/* `gospy doctor`: what can be read of a process, and the remedy for what cannot. */
#ifndef GOSPY_RENDER_REPORT_DOCTOR_H
#define GOSPY_RENDER_REPORT_DOCTOR_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

/** `core`: path of a core file; NULL: it is of the process `pid`; 0:
 * of this machine. Text is one screen: globals and
 * layouts by where they came from, unless `verbose` asks for a line each. JSON always has all of
 * it. */
void report_doctor(struct out *out, pid_t pid, const char *core,
		   const struct gospy_diagnosis *diagnosis, bool verbose,
		   enum report_format format);

#endif
