/* What a place in a value is called, by the descriptors of its type. */
#ifndef GOSPY_HEAP_GOFIELDS_H
#define GOSPY_HEAP_GOFIELDS_H

#include "base/strbuf.h"
#include "heap/gotypes.h"

/** Add where byte `off` of an object of that type is: ".mu", "[3].next", ".conns[2]+0x8". What is
 * inside a lock, or another type of package sync, is not told apart: it ends there. Nothing is
 * added if it is not known. */
void gofields_place(struct strbuf *b, struct gotypes *types, uint16_t number, uint64_t off);

/** A part of a value that is not made of others. `field`: as gofields_place() calls it. What is
 * passed is valid during the call. False: end it. */
typedef bool gofields_fn(void *ctx, const char *field, const char *type, const char *value);

/** Each part of an object of that type, of whose `slot` bytes the first `len` are here; the bytes
 * of strings are read. What its descriptors say may be wrong: a part whose size is not that of its
 * kind is left out, and of what is made of itself not all is told; then `*more_ret` is set.
 * GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code gofields_each(struct gotypes *types, uint16_t number, const uint8_t *bytes,
			      uint64_t len, uint64_t slot, gofields_fn *fn, void *ctx,
			      bool *more_ret, struct gospy_error *err);

#endif
