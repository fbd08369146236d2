/* Threads beside that of the program. */
#ifndef GOSPY_BASE_THREAD_H
#define GOSPY_BASE_THREAD_H

#include <pthread.h>

/**
 * pthread_create() of a thread with signals blocked, for those that are sent to the program are for
 * its own threads. What a thread does to itself, as a fault, stays open: the kernel kills a program
 * for one that is blocked, past its handlers (force_sig_info_to_task() in kernel/signal.c). So does
 * a SIGCHLD that nobody handles: the kernel drops it when it is sent, but would else wake another
 * thread for it (sig_ignored() there). 0, or an errno.
 */
int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg)
	__attribute__((warn_unused_result));

#endif
