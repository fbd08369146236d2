/*
 * Structs of a caller that was built with an older or a newer gospy.h than this library. Such a
 * struct only ever grows at its end, and its size comes with it. So both sides know what lies
 * within the smaller of the two sizes.
 */
#ifndef GOSPY_BASE_SIZED_H
#define GOSPY_BASE_SIZED_H

#include <stddef.h>

#include "base/error.h"

/**
 * Options: a struct that begins with its own size. `*own` becomes a copy of `given` as this library
 * knows it, with zeros where the caller knows less; of NULL, which stands for all defaults, zeros.
 * GOSPY_E_USAGE: a size that no such struct can have, or something is set that this library does
 * not know of. `function` is named in the message.
 */
enum gospy_code sized_read(void *own, size_t own_size, const void *given, const char *function,
			   struct gospy_error *err) __attribute__((warn_unused_result));

/** sized_read() of the public function that it is called in. `own` points at the copy. */
#define SIZED_READ(own, given, err) sized_read(own, sizeof(*(own)), given, __func__, err)

/** A result: as much of `own` as the caller knows of it. The rest of what the caller knows, which
 * is of a later library, becomes zero. */
void sized_write(void *ret, size_t ret_size, const void *own, size_t own_size);

#endif
