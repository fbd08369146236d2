/* What goroutines wait for: the channels of a select. */
#ifndef GOSPY_CAPTURE_COLLECT_SELECT_H
#define GOSPY_CAPTURE_COLLECT_SELECT_H

#include "capture/passes.h"

/** Find the cases of each goroutine that waits in a select: its sudogs, and their channels. */
enum gospy_code collect_selects(struct passes *p, struct gospy_error *err);

#endif
