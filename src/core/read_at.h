/* pread() until all is there. */
#ifndef GOSPY_CORE_READ_AT_H
#define GOSPY_CORE_READ_AT_H

#include "base/error.h"

/** As many of the `len` bytes at `off` as the file has. */
enum gospy_code read_at(int fd, uint64_t off, void *dst, size_t len, size_t *done_ret,
			struct gospy_error *err) __attribute__((warn_unused_result));

#endif
