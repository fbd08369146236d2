/* Facts of goroutines that wait for each other, whatever for: of those that are proved to be
 * leaked, each has what the one before it waits for, and nobody else does who may run. */
#ifndef GOSPY_CHECK_GATHER_CIRCLES_H
#define GOSPY_CHECK_GATHER_CIRCLES_H

#include "check/gather_waits.h"

/** To be called after gather_deadlocks(), whose circles of locks are not told again. */
void gather_circles(struct gathering *g);

#endif
