/* Goroutines by location: an aligned line or an object each. */
#ifndef GOSPY_RENDER_REPORT_GROUP_H
#define GOSPY_RENDER_REPORT_GROUP_H

#include "render/group.h"
#include "render/json.h"

/** The first `n` groups as a table, then a line of totals, and one of how many more there are, with
 * `hint` behind it. `waits_at`: with their user frames. */
void report_groups_text(struct out *out, const struct groups *groups, const group_states *states,
			bool waits_at, size_t n, const char *hint);
/** One of them: the members of an object that is already open. */
void report_group_json(struct json *json, const struct groups *groups, const group_states *states,
		       size_t index);

#endif
