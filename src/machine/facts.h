/* Facts of one process that both the list of processes and the page of one tell. */
#ifndef GOSPY_MACHINE_FACTS_H
#define GOSPY_MACHINE_FACTS_H

#include "base/arena.h"
#include "live/procfs.h"

/** Name of a user, or the number; the arena's. NULL: out of memory. */
const char *facts_user_name(struct arena *arena, uid_t uid);
/** Arguments joined by spaces, the arena's; NULL: there are none, or they cannot be read. */
const char *facts_command_line(struct arena *arena, pid_t tid);
/** The same, of the first 4096 bytes alone: of many processes all of them may be too much. */
const char *facts_command_line_head(struct arena *arena, pid_t tid);
/** Pages in memory of the process that `stat` is of; false: not known. */
bool facts_resident_pages(const struct proc_stat *stat, uint64_t *ret);
/** The same in bytes, or GOSPY_UNKNOWN. */
uint64_t facts_rss(const struct proc_stat *stat);

#endif
