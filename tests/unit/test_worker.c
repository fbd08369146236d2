#include "tui/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

struct job {
	struct worker worker;
	int gate[2]; /* what the kernel would let go of */
	atomic_bool went_through;
	bool destroyed;
};

static void destroy(struct worker *worker)
{
	struct job *job = (struct job *)worker;
	worker_deinit(worker);
	job->destroyed = true;
}

static void start(struct job *job, void (*run)(struct worker *worker))
{
	*job = (struct job){0};
	assert_int_equal(pipe(job->gate), 0);
	assert_int_equal(worker_init(&job->worker, NULL), GOSPY_OK);
	assert_int_equal(worker_start(&job->worker, run, destroy, NULL), GOSPY_OK);
}

static void close_gate(const struct job *job)
{
	close(job->gate[0]);
	close(job->gate[1]);
}

/* A call that can be called off. */
static void wait_for_end(struct worker *worker)
{
	struct job *job = (struct job *)worker;
	struct pollfd fd = {.fd = worker->cancel_fd, .events = POLLIN};
	while (poll(&fd, 1, -1) != 1)
		;
	pthread_mutex_lock(&worker->lock);
	atomic_store(&job->went_through, worker->stopping);
	pthread_mutex_unlock(&worker->lock);
}

/* One that cannot. */
static void wait_at_gate(struct worker *worker)
{
	struct job *job = (struct job *)worker;
	char byte;
	atomic_store(&job->went_through, read(job->gate[0], &byte, 1) == 1);
}

static void it_is_called_off_and_waited_for(void **state)
{
	(void)state;
	struct job job;
	start(&job, wait_for_end);
	worker_stop(&job.worker);
	assert_true(job.went_through && job.destroyed);
	close_gate(&job);
}

/** Nobody waits for one that the kernel holds; it is ended when another one is. */
static void one_that_is_held_is_ended_later(void **state)
{
	(void)state;
	struct job held, other;
	start(&held, wait_at_gate);
	worker_stop(&held.worker);
	assert_false(held.destroyed);
	assert_int_equal(write(held.gate[1], "", 1), 1);
	while (!atomic_load(&held.went_through))
		usleep(1000);
	while (!held.destroyed) { // it has to take note of its end still
		start(&other, wait_for_end);
		worker_stop(&other.worker);
		assert_true(other.destroyed);
		close_gate(&other);
	}
	close_gate(&held);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_called_off_and_waited_for),
		cmocka_unit_test(one_that_is_held_is_ended_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
