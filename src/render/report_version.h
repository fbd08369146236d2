/* `gospy version`: what a running program was built with. */
#ifndef GOSPY_RENDER_REPORT_VERSION_H
#define GOSPY_RENDER_REPORT_VERSION_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

/** Text is the Go version alone; `verbose` adds the lines of `go version -m`. JSON has it all. */
void report_version(struct out *out, const struct gospy_build_info *info, bool verbose,
		    enum report_format format);

#endif
