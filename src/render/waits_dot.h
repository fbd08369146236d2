/* What goroutines wait for as a graph for Graphviz. */
#ifndef GOSPY_RENDER_WAITS_DOT_H
#define GOSPY_RENDER_WAITS_DOT_H

#include "base/strbuf.h"
#include "render/out.h"
#include "render/waits.h"

/** One directed graph: from goroutines to the first `shown` objects that they wait for, and from
 * these to who holds them. */
void waits_dot(struct out *out, const struct waits *waits, size_t shown);
/** Append raw text as it has to be between quotation marks in a label. */
void waits_dot_quote(struct strbuf *to, const char *raw);

#endif
