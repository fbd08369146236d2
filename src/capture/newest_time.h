/* The newest time that a target has noted by its own clock: what a core file proves of the instant
 * at which its process died. */
#ifndef GOSPY_CAPTURE_NEWEST_TIME_H
#define GOSPY_CAPTURE_NEWEST_TIME_H

#include "capture/capture.h"

/** By nanotime() of the target; the instant of the capture was then or later. GOSPY_UNKNOWN: it has
 * noted none. The capture has its g's and P's. */
uint64_t newest_time(const struct capture *capture, struct image *image);

#endif
