/* The system call that a thread is in. */
#ifndef GOSPY_MACHINE_THREAD_SYSCALL_H
#define GOSPY_MACHINE_THREAD_SYSCALL_H

#include "target/moment.h"

/** False: it is in none, it runs, or the kernel does not say. */
bool thread_syscall(pid_t pid, pid_t tid, struct place *ret);

#endif
