/*
 * The room src/profile/: the profiles that the runtime keeps, or can make at any time.
 *
 * Enters: a source and its image; for the goroutine profile, a snapshot that is taken here. Or the
 *   bytes of a file (decode.h), or profiles that there are already (merge.h).
 * Leaves: a struct gospy_profile: samples, and locations and functions as runtime/pprof of the
 *   target's Go version would number them.
 * Owner: who asked for the profile destroys it. It holds nothing of the target.
 */
#ifndef GOSPY_PROFILE_PROFILE_H
#define GOSPY_PROFILE_PROFILE_H

#include "image/image.h"
#include "profile/leaked.h"

/** As gospy_profile_create; `leaked` is for the goroutineleak profile, else NULL. */
enum gospy_code profile_create(struct source *source, struct image *image,
			       const struct gospy_profile_options *options,
			       const struct leaked *leaked, struct gospy_profile **ret,
			       struct gospy_error *err);

#endif
