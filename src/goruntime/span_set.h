/*
 * What ReadMemStats itself takes. It begins by putting the spans of all mcaches into sets, which
 * may have no room for them: then they grow, by blocks and by spines that point at these, out of
 * memory that is never given back and that moves from OtherSys to GCSys.
 * src/runtime/{mspanset,mcentral}.go, Go 1.15+
 */
#ifndef GOSPY_GORUNTIME_SPAN_SET_H
#define GOSPY_GORUNTIME_SPAN_SET_H

#include "goruntime/memcopy.h"

/** By how many bytes the sets of mheap_ would grow, from the spans in `copy`; 0 where that cannot
 * be told, and before Go 1.15. GOSPY_E_FAULT, GOSPY_E_NOMEM. */
enum gospy_code span_set_growth(const struct memcopy *copy, struct image *image, uint64_t *ret,
				struct gospy_error *err);

#endif
