/* Threads beside that of the program. */
#ifndef GOSPY_BASE_THREAD_H
#define GOSPY_BASE_THREAD_H

#include <pthread.h>

/**
 * pthread_create() of a thread with signals blocked, because signals that are sent to the program
 * are for its own threads. Two kinds are not blocked. One is the signals that a thread causes
 * itself, such as faults: for a blocked one the kernel kills the program, past its handlers
 * (force_sig_info_to_task() in kernel/signal.c). The other is a SIGCHLD that nobody handles: the
 * kernel drops it when it is sent, but if it were blocked would wake another thread for it
 * (sig_ignored() there). Returns 0, or an errno.
 */
int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg)
	__attribute__((warn_unused_result));
/** The same with attributes. */
int thread_start_with(const pthread_attr_t *attr, pthread_t *ret, void *(*run)(void *arg),
		      void *arg) __attribute__((warn_unused_result));

#endif
