#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/cancel.h"
#include "base/thread.h"

struct call {
	void (*work)(void *ctx, unsigned worker);
	void *ctx;
	struct cancel *cancel; /* that the caller works for */
	unsigned worker;
	const cpu_set_t *all; /* the processors that the caller may run on; NULL: not known */
	pthread_t thread;
	bool started;
	atomic_bool begun;
};

static void *thread_main(void *arg)
{
	struct call *call = arg;
	// It only mattered where the thread begins (keep_apart()); from now on it may run anywhere.
	if (call->all)
		sched_setaffinity(0, sizeof(*call->all), call->all);
	atomic_store(&call->begun, true);
	cancel_adopt(call->cancel);
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
	if (items < PARALLEL_FROM)
		return 1;
	size_t workers = processors(&set) ? (size_t)CPU_COUNT(&set) : PARALLEL_WORKERS;
	if (workers > items / PARALLEL_EACH)
		workers = items / PARALLEL_EACH;
	return workers < PARALLEL_WORKERS ? (unsigned)workers : PARALLEL_WORKERS;
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
			thread_start_with(&attr, &calls[i].thread, thread_main, &calls[i]) == 0;
	pthread_attr_destroy(&attr);
}

static void run(unsigned n, bool all, void (*work)(void *ctx, unsigned worker), void *ctx)
{
	struct call calls[PARALLEL_WORKERS];
	cpu_set_t set;
	bool known = n > 1 && processors(&set);
	for (unsigned i = 0; i < n; i++)
		calls[i] = (struct call){
			.work = work,
			.ctx = ctx,
			.cancel = cancel_current(),
			.worker = i,
			.all = known ? &set : NULL,
		};
	start(calls, n);
	work(ctx, 0);
	for (unsigned i = 1; i < n; i++) {
		// This processor is free now for a thread that has found the others busy. (The C
		// library knows no id of a thread that has ended: this would set the caller's
		// processors.)
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

void parallel_run_most(unsigned most, size_t items, void (*work)(void *ctx, unsigned worker),
		       void *ctx)
{
	unsigned workers = parallel_workers(items);
	run(workers < most ? workers : most, false, work, ctx);
}

void parallel_each(void (*work)(void *ctx, unsigned worker), void *ctx)
{
	run(PARALLEL_TWO, true, work, ctx);
}
