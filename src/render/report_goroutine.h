/* One goroutine: a line of text, or a JSON object. */
#ifndef GOSPY_RENDER_REPORT_GOROUTINE_H
#define GOSPY_RENDER_REPORT_GOROUTINE_H

#include "gospy.h"
#include "render/json.h"
#include "render/name.h"

/** "sound", "retried", "late", "moved", "torn", "unreadable". */
const char *report_soundness_name(enum gospy_soundness soundness);

/** "1 - waiting for chan receive, 12 minutes: main.main (/src/app/main.go:33)"; `loc` is the place
 * to show, or NULL. `waits_at`: " at main.wait (/src/app/wait.go:7)" follows, the user frame,
 * unless that is the place. On a terminal as goroutine_line.h says. */
void report_goroutine_text(struct out *out, const struct gospy_goroutine *g,
			   const struct gospy_location *loc, bool waits_at);
/** "runtime", "standard", "dependency", "own"; NULL: unknown. */
const char *report_origin_name(enum gospy_origin origin);

/** The members of an object that is already open. */
void report_goroutine_json(struct json *json, const struct gospy_goroutine *g);

/** A name, in text that is wrapped (out_wrap). On a terminal it is as short as it has to be on this
 * line; where type, method and line have no room, it goes to the next one. */
void report_name_text(struct out *out, const struct name *name);
void report_location_json(struct json *json, const char *key, const struct gospy_location *loc);

#endif
