#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

struct call {
	void (*work)(void *ctx, unsigned worker);
	void *ctx;
	unsigned worker;
	pthread_t thread;
	bool started;
};

static void *thread_main(void *arg)
{
	const struct call *call = arg;
	call->work(call->ctx, call->worker);
	return NULL;
}

/** Whether this thread may run on one processor only. The call fails where there are more than a
 * cpu_set_t has room for. */
static bool one_processor(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1;
}

unsigned parallel_workers(size_t items)
{
	return items >= PARALLEL_FROM && !one_processor() ? PARALLEL_WORKERS : 1;
}

static void run(unsigned n, bool all, void (*work)(void *ctx, unsigned worker), void *ctx)
{
	struct call calls[PARALLEL_WORKERS] = {0};
	for (unsigned i = 1; i < n; i++) {
		calls[i] = (struct call){.work = work, .ctx = ctx, .worker = i};
		calls[i].started =
			pthread_create(&calls[i].thread, NULL, thread_main, &calls[i]) == 0;
	}
	work(ctx, 0);
	for (unsigned i = 1; i < n; i++) {
		if (calls[i].started)
			pthread_join(calls[i].thread, NULL);
		else if (all)
			work(ctx, i);
	}
}

void parallel_run(size_t items, void (*work)(void *ctx, unsigned worker), void *ctx)
{
	run(parallel_workers(items), false, work, ctx);
}

void parallel_each(void (*work)(void *ctx, unsigned worker), void *ctx)
{
	run(PARALLEL_WORKERS, true, work, ctx);
}
