/* Are the runtime's globals where the program has them? */
#ifndef GOSPY_IMAGE_IMAGE_GLOBALS_H
#define GOSPY_IMAGE_IMAGE_GLOBALS_H

#include "image/image.h"

/** Drop globals that were found by code, but do not look right in the process. GOSPY_E_NOT_FOUND
 * names one that is missing and has to be there. */
enum gospy_code image_check_globals(struct image *image, struct gospy_error *err);
/** The globals, with those that only profiles need, which are looked for now where no symbol tells.
 * What is not found is 0. */
enum gospy_code image_profile_globals(struct image *image, struct globals *ret,
				      struct gospy_error *err);

#endif
