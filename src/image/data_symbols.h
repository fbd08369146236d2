/* What variables of a program are called, as its symbol table has it. */
#ifndef GOSPY_IMAGE_DATA_SYMBOLS_H
#define GOSPY_IMAGE_DATA_SYMBOLS_H

#include "image/image.h"

struct data_symbol {
	uint64_t addr;    /* of the process: in a variable, perhaps */
	const char *name; /* out: of the variable; NULL: there is none, or it has no name */
	uint64_t off;     /* out: of the address in it */
};

/** Name those that are in the executable, if the runtime is in it, in one pass over its symbols;
 * `list` is in the order of addresses. Names go to `arena`. A file without symbols is no error.
 * GOSPY_E_NOMEM.
 */
enum gospy_code data_symbols_find(struct source *source, const struct image *image,
				  struct data_symbol *list, size_t n, struct arena *arena,
				  struct gospy_error *err);

#endif
