/*
 * Inflating a zlib stream (RFC 1950) piece by piece. By ISA-L, which takes less than half of zlib's
 * time, or by zlib where gospy is built without it.
 */
#ifndef GOSPY_DWARF_INFLATE_H
#define GOSPY_DWARF_INFLATE_H

#include <stdbool.h>

#include "base/span.h"

struct inflater;

/** `in`, of less than 4 GiB, has to outlive the inflater. NULL: no memory is left. */
struct inflater *inflater_create(struct span in);
void inflater_destroy(struct inflater *inflater);

/** Write the next `len` bytes (less than 4 GiB) to `dst`, where what was written before must lie in
 * front of it, unchanged. Fewer are written, and their number returned, only if the stream ends
 * there or is broken. */
size_t inflater_run(struct inflater *inflater, uint8_t *dst, size_t len);
/** Whether the stream came to its end, and its checksum is right. */
bool inflater_ended(const struct inflater *inflater);

#endif
