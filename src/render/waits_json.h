/* The JSON of `gospy waits`. */
#ifndef GOSPY_RENDER_WAITS_JSON_H
#define GOSPY_RENDER_WAITS_JSON_H

#include "render/report_waits.h"

/** The first `shown` objects; `lines`: one object a line. */
void waits_json(struct out *out, const struct waits_report *report, size_t shown, bool lines);

#endif
