/* Checks of what a process may use: how much is left of it. */
#ifndef GOSPY_CHECK_LIMIT_CHECKS_H
#define GOSPY_CHECK_LIMIT_CHECKS_H

#include "check/check.h"

void check_limits(const struct facts *facts, struct check *check);

#endif
