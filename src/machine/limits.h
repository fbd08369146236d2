/* What a process may use: its own limits, and those of the control groups that it is in. */
#ifndef GOSPY_MACHINE_LIMITS_H
#define GOSPY_MACHINE_LIMITS_H

#include <sys/types.h>

#include "base/span.h"
#include "gospy.h"

/** Fill in .descriptors and .descriptors_max, or GOSPY_UNKNOWN. */
void limits_of_descriptors(pid_t tid, struct gospy_process_limits *ret);
/** Fill in what cgroups allow, or GOSPY_UNKNOWN. /proc and /sys are below `root`, "" but in tests.
 */
void limits_of_cgroups(const char *root, pid_t tid, struct gospy_process_limits *ret);
/** The soft limit of this name in the text of /proc/PID/limits; GOSPY_UNKNOWN: there is none. */
uint64_t limits_parse(struct span text, const char *name);

#endif
