/* A heap as a profile of pprof: who keeps what alive. */
#ifndef GOSPY_RENDER_HEAP_PPROF_H
#define GOSPY_RENDER_HEAP_PPROF_H

#include "base/strbuf.h"
#include "gospy.h"

/** Compressed. A stack is a path: its root is the outermost call, the type of the objects the
 * innermost. `paths` are those to all objects. False: out of memory. */
bool heap_pprof(const struct gospy_graph_info *info, const struct gospy_graph_paths *paths,
		struct strbuf *ret);

#endif
