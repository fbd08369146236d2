/* Work on very many items from as many threads as pay. */
#ifndef GOSPY_BASE_PARALLEL_H
#define GOSPY_BASE_PARALLEL_H

#include <stddef.h>

enum {
	PARALLEL_WORKERS = 2,
	/* Items below which starting a thread costs more than it saves, at some ten nanoseconds an
	 * item. */
	PARALLEL_FROM = 16384,
};

/** How many workers parallel_run() tries to employ for so many items: 1 on a single processor. */
unsigned parallel_workers(size_t items);
/** Call `work` once for each worker, 0 in the caller's thread, and wait for all. A thread that
 * cannot be started is not missed if workers take what is left to do from a common counter. */
void parallel_run(size_t items, void (*work)(void *ctx, unsigned worker), void *ctx);
/** The same where each of the PARALLEL_WORKERS has a part of its own: what a thread that cannot be
 * started was to do is done by the caller. */
void parallel_each(void (*work)(void *ctx, unsigned worker), void *ctx);

#endif
