/* How an image is made: the program of a process is found (image_open.c), and what it says is
 * checked in that process (image_globals.c, image_layout.c). */
#ifndef GOSPY_IMAGE_IMAGE_CREATE_H
#define GOSPY_IMAGE_IMAGE_CREATE_H

#include "image/image.h"

/** Resolve what runs there. `bin_path` may be NULL. Errors as gospy_target_open_pid. */
enum gospy_code image_create(struct source *source, const char *bin_path, struct image **ret,
			     struct gospy_error *err);

#endif
