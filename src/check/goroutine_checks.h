/* Checks of what goroutines wait for. */
#ifndef GOSPY_CHECK_GOROUTINE_CHECKS_H
#define GOSPY_CHECK_GOROUTINE_CHECKS_H

#include "check/check.h"

void check_deadlocks(const struct facts *facts, struct check *check);
void check_leaks(const struct facts *facts, struct check *check);
void check_growth(const struct facts *facts, struct check *check);
void check_locks(const struct facts *facts, struct check *check);
void check_channels(const struct facts *facts, struct check *check);
void check_network(const struct facts *facts, struct check *check);

#endif
