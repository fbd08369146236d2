/* Files that gzip has compressed. */
#ifndef GOSPY_PROFILE_GUNZIP_H
#define GOSPY_PROFILE_GUNZIP_H

#include <stdbool.h>

#include "base/span.h"
#include "gospy.h"

/** Do they begin as those of gzip do? */
bool gunzip_is_wanted(struct span bytes);
/**
 * Unpack all members of the file to a block that the caller frees. GOSPY_E_LIMIT: it would be more
 * than `most` bytes; GOSPY_E_BAD_DATA: it is cut off, or a checksum is wrong, or something else
 * follows.
 */
enum gospy_code gunzip(struct span bytes, size_t most, uint8_t **ret, size_t *size_ret,
		       struct gospy_error *err) __attribute__((warn_unused_result));

#endif
