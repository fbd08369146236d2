/* Bounded little-endian reader over a span. The first underflow sets `failed`; from then on every
 * read gives 0 and the cursor stays where it is, so that a parser reads straight down and checks
 * once at the end. */
#ifndef GOSPY_BASE_CURSOR_H
#define GOSPY_BASE_CURSOR_H

#include <stdbool.h>

#include "base/span.h"

struct cursor {
	struct span span;
	size_t pos;
	bool failed;
};

static inline struct cursor cursor_at(struct span span, uint64_t pos)
{
	struct cursor c = {.span = span, .pos = (size_t)pos, .failed = pos > span.len};
	if (c.failed)
		c.pos = 0;
	return c;
}

/** Bytes left. */
static inline size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : c->span.len - c->pos;
}

/** The next `n` bytes, or NULL. */
const uint8_t *cursor_bytes(struct cursor *c, uint64_t n);
void cursor_skip(struct cursor *c, uint64_t n);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
/** LEB128; more than ten bytes, or bits beyond the 64th, are a failure. */
uint64_t cursor_uleb128(struct cursor *c);
/** The string up to the next NUL (the cursor moves behind it), or NULL. */
const char *cursor_cstr(struct cursor *c);

#endif
