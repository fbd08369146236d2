/* Types that variables of package level tell of what they lead to: those that DWARF knows. */
#ifndef GOSPY_HEAP_SEEDS_H
#define GOSPY_HEAP_SEEDS_H

#include "heap/types.h"
#include "target/source.h"

/** GOSPY_E_NOMEM, GOSPY_E_CANCELLED. What cannot be read tells nothing. */
enum gospy_code seeds_take(struct image *image, struct source *source, struct types *types,
			   struct gospy_error *err);

#endif
