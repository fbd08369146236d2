/* What few goroutines have: ancestors, bubbles. */
#ifndef GOSPY_CAPTURE_COLLECT_RARE_H
#define GOSPY_CAPTURE_COLLECT_RARE_H

#include "capture/passes.h"

/** After the resume: read ancestors and bubbles, in a program that has any. */
enum gospy_code collect_rare(struct passes *p, struct gospy_error *err);

#endif
