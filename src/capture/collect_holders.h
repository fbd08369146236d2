/*
 * With .holder_limit: the objects of package sync that goroutines wait for, what is in them, and
 * who holds them. How it is known, and what of it is of one instant: docs/internals.md, "Who holds
 * a lock".
 */
#ifndef GOSPY_CAPTURE_COLLECT_HOLDERS_H
#define GOSPY_CAPTURE_COLLECT_HOLDERS_H

#include "capture/collect_stack.h"

/** Target running: find the words whose surroundings are read in the stop. */
enum gospy_code collect_semas_prepare(struct passes *p, struct gospy_error *err);
/** In the stop: read them. */
void collect_semas_stopped(struct passes *p, uint64_t deadline_ns);
/** When all else was read, and stacks are merged. `stopped`: what was copied in the stop; NULL:
 * nothing. */
enum gospy_code collect_holders(struct passes *p, const struct stopped_stacks *stopped,
				struct gospy_error *err);

#endif
