/* Without a stop: running goroutines whose threads stand still. */
#ifndef GOSPY_CAPTURE_COLLECT_QUIET_H
#define GOSPY_CAPTURE_COLLECT_QUIET_H

#include "capture/passes.h"

/** No stop: place running goroutines whose threads do not run, because somebody has stopped them,
 * or they are in a page fault or in a system call that the runtime does not know of. The g's are
 * read again while their threads are proved to stand still. */
enum gospy_code collect_quiet(struct passes *p, const struct map *tids, struct gospy_error *err);

#endif
