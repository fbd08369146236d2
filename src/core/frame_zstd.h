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
/** Unpack what gives exactly `len` bytes. GOSPY_E_BAD_DATA: it does not, or has a checksum
 * that differs. */
enum gospy_code frame_unpack(struct frame_unpacker *unpacker, const void *packed, size_t packed_len,
			     void *dst, size_t len, struct gospy_error *err)
	__attribute__((warn_unused_result));

/* The same for packing. */
struct frame_packer;
/** NULL: no memory is left. */
struct frame_packer *frame_packer_create(void);
void frame_packer_destroy(struct frame_packer *packer);
/** How many bytes `len` bytes become at most. */
size_t frame_bound(size_t len);
enum frame_effort {
	FRAME_SMALL,
	/* A fifth less time to pack and to unpack, and 8 % more bytes, of stacks and g's. */
	FRAME_QUICK,
};
/** Pack into `cap` bytes: frame_bound() of them are enough. There is no checksum of what was
 * packed: to make it, and to prove it, would take a third of the time. See seek_check(). */
enum gospy_code frame_pack(struct frame_packer *packer, enum frame_effort effort, const void *bytes,
			   size_t len, void *dst, size_t cap, size_t *len_ret,
			   struct gospy_error *err) __attribute__((warn_unused_result));

#endif
