/*
 * What ReadMemStats itself takes. It begins by putting the spans of all mcaches into sets, which
 * may have no room for them: then the sets grow, by blocks and by spines that point at these. Their
 * memory is never given back, and moves from OtherSys to GCSys. src/runtime/{mspanset,mcentral}.go,
 * Go 1.15+
 */
#ifndef GOSPY_CAPTURE_SPAN_SET_H
#define GOSPY_CAPTURE_SPAN_SET_H

#include "capture/memcopy.h"

/** Computes by how many bytes the spans in `copy` would make the sets of mheap_ grow; 0 where that
 * cannot be told, and before Go 1.15. GOSPY_E_FAULT, GOSPY_E_NOMEM. */
enum gospy_code span_set_growth(const struct memcopy *copy, struct image *image, uint64_t *ret,
				struct gospy_error *err);

#endif
