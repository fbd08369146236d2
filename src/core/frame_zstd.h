/* Single frames of zstd, packed and unpacked as a whole. */
#ifndef GOSPY_CORE_FRAME_ZSTD_H
#define GOSPY_CORE_FRAME_ZSTD_H

#include <stdbool.h>

#include "base/error.h"

/** Is libzstd built in? All else fails without it. */
bool frame_available(void);

/* What unpacking needs besides its arguments, for one thread at a time. */
struct frame_unpacker;
/** NULL: no memory is left. */
struct frame_unpacker *frame_unpacker_create(void);
void frame_unpacker_destroy(struct frame_unpacker *unpacker);
/** Unpack what gives exactly `len` bytes. GOSPY_E_BAD_DATA: it does not, or its checksum differs.
 */
enum gospy_code frame_unpack(struct frame_unpacker *unpacker, const void *packed, size_t packed_len,
			     void *dst, size_t len, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
