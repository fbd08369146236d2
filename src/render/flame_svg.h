/* A flame graph as a static picture, for documents: SVG without script or reference to anything
 * else. What the calls have is in their tooltips. */
#ifndef GOSPY_RENDER_FLAME_SVG_H
#define GOSPY_RENDER_FLAME_SVG_H

#include "render/flame_picture.h"
#include "render/out.h"

/** The values of picture->type, the root on top. Calls of less than half a pixel are left out.
 * False: out of memory; failed writes are found in `out`. */
bool flame_svg(struct out *out, const struct flame_picture *picture);

#endif
