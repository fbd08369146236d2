/* The system calls that goroutines of a process are in. */
#ifndef GOSPY_API_SYSCALLS_H
#define GOSPY_API_SYSCALLS_H

#include "snapshot/snapshot.h"
#include "target/source.h"

/** For a snapshot that was taken just now: the kernel is asked, or the registers of a core file or
 * bundle. GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code syscalls_find(struct source *source, struct gospy_snapshot *snapshot,
			      struct gospy_error *err);
/** What was found of the descriptors of process `pid`, when they have been looked up. A thread that
 * is in another call by then gets none. */
void syscalls_name_descriptors(pid_t pid, struct gospy_snapshot *snapshot);

#endif
