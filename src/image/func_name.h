/* Function names as the runtime prints them. */
#ifndef GOSPY_IMAGE_FUNC_NAME_H
#define GOSPY_IMAGE_FUNC_NAME_H

#include "base/arena.h"

/**
 * The name with its type arguments replaced by "[...]", as funcNameForPrint of Go version 1.`minor`
 * does (src/runtime/traceback.go, Go 1.21+; up to 1.20 names are stored that way). Returns `name`
 * itself if there is nothing to replace, and NULL when memory runs out.
 */
const char *func_name_for_print(struct arena *arena, const char *name, int minor);

#endif
