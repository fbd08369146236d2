#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct call {
	void (*work)(void *ctx, unsigned worker);
	void *ctx;
	unsigned worker;
	const cpu_set_t *all; /* the processors that the caller may run on; NULL: not known */
	pthread_t thread;
	bool started;
	atomic_bool begun;
};

static void *thread_main(void *arg)
{
	struct call *call = arg;
	// Where it begins was all that mattered: keep_apart().
	if (call->all)
		sched_setaffinity(0, sizeof(*call->all), call->all);
	atomic_store(&call->begun, true);
	call->work(call->ctx, call->worker);
	return NULL;
}

/* The processors that this thread may run on. False: there are more than a cpu_set_t has room
 * for. */
static bool processors(cpu_set_t *ret)
{
	return sched_getaffinity(0, sizeof(*ret), ret) == 0;
}

unsigned parallel_workers(size_t items)
{
	cpu_set_t set;
	if (items < PARALLEL_FROM || (processors(&set) && CPU_COUNT(&set) == 1))
		return 1;
	return PARALLEL_WORKERS;
}

/* Keep new threads off the processor that this one is on: the kernel often puts them there, idle as
 * the others may be, and then they begin when this thread has done all and waits for them. */
static void keep_apart(pthread_attr_t *attr, const cpu_set_t *all)
{
	cpu_set_t others = *all;
	int here = sched_getcpu();
	if (here < 0)
		return;
	CPU_CLR((size_t)here, &others);
	if (CPU_COUNT(&others))
		pthread_attr_setaffinity_np(attr, sizeof(others), &others);
}

static void start(struct call *calls, unsigned n)
{
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	if (calls->all)
		keep_apart(&attr, calls->all);
	for (unsigned i = 1; i < n; i++)
		calls[i].started =
			pthread_create(&calls[i].thread, &attr, thread_main, &calls[i]) == 0;
	pthread_attr_destroy(&attr);
}

static void run(unsigned n, bool all, void (*work)(void *ctx, unsigned worker), void *ctx)
{
	struct call calls[PARALLEL_WORKERS];
	cpu_set_t set;
	bool known = n > 1 && processors(&set);
	for (unsigned i = 0; i < n; i++)
		calls[i] = (struct call){
			.work = work, .ctx = ctx, .worker = i, .all = known ? &set : NULL};
	start(calls, n);
	work(ctx, 0);
	for (unsigned i = 1; i < n; i++) {
		// This processor is free now for one that has found the others busy. (Of a thread
		// that has ended the C library knows no id: it would be the caller's set.)
		if (calls[i].started && known && !atomic_load(&calls[i].begun))
			pthread_setaffinity_np(calls[i].thread, sizeof(set), &set);
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
