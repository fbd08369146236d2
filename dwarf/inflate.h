/*
 * Inflating a zlib stream (RFC 1950) piece by piece. ISA-L does it in less than half of zlib's
 * time; zlib does it where gospy is built without ISA-L.
 */
#ifndef GOSPY_DWARF_INFLATE_H
#define GOSPY_DWARF_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Reads the next bytes of the stream, `len` at most. Returns their number; 0 at its end. */
typedef size_t (*inflate_read_fn)(void *ctx, void *dst, size_t len);

enum { INFLATE_INPUT = 32 << 10 /* read at a time */ };

struct inflater;

/** NULL: no memory is left. `ctx` has to outlive the inflater. */
struct inflater *inflater_create(inflate_read_fn read, void *ctx);
void inflater_destroy(struct inflater *inflater);

/** Write the next `len` bytes (less than 4 GiB) to `dst`. What was written before must lie in front
 * of `dst`, unchanged. Returns their number, which is less than `len` only if the stream ends there
 * or is broken. */
size_t inflater_run(struct inflater *inflater, uint8_t *dst, size_t len);
/** Whether the stream came to its end, and its checksum is right. */
bool inflater_ended(const struct inflater *inflater);

#endif
