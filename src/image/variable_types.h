/* The types of a program's variables, as far as DWARF has them. */
#ifndef GOSPY_IMAGE_VARIABLE_TYPES_H
#define GOSPY_IMAGE_VARIABLE_TYPES_H

#include "dwarf/dwarf_info.h"
#include "image/image.h"

/** Visit what variables that are roots hold; addresses are those in the process, and .runtime_type
 * is the address of a descriptor, whose kind and size were found to be what DWARF says. Without
 * DWARF there are none. GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code variable_types_each(struct image *image, struct source *source, dwinfo_visit *visit,
				    void *ctx, struct gospy_error *err);

#endif
