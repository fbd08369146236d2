/* The names of a program's variables, as far as its symbol table has them. */
#ifndef GOSPY_IMAGE_VARIABLES_H
#define GOSPY_IMAGE_VARIABLES_H

#include "base/arena.h"
#include "base/vec.h"
#include "image/image.h"

struct variable {
	uint64_t addr, size; /* in the process */
	const char *name;    /* raw text of the target */
};

struct variables {
	VEC(struct variable) all; /* by address */
	struct arena arena;
};

/** Those that can be written to. Without a symbol table there are none. GOSPY_E_NOMEM,
 * GOSPY_E_CANCELLED. */
enum gospy_code variables_read(struct image *image, struct source *source, struct variables *ret,
			       struct gospy_error *err);
/** The file that the program's symbols and DWARF are in, to be closed by elf_file_close(). */
enum gospy_code variables_open(struct image *image, struct source *source, struct elf_file *ret,
			       struct gospy_error *err);
void variables_deinit(struct variables *variables);
/** The variable that this is a part of, or NULL. */
const struct variable *variables_find(const struct variables *variables, uint64_t addr);

#endif
