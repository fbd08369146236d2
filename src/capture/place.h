/* Where a running goroutine is. */
#ifndef GOSPY_CAPTURE_PLACE_H
#define GOSPY_CAPTURE_PLACE_H

#include "capture/passes.h"
#include "capture/signal_frame.h"

/** In a signal handler, on the signal stack of the M: where the signal came. False: the thread of
 * the M, which has a place, is not there. */
bool place_interrupted(const struct image *image, const struct m_rec *m, struct signal_frame *ret);
/** Put into `rec` where a running goroutine is, as its M tells, which has a place. */
void place_running(struct passes *p, struct g_rec *rec, const struct m_rec *m);

#endif
