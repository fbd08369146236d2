/* A profile as folded stacks, "root;call;leaf 12": what flamegraph.pl, inferno and speedscope
 * read. */
#ifndef GOSPY_RENDER_PROFILE_FOLDED_H
#define GOSPY_RENDER_PROFILE_FOLDED_H

#include "gospy.h"
#include "render/out.h"

/** Values of type number `type`; each stack once, sorted, those of value 0 not at all. With a base,
 * which may be NULL and else has the same types, each line has the value there before the one here:
 * what difffolded.pl writes, for flamegraph.pl and inferno. In names a ";" becomes ":", and what
 * does not fit a line of text a blank. False: out of memory; failed writes are found in `out`. */
bool profile_folded(struct out *out, const struct gospy_profile *profile,
		    const struct gospy_profile *base, size_t type);

#endif
