/* The binary that holds the runtime, and its program: the first step. */
#ifndef GOSPY_IMAGE_IMAGE_OPEN_H
#define GOSPY_IMAGE_IMAGE_OPEN_H

#include "image/image.h"

/** Find the binary that holds the runtime, and its program. If the process has its module as the
 * file does, that is the program of the file, which is shared; else it is one of the process's own.
 * Errors as gospy_target_open_pid. */
enum gospy_code image_open(struct image *image, struct source *source, const char *bin_path,
			   struct gospy_error *err);

#endif
