/* Decompressing zstd (RFC 8878) piece by piece, as inflate.h does zlib's streams: what C compilers
 * and objcopy may make of debug information. */
#ifndef GOSPY_DWARF_UNZSTD_H
#define GOSPY_DWARF_UNZSTD_H

#include "dwarf/inflate.h"

/* What a stream may make the decoder keep, as a power of 2. Compilers and objcopy write 21 (level 3
 * of zstd), 23 at most; the format would allow for gigabytes. */
enum { UNZSTD_WINDOW_LOG_MAX = 24 };

struct unzstd;

/** Is it built in? */
bool unzstd_available(void);
/** NULL: no memory is left, or it is not built in. `ctx` has to outlive it. */
struct unzstd *unzstd_create(inflate_read_fn read, void *ctx);
void unzstd_destroy(struct unzstd *unzstd);

/** Write the next `len` bytes to `dst`. Returns their number, which is less than `len` only if the
 * stream ends there or is broken. */
size_t unzstd_run(struct unzstd *unzstd, uint8_t *dst, size_t len);
/** Whether the stream came to its end. */
bool unzstd_ended(struct unzstd *unzstd);
/** Whether nothing more is written because the stream asks for a larger window. */
bool unzstd_too_large(const struct unzstd *unzstd);

#endif
