/* What is waited for, and who holds it, as JSON. */
#ifndef GOSPY_RENDER_WAITS_HOLDER_JSON_H
#define GOSPY_RENDER_WAITS_HOLDER_JSON_H

#include "render/json.h"
#include "render/waits.h"

/** What it is: members of an object that is already open, as the next. */
void waits_json_object(struct json *json, const struct waits_object *object);
void waits_json_holder(struct json *json, const struct waits *waits,
		       const struct gospy_holder *holder);
/** Who has what the waiter of the edge waits for, as an object. */
void waits_json_held_by(struct json *json, const char *key, const struct waits *waits,
			const struct waits_edge *edge);

#endif
