/* Threads as the public structs show them. */
#ifndef GOSPY_SNAPSHOT_DECODE_THREAD_H
#define GOSPY_SNAPSHOT_DECODE_THREAD_H

#include "capture/capture.h"

/** The threads, and what each does. Names its texts from `capture`. */
enum gospy_code decode_threads(const struct capture *capture, struct arena *arena,
			       const struct gospy_thread **ret, struct gospy_error *err);

#endif
