/* What goroutines wait for: the objects of package sync that semaphores are a part of. */
#ifndef GOSPY_CAPTURE_COLLECT_SYNC_H
#define GOSPY_CAPTURE_COLLECT_SYNC_H

#include "capture/passes.h"

/** Name the objects of the semaphores and notify lists that were found. The work is for each
 * object, not for each goroutine that waits for it: one is looked at. */
enum gospy_code collect_sync(struct passes *p, struct gospy_error *err);

#endif
