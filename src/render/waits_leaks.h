/* Who waits for whom by the heap: locks and channels in the same circle. */
#ifndef GOSPY_RENDER_WAITS_LEAKS_H
#define GOSPY_RENDER_WAITS_LEAKS_H

#include "render/waits.h"

/* What gospy_leaks_find() is told of locks. All zero, but for .waits and .system. */
struct waits_leaks {
	struct waits *waits; /* made of the snapshot that is searched; empty before */
	bool system;         /* as for waits_collect() */
	VEC(struct gospy_leak_peer) locks;
};
void waits_leaks_deinit(struct waits_leaks *leaks);

/** For gospy_leak_options.locks, with a struct waits_leaks as its context: makes .waits, and tells
 * who waits for which holder of a lock for certain. */
enum gospy_code waits_leaks_locks(void *ctx, struct gospy_snapshot *snapshot,
				  const struct gospy_leak_peer **ret, size_t *n_ret,
				  struct gospy_error *err);

#endif
