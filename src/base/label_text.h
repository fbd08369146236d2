/* Profiler labels as runtime/pprof writes them: {"key":"value", "other":"..."}. */
#ifndef GOSPY_BASE_LABEL_TEXT_H
#define GOSPY_BASE_LABEL_TEXT_H

#include "base/strbuf.h"
#include "gospy.h"

/** Append them in the order of the texts of the pairs: src/runtime/pprof/label.go:labelMap.String.
 * False: out of memory. */
bool label_text_add(struct strbuf *b, const struct gospy_label *labels, size_t n);

#endif
