/*
 * Copies of counters that belong together: they are made in a stop, or without one by reading the
 * counters until two readings in a row agree. A stop comes between any two instructions, so
 * something may be half done in it, too; then it is tried again.
 */
#ifndef GOSPY_CAPTURE_STEADY_H
#define GOSPY_CAPTURE_STEADY_H

#include "image/image.h"

struct steady {
	/** Copy everything, over the copy before the last. It is called with the target running, as
	 * a rehearsal, and in the stop. GOSPY_E_FAULT and _BAD_DATA may be due to a change
	 * meanwhile. */
	enum gospy_code (*copy)(void *ctx, struct gospy_error *err);
	/** Was nothing half done when the last copy was made? */
	bool (*at_rest)(void *ctx);
	/** Is the last copy the same as the one before? */
	bool (*is_same)(void *ctx);
	void *ctx;
};

/**
 * On GOSPY_OK `*ret` says what to think of the last copy; .problem stays NULL. Errors as
 * gospy_memstats_read.
 */
enum gospy_code steady_read(struct source *source, const struct image *image,
			    const struct gospy_read_options *options, const struct steady *steady,
			    struct gospy_reading *ret, struct gospy_error *err);

#endif
