/* Until when goroutines wait. */
#ifndef GOSPY_CAPTURE_COLLECT_TIMER_H
#define GOSPY_CAPTURE_COLLECT_TIMER_H

#include "capture/passes.h"

/** Find the timer of each goroutine that sleeps, and when it fires; and when the timers do that
 * belong to channels, of selects too. Of goroutines in a bubble of testing/synctest nothing is
 * found: their time is another one. */
enum gospy_code collect_timers(struct passes *p, struct gospy_error *err);

#endif
