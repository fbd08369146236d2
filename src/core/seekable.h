/*
 * A seekable zstd file (seek_table.h), read in place. A frame is unpacked when it is needed, and
 * kept for a while: SEEKABLE_SLOTS frames and SEEKABLE_BYTES in all. Several threads may read at
 * once. They do not wait for each other, unless two need the same frame at the same time.
 */
#ifndef GOSPY_CORE_SEEKABLE_H
#define GOSPY_CORE_SEEKABLE_H

#include <stdbool.h>

#include "base/error.h"

enum {
	SEEKABLE_SLOTS = 64,
	SEEKABLE_BYTES = 64 << 20,
};

struct seekable;

/** `*ret` NULL: the file, of that size, is not of this kind, or gospy is built without libzstd. The
 * descriptor is borrowed until the end. */
enum gospy_code seekable_open(int fd, uint64_t file_size, struct seekable **ret,
			      struct gospy_error *err) __attribute__((warn_unused_result));
/** NULL is allowed. */
void seekable_destroy(struct seekable *seekable);

/** Unpacked. */
uint64_t seekable_size(const struct seekable *seekable);
/** As many of the `len` bytes at `off` as there are. `*done_ret` is set with errors, too: so much
 * came before what is damaged (GOSPY_E_BAD_DATA). */
enum gospy_code seekable_read(struct seekable *seekable, uint64_t off, void *dst, size_t len,
			      size_t *done_ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
