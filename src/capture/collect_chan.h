/* What goroutines wait for: channels. */
#ifndef GOSPY_CAPTURE_COLLECT_CHAN_H
#define GOSPY_CAPTURE_COLLECT_CHAN_H

#include "capture/passes.h"

/** Fill .object_kinds, with .objects for all kinds, else for channels. To be called before anything
 * is stopped. */
void collect_object_kinds(struct passes *p);
/** Read the channels of waiters: of the active ones, or of all others. What is not read at
 * `deadline_ns`, which is a clock_mono_ns() or 0, is not known. */
enum gospy_code collect_channels(struct passes *p, bool active, uint64_t deadline_ns,
				 struct gospy_error *err);

#endif
