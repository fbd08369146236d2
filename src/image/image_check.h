/* Does an address hold the global that it is taken for? The shape of what is there tells. */
#ifndef GOSPY_IMAGE_IMAGE_CHECK_H
#define GOSPY_IMAGE_IMAGE_CHECK_H

#include "image/image.h"

/** Does what is at this address look like the global called so ("runtime.allgs")? For addresses
 * that no symbol vouches for. Of a bundle: did it, when that was made? */
bool image_check_global(struct image *image, const char *name, uint64_t addr);
/** Address of allgs by the shape of what it refers to, or 0. */
uint64_t image_scan_allgs(struct image *image);

#endif
