/* What goroutines wait for: descriptors that the runtime's network poller watches. */
#ifndef GOSPY_CAPTURE_COLLECT_POLL_H
#define GOSPY_CAPTURE_COLLECT_POLL_H

#include "capture/passes.h"

enum { POLL_BYTES = 296 }; /* what is read of a pollDesc */

/** Find the pollDesc of each goroutine in an IO wait, and the descriptor in it. Those of
 * collect_polls_stopped() are known. */
enum gospy_code collect_polls(struct passes *p, struct gospy_error *err);
/** The same in the stop, for those that were read in it: they may go on as soon as it is over. So
 * many of them that the stop does not become long. */
enum gospy_code collect_polls_stopped(struct passes *p, struct gospy_error *err);
/** Before the stop: what it takes to walk their stacks is looked up. Nothing else comes of it. */
enum gospy_code collect_polls_rehearse(struct passes *p, struct gospy_error *err);
/** Has the descriptor of this wait been the same file all the time since then? `bytes` are the
 * POLL_BYTES at chan->addr, read later. False: it may have been closed meanwhile. */
bool collect_poll_is_same(const struct chan_rec *chan, const uint8_t *bytes);

#endif
