#include "base/parallel.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

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

unsigned parallel_workers(size_t items)
{
	return items >= PARALLEL_FROM && sysconf(_SC_NPROCESSORS_ONLN) > 1 ? PARALLEL_WORKERS : 1;
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
