/* Texts of the runtime, and what settings tell. */
#ifndef GOSPY_IMAGE_PROGRAM_TEXTS_H
#define GOSPY_IMAGE_PROGRAM_TEXTS_H

#include "image/program.h"

/** Find the texts of wait reasons, and where the settings of tracebacks are. */
enum gospy_code program_read_texts(struct program *program, struct gospy_error *err);
/** The Go string at `addr` in the image, of at most `max` bytes; a copy in its arena.
 * GOSPY_E_LIMIT, GOSPY_E_BAD_DATA. */
enum gospy_code program_read_string(struct program *program, uint64_t addr, size_t max,
				    const char **ret, struct gospy_error *err);

#endif
