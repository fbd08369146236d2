/*
 * The room src/live/: a running process as a source.
 *
 * Enters: a pid. The kernel answers the rest, through /proc, process_vm_readv() and ptrace().
 * Leaves: a struct source (target/source.h), and why a process cannot be looked into (diagnose.h).
 * Owner: the source owns the pidfd, the descriptors of /proc and the memory. A stop ends before the
 *   call that asked for it returns, whatever happens in between (pause.h).
 */
#ifndef GOSPY_LIVE_LIVE_H
#define GOSPY_LIVE_LIVE_H

#include "live/process.h"

/** Open the process and its memory; source_destroy() closes both. Errors as process_open;
 * GOSPY_E_PERM: its memory may not be read. */
enum gospy_code live_open(pid_t pid, struct source **ret, struct gospy_error *err);

#endif
