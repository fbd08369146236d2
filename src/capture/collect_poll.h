/* What goroutines wait for: descriptors that the runtime's network poller watches. */
#ifndef GOSPY_CAPTURE_COLLECT_POLL_H
#define GOSPY_CAPTURE_COLLECT_POLL_H

#include "capture/passes.h"

/** Find the pollDesc of each goroutine in an IO wait, and the descriptor in it. */
enum gospy_code collect_polls(struct passes *p, struct gospy_error *err);

#endif
