/* What goroutines wait for: sync.Cond. */
#ifndef GOSPY_CAPTURE_COLLECT_COND_H
#define GOSPY_CAPTURE_COLLECT_COND_H

#include "capture/passes.h"

/** Name the conditions of the notify lists that sudogs have led to (Go 1.26+), and find those of
 * the goroutines of which nothing leads there (up to Go 1.25). */
enum gospy_code collect_conds(struct passes *p, struct gospy_error *err);

#endif
