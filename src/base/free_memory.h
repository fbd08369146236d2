/* How much memory may be used without driving others out, or being ended for it. */
#ifndef GOSPY_BASE_FREE_MEMORY_H
#define GOSPY_BASE_FREE_MEMORY_H

#include <stdint.h>

/** What this machine has available, and each memory cgroup that this process is in: the least of
 * these, in bytes. UINT64_MAX: nothing is known. */
uint64_t free_memory(void);
/** The same where /proc and /sys are below `root`. */
uint64_t free_memory_below(const char *root);
/** A quarter of it, and 64 MiB at least: what one graph of a heap may take. */
uint64_t free_memory_share(void);

#endif
