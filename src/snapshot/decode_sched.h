/* The scheduler as the public structs show it. */
#ifndef GOSPY_SNAPSHOT_DECODE_SCHED_H
#define GOSPY_SNAPSHOT_DECODE_SCHED_H

#include "capture/capture.h"

/** Scheduler figures; what this version or program does not tell stays GOSPY_UNKNOWN. */
void decode_sched(const struct image *image, const struct schedstate *s, struct gospy_sched *ret);

/** All P's and M's, allocated from `arena`. `capture` is asked which goroutines are in system
 * calls: from Go 1.26 on a P does not say so itself. */
enum gospy_code decode_ps(const struct capture *capture, struct arena *arena,
			  const struct gospy_p **ret, struct gospy_error *err);
enum gospy_code decode_ms(const struct capture *capture, struct arena *arena,
			  const struct gospy_m **ret, struct gospy_error *err);

#endif
