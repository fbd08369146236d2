/*
 * Copies of counters that belong together: made in a stop, or without one by reading them until two
 * readings in a row agree. A stop comes between any two instructions, so that here, too, something
 * may be half done; then it is tried again.
 */
#ifndef GOSPY_GORUNTIME_STEADY_H
#define GOSPY_GORUNTIME_STEADY_H

#include "goruntime/target.h"

struct steady {
	/** Copy everything, over the copy before the last. With the target running as a rehearsal,
	 * and in the stop. GOSPY_E_FAULT and _BAD_DATA may be due to a change meanwhile. */
	enum gospy_code (*copy)(void *ctx, struct gospy_error *err);
	/** Was nothing half done when the last copy was made? */
	bool (*at_rest)(void *ctx);
	/** Is the last copy the same as the one before? */
	bool (*is_same)(void *ctx);
	void *ctx;
};

/**
 * GOSPY_OK with what to think of the last copy in `*ret`, .problem left NULL. `options` may be
 * NULL. Errors as gospy_memstats_read.
 */
enum gospy_code steady_read(struct gospy_target *target, const struct gospy_read_options *options,
			    const struct steady *steady, struct gospy_reading *ret,
			    struct gospy_error *err);

#endif
