/* Checks of the process, its runtime and its threads. */
#ifndef GOSPY_CHECK_RUNTIME_CHECKS_H
#define GOSPY_CHECK_RUNTIME_CHECKS_H

#include "check/check.h"

void check_stopped(const struct facts *facts, struct check *check);
void check_gc(const struct facts *facts, struct check *check);
void check_queue(const struct facts *facts, struct check *check);
void check_threads(const struct facts *facts, struct check *check);
void check_heap(const struct facts *facts, struct check *check);

#endif
