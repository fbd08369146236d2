/* What goroutines wait for: semaphores. */
#ifndef GOSPY_CAPTURE_COLLECT_SEMA_H
#define GOSPY_CAPTURE_COLLECT_SEMA_H

#include "capture/passes.h"

/** With .objects, find the semaphores of waiters that have no g.waiting (up to Go 1.25). While the
 * target is stopped it looks for all goroutines, if there are not too many; otherwise for those
 * that collect_verify will prove to have been parked. */
enum gospy_code collect_semaphores(struct passes *p, bool stopped, struct gospy_error *err);

/** List in .semas of the capture the words that goroutines wait at, by address, whoever they are.
 * The target runs: some may be missing, and some may be none. */
enum gospy_code collect_sema_words(struct passes *p, struct gospy_error *err);

#endif
