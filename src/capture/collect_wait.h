/*
 * What goroutines wait for, as the program has it: with .objects, beyond what collect_chan.h and
 * collect_sema.h find. All of it is read while the target runs. What is found of a goroutine counts
 * if its g is the same afterwards.
 */
#ifndef GOSPY_CAPTURE_COLLECT_WAIT_H
#define GOSPY_CAPTURE_COLLECT_WAIT_H

#include "capture/passes.h"

/** Fill .wait_kinds of the capture. To be called before anything is read. */
void collect_wait_kinds(struct passes *p);
/** After collect_channels() and collect_semaphores(), before collect_verify(). */
enum gospy_code collect_waits(struct passes *p, struct gospy_error *err);

#endif
