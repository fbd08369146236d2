/* What stands before a long list of goroutines on a terminal: the largest groups of them. */
#ifndef GOSPY_RENDER_REPORT_OVERVIEW_H
#define GOSPY_RENDER_REPORT_OVERVIEW_H

#include "render/group.h"
#include "render/out.h"

/** The groups of a census by `key`, as many as fit the screen below a head of `head_lines` lines,
 * and an empty line. `waits_at`: with their user frames. By GROUP_USER the census gets the starts
 * of those that have no user frame. GOSPY_E_NOMEM. */
enum gospy_code report_overview(struct out *out, struct census *census, enum group_key key,
				bool waits_at, size_t head_lines, struct gospy_error *err);

#endif
