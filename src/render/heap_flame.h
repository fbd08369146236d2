/* A flame graph of a heap: who keeps what alive. */
#ifndef GOSPY_RENDER_HEAP_FLAME_H
#define GOSPY_RENDER_HEAP_FLAME_H

#include "gospy.h"
#include "render/out.h"

/** As a page, or as a picture (`svg`). `paths` are those to all objects. False: out of memory;
 * failed writes are found in `out`. */
bool heap_flame(struct out *out, const struct gospy_target_info *target,
		const struct gospy_graph_info *info, const struct gospy_graph_paths *paths,
		bool svg);

#endif
