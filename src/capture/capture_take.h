/*
 * Copying a Go process: all g's, the scheduler, and what channel waiters wait for.
 *
 * The normal way is a double collect (docs/internals.md): everything is copied while the target
 * runs, then again; the stop touches only the goroutines that moved in between or may move; a last
 * copy proves that the others stood still all the time. How long the target stands still depends on
 * its active goroutines, not on all of them.
 */
#ifndef GOSPY_CAPTURE_CAPTURE_TAKE_H
#define GOSPY_CAPTURE_CAPTURE_TAKE_H

#include "capture/keep.h"

/** Copy all of a target. `image` is of what runs there. `keep` is of the collector that takes it,
 * which takes note of it by keep_end() afterwards; NULL: of none. Errors as gospy_snapshot_take. */
enum gospy_code capture_take(struct source *source, struct image *image,
			     const struct gospy_snapshot_options *options, struct keep *keep,
			     struct capture *ret, struct gospy_error *err);

#endif
