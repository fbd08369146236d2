/* Work on very many items from as many threads as pay. */
#ifndef GOSPY_BASE_PARALLEL_H
#define GOSPY_BASE_PARALLEL_H

#include <stddef.h>

enum {
	/* At most, on a machine that has so many processors. More would mostly wait for memory. */
	PARALLEL_WORKERS = 8,
	/* Of parallel_each(), and where others stand still meanwhile: to start many takes time. */
	PARALLEL_TWO = 2,
	/* Items below which starting a thread costs more than it saves, at some ten nanoseconds an
	 * item. */
	PARALLEL_FROM = 16384,
	/* Items that each worker has to have, for the same reason. */
	PARALLEL_EACH = PARALLEL_FROM / PARALLEL_TWO,
};

/** How many workers parallel_run() tries to employ for so many items: one for each processor that
 * this thread may run on, within the limits above. */
unsigned parallel_workers(size_t items);
/** Call `work` once for each worker, 0 in the caller's thread, and wait for all. A thread that
 * cannot be started is not missed if workers take what is left to do from a common counter. */
void parallel_run(size_t items, void (*work)(void *ctx, unsigned worker), void *ctx);
/** The same by `most` workers at most. */
void parallel_run_most(unsigned most, size_t items, void (*work)(void *ctx, unsigned worker),
		       void *ctx);
/** The same where each of PARALLEL_TWO workers has a part of its own. The caller does the part of a
 * thread that cannot be started. */
void parallel_each(void (*work)(void *ctx, unsigned worker), void *ctx);

#endif
