/* The threads of the target, if they are asked for. */
#ifndef GOSPY_CAPTURE_COLLECT_THREAD_H
#define GOSPY_CAPTURE_COLLECT_THREAD_H

#include "capture/capture.h"

/** After the resume: the threads of the moment; without a stop those that /proc listed. */
enum gospy_code collect_threads(struct capture *capture, const struct moment *moment,
				struct gospy_error *err);
/** After the resume: read what the M's were started with. */
enum gospy_code collect_starts(struct capture *capture, const struct image *image,
			       struct gospy_error *err);

#endif
