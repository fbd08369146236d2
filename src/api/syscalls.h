/* The system calls that goroutines of a process are in. */
#ifndef GOSPY_API_SYSCALLS_H
#define GOSPY_API_SYSCALLS_H

#include "snapshot/snapshot.h"

/** Ask the kernel, for a snapshot of process `pid` that was taken just now. GOSPY_E_NOMEM,
 * GOSPY_E_CANCELLED. */
enum gospy_code syscalls_find(pid_t pid, struct gospy_snapshot *snapshot, struct gospy_error *err);
/** What was found of descriptors, when they have been looked up. A thread that is in another call
 * by then gets none. */
void syscalls_name_descriptors(pid_t pid, struct gospy_snapshot *snapshot);

#endif
