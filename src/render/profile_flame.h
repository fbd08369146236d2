/* A profile as a flame graph. */
#ifndef GOSPY_RENDER_PROFILE_FLAME_H
#define GOSPY_RENDER_PROFILE_FLAME_H

#include "gospy.h"
#include "render/out.h"

/** A page (flame_html.h) or a picture (flame_svg.h); with a base, which may be NULL and else has
 * the same types of values, of the difference. `title` says what it is of, `go_version` is what the
 * process runs; `type` is the number of the type of values that is shown, in the page first. False:
 * out of memory; failed writes are found in `out`. */
bool profile_flame_html(struct out *out, const struct gospy_profile *profile,
			const struct gospy_profile *base, const char *title, const char *go_version,
			size_t type);
bool profile_flame_svg(struct out *out, const struct gospy_profile *profile,
		       const struct gospy_profile *base, const char *title, const char *go_version,
		       size_t type);

#endif
