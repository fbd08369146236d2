/*
 * A thread beside the one that draws, which looks into processes. When it is stopped, the call of
 * libgospy that it is in is called off, and the thread is waited for.
 *
 * If the kernel holds the thread in a system call (on a file of a server that does not answer), it
 * is waited for only a moment. It is ended later, when another worker is stopped, or it ends with
 * the program.
 */
#ifndef GOSPY_TUI_WORKER_H
#define GOSPY_TUI_WORKER_H

#include <pthread.h>

#include "base/error.h"

/** To be embedded in what the thread works on. */
struct worker {
	/* For what both threads use; `changed`, which counts by CLOCK_MONOTONIC, is for whatever
	 * they wait for. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping; /* under the lock: the thread is to end */
	int cancel_fd; /* for the options of each call that may take long */
	/* Members of worker.c. */
	bool finished;
	pthread_t thread;
	void (*run)(struct worker *worker);
	void (*destroy)(struct worker *worker);
	struct worker *next;
};

/** Make all but the thread. GOSPY_E_OS. `worker` need not be deinitialised after a failure. */
enum gospy_code worker_init(struct worker *worker, struct gospy_error *err);
/** To be called for a worker that was not started, or in `destroy`. */
void worker_deinit(struct worker *worker);
/** `run` is what the thread does; `destroy` frees all once it has ended. GOSPY_E_OS. */
enum gospy_code worker_start(struct worker *worker, void (*run)(struct worker *worker),
			     void (*destroy)(struct worker *worker), struct gospy_error *err);
/** End the thread and destroy `worker`. */
void worker_stop(struct worker *worker);

#endif
