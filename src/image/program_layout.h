/* How a program has the runtime's structures laid out. */
#ifndef GOSPY_IMAGE_PROGRAM_LAYOUT_H
#define GOSPY_IMAGE_PROGRAM_LAYOUT_H

#include "image/program.h"

/** Find the layouts of structures. */
enum gospy_code program_find_layout(struct program *program, struct gospy_error *err);

#endif
