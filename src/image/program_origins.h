/* Whose code the functions of a program are. */
#ifndef GOSPY_IMAGE_PROGRAM_ORIGINS_H
#define GOSPY_IMAGE_PROGRAM_ORIGINS_H

#include "image/program.h"
#include "target/source.h"

/** Find what tells it. What is not found is left empty: that is no error. */
enum gospy_code program_find_origins(struct program *program, struct source *source,
				     struct gospy_error *err);

#endif
