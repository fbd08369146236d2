/* The functions of a profile by what they have of it, as `go tool pprof -top` prints them. */
#ifndef GOSPY_RENDER_PROFILE_TOP_H
#define GOSPY_RENDER_PROFILE_TOP_H

#include "gospy.h"
#include "render/out.h"

/** By the values of type number `type`; `limit` functions at most, 0: all that are above half a
 * percent, as pprof has it. Of a difference, whose samples have pprof's label where they are of the
 * base, shares are of the base. False: out of memory; failed writes are found in `out`. */
bool profile_top(struct out *out, const struct gospy_profile *profile, size_t type, size_t limit);

#endif
