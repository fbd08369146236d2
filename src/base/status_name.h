/* The names of a goroutine's states. */
#ifndef GOSPY_BASE_STATUS_NAME_H
#define GOSPY_BASE_STATUS_NAME_H

#include "gospy.h"

/** "waiting"; "unknown" for a number that is none. */
const char *status_name(enum gospy_status status);

#endif
