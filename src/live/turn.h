/*
 * In this program stops of one process come one after the other, whichever threads and handles they
 * are for: the kernel takes two at once for two tracers, and refuses the second.
 */
#ifndef GOSPY_LIVE_TURN_H
#define GOSPY_LIVE_TURN_H

#include <sys/types.h>

#include "base/error.h"

struct turn {
	pid_t pid;
	struct turn *next;
};

/** Wait until nobody else has a turn with `pid`. `turn` has to stay where it is until it is over. A
 * thread that has one already must not call this. GOSPY_E_CANCELLED: there is no turn to end. */
enum gospy_code turn_begin(struct turn *turn, pid_t pid, struct gospy_error *err)
	__attribute__((warn_unused_result));
void turn_end(struct turn *turn);

#endif
