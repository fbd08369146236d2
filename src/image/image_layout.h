/* Are the runtime's structures laid out as the program has them? */
#ifndef GOSPY_IMAGE_IMAGE_LAYOUT_H
#define GOSPY_IMAGE_IMAGE_LAYOUT_H

#include "image/image.h"

/** Drop layouts that came from a table and do not fit the process. The globals must be known. Those
 * that are left are noted as found. GOSPY_E_NOMEM. */
enum gospy_code image_check_layout(struct image *image, struct gospy_error *err);

#endif
