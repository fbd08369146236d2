#include "base/thread.h"

#include <signal.h>
#include <stddef.h>

int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg)
{
	return thread_start_with(NULL, ret, run, arg);
}

int thread_start_with(const pthread_attr_t *attr, pthread_t *ret, void *(*run)(void *arg),
		      void *arg)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP};
	sigset_t blocked, old;
	struct sigaction action;
	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&blocked, own[i]);
	if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
		sigdelset(&blocked, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, &blocked, &old);
	int os_errno = pthread_create(ret, attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return os_errno;
}
