#include "tui/worker.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"

/* A call that is called off ends after some milliseconds, on a crowded machine after more. */
static const uint64_t STOP_WAIT_NS = 1000000000;

/* Workers that the kernel held when they were to end. All calls come from the thread that draws. */
static struct worker *held;

enum gospy_code worker_init(struct worker *worker, struct gospy_error *err)
{
	pthread_condattr_t attr;
	*worker = (struct worker){.cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	if (worker->cancel_fd < 0)
		return err_os(err, errno, "eventfd");
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, &attr);
	pthread_condattr_destroy(&attr);
	return GOSPY_OK;
}

void worker_deinit(struct worker *worker)
{
	pthread_mutex_destroy(&worker->lock);
	pthread_cond_destroy(&worker->changed);
	close(worker->cancel_fd);
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	worker->run(worker);
	pthread_mutex_lock(&worker->lock);
	worker->finished = true;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

enum gospy_code worker_start(struct worker *worker, void (*run)(struct worker *worker),
			     void (*destroy)(struct worker *worker), struct gospy_error *err)
{
	worker->run = run;
	worker->destroy = destroy;
	int failed = thread_start(&worker->thread, work, worker);
	return failed ? err_os(err, failed, "cannot start a thread") : GOSPY_OK;
}

/* True: the worker has ended, and is destroyed. */
static bool end(struct worker *worker, uint64_t wait_ns)
{
	uint64_t ns = clock_mono_ns() + wait_ns;
	struct timespec until = {.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
	int waited = 0;
	pthread_mutex_lock(&worker->lock);
	while (!worker->finished && !waited)
		waited = pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
	bool finished = worker->finished;
	pthread_mutex_unlock(&worker->lock);
	if (!finished)
		return false;
	pthread_join(worker->thread, NULL);
	worker->destroy(worker);
	return true;
}

static void end_held(void)
{
	for (struct worker **at = &held; *at;) {
		struct worker *next = (*at)->next;
		if (end(*at, 0))
			*at = next;
		else
			at = &(*at)->next;
	}
}

void worker_stop(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->stopping = true;
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	// Writing once is enough, because nobody reads it.
	if (eventfd_write(worker->cancel_fd, 1))
		return;
	end_held();
	if (!end(worker, STOP_WAIT_NS)) {
		worker->next = held;
		held = worker;
	}
}
