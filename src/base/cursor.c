#include "base/cursor.h"

#include <string.h>

const uint8_t *cursor_bytes(struct cursor *c, uint64_t n)
{
	if (c->failed || n > c->span.len - c->pos) {
		c->failed = true;
		return NULL;
	}
	if (!c->span.ptr) // empty: nothing may be added to a null pointer, not even 0
		return NULL;
	const uint8_t *p = c->span.ptr + c->pos;
	c->pos += (size_t)n;
	return p;
}

void cursor_skip(struct cursor *c, uint64_t n)
{
	cursor_bytes(c, n);
}

#define DEFINE_LOAD(name, type)                                                                    \
	type name(struct cursor *c)                                                                \
	{                                                                                          \
		type value = 0;                                                                    \
		const uint8_t *p = cursor_bytes(c, sizeof(value));                                 \
		if (p)                                                                             \
			memcpy(&value, p, sizeof(value));                                          \
		return value;                                                                      \
	}

DEFINE_LOAD(cursor_u8, uint8_t)
DEFINE_LOAD(cursor_u16, uint16_t)
DEFINE_LOAD(cursor_u32, uint32_t)
DEFINE_LOAD(cursor_u64, uint64_t)

uint64_t cursor_uleb128(struct cursor *c)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t b = cursor_u8(c);
		if (c->failed)
			return 0;
		if (shift == 63 && (b & 0x7e))
			break;
		value |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return value;
	}
	c->failed = true;
	return 0;
}

const char *cursor_cstr(struct cursor *c)
{
	size_t left = cursor_left(c);
	const uint8_t *p = left ? c->span.ptr + c->pos : NULL;
	const uint8_t *end = left ? memchr(p, 0, left) : NULL;
	if (!end) {
		c->failed = true;
		return NULL;
	}
	c->pos += (size_t)(end - p) + 1;
	return (const char *)p;
}
