/* One goroutine: a line of text, or a JSON object. */
#ifndef GOSPY_RENDER_REPORT_GOROUTINE_H
#define GOSPY_RENDER_REPORT_GOROUTINE_H

#include "gospy.h"
#include "render/json.h"

/** "sound", "retried", "late", "moved", "torn", "unreadable". */
const char *report_soundness_name(enum gospy_soundness soundness);

/** "1 - waiting for chan receive, 12 minutes: main.main (/src/app/main.go:33)"; `loc` is the place
 * to show, or NULL. */
void report_goroutine_text(struct out *out, const struct gospy_goroutine *g,
			   const struct gospy_location *loc);
/** The members of an object that is already open. */
void report_goroutine_json(struct json *json, const struct gospy_goroutine *g);

/** "main.main (/src/app/main.go:33)", the bare pc, or "-" for NULL. */
void report_location_text(struct out *out, const struct gospy_location *loc);
void report_location_json(struct json *json, const char *key, const struct gospy_location *loc);

#endif
