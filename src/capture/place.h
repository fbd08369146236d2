/* Where a running goroutine is. */
#ifndef GOSPY_CAPTURE_PLACE_H
#define GOSPY_CAPTURE_PLACE_H

#include "capture/passes.h"

/** Put into `rec` where a running goroutine is, as its M tells, which has a place. */
void place_running(struct passes *p, struct g_rec *rec, const struct m_rec *m);

#endif
