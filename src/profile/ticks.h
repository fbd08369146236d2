/* How many CPU ticks (RDTSC) the runtime counts as a second: runtime.ticksPerSecond, up to Go 1.21
 * tickspersecond. src/runtime/runtime.go. */
#ifndef GOSPY_PROFILE_TICKS_H
#define GOSPY_PROFILE_TICKS_H

#include "image/image.h"

/** What the process would say. `ticks` is the address of runtime.ticks; 0: nothing in the program
 * has ever asked. It is ticks.val, which it sets for good when it is asked first; if it has not
 * been asked, what it would find out now: from Go 1.22 on by its own start, before by a tenth of a
 * second of waiting. */
enum gospy_code ticks_per_second(struct image *image, uint64_t ticks, const struct source *source,
				 uint64_t *ret, struct gospy_error *err);

#endif
