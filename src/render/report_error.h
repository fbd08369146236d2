/* A failed command, as JSON. */
#ifndef GOSPY_RENDER_REPORT_ERROR_H
#define GOSPY_RENDER_REPORT_ERROR_H

#include "gospy.h"
#include "render/out.h"

void report_error_json(struct out *out, const struct gospy_error *err, pid_t pid, int exit_status);

#endif
