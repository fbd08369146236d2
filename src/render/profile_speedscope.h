/* A profile as https://www.speedscope.app reads it: its own JSON, a sampled profile for each type
 * of values. */
#ifndef GOSPY_RENDER_PROFILE_SPEEDSCOPE_H
#define GOSPY_RENDER_PROFILE_SPEEDSCOPE_H

#include "gospy.h"
#include "render/out.h"

/** `name` is the title, `type` the number of the type of values that is shown first. Values below
 * zero cannot be shown, and are left out. False: out of memory; failed writes are found in `out`.
 */
bool profile_speedscope(struct out *out, const struct gospy_profile *profile, const char *name,
			size_t type);

#endif
