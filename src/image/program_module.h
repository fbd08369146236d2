/* The module that the runtime is in, and its version. */
#ifndef GOSPY_IMAGE_PROGRAM_MODULE_H
#define GOSPY_IMAGE_PROGRAM_MODULE_H

#include "image/program.h"

/** Find the module that the runtime is in, by its symbol, else by a search. GOSPY_E_NOT_FOUND. */
enum gospy_code program_find_module(struct program *program, struct gospy_error *err);
/** The Go version that the runtime itself states, else the build information.
 * GOSPY_E_UNSUPPORTED. */
enum gospy_code program_find_version(struct program *program, struct gospy_error *err);

#endif
