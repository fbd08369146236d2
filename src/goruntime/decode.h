/* From captured bytes to the public structs; the target runs again. */
#ifndef GOSPY_GORUNTIME_DECODE_H
#define GOSPY_GORUNTIME_DECODE_H

#include "goruntime/capture.h"
#include "goruntime/memcopy.h"

/** Scheduler figures; what this version or program does not tell stays GOSPY_UNKNOWN. */
void decode_sched(const struct image *image, const struct schedstate *s, struct gospy_sched *ret);

/** All P's and M's, allocated from `arena`. `capture` is asked which goroutines are in system
 * calls: from Go 1.26 on a P does not say so itself. */
enum gospy_code decode_ps(const struct capture *capture, struct arena *arena,
			  const struct gospy_p **ret, struct gospy_error *err);
enum gospy_code decode_ms(const struct capture *capture, struct arena *arena,
			  const struct gospy_m **ret, struct gospy_error *err);

/** The threads, and what each does. Names its texts from `capture`. */
enum gospy_code decode_threads(const struct capture *capture, struct image *image,
			       struct arena *arena, const struct gospy_thread **ret,
			       struct gospy_error *err);

/** Heap and collector as runtime.ReadMemStats computes them (src/runtime/mstats.go). Reads the
 * per-P caches of the running target. */
void decode_heap(struct image *image, const struct schedstate *s, struct gospy_heap *ret);

/** What runtime.ReadMemStats of Go 1.`minor` would return; .reading and .uptime_ns are not filled.
 */
void decode_memstats(const struct memcopy *copy, const struct layout *layout, int minor,
		     struct gospy_memstats *ret);
/** Was nothing half counted when the copy was made? */
bool memcopy_at_rest(const struct memcopy *copy, const struct layout *layout);

#endif
