/*
 * Which threads of a core file the M's are. A debugger that writes a core of a process in another
 * PID namespace, such as a container, gives the threads the ids that it knows them by. An m has the
 * id that the thread itself knows (m.procid), and no table leads from one to the other.
 */
#ifndef GOSPY_CAPTURE_MATCH_TIDS_H
#define GOSPY_CAPTURE_MATCH_TIDS_H

#include "base/map.h"
#include "image/image.h"
#include "target/source.h"

/**
 * If most M's have an id that no thread has, map m.procid of each to the thread that is on one of
 * its stacks: its g0's, its gsignal's, or that of the goroutine it runs. Where more than one thread
 * is, it is known of none. `*differ_ret`: the ids differ, and `ret` has those that are known.
 * GOSPY_E_NOMEM, GOSPY_E_CANCELLED.
 */
enum gospy_code match_tids(struct source *source, struct image *image, const struct tasks *tasks,
			   struct map *ret, bool *differ_ret, struct gospy_error *err);

#endif
