/* A run of bytes that somebody else owns. */
#ifndef GOSPY_BASE_SPAN_H
#define GOSPY_BASE_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *ptr;
	size_t len;
};

/** The part [off, off + len) of `s`, or an empty span if it does not lie within. */
static inline struct span span_sub(struct span s, uint64_t off, uint64_t len)
{
	if (!s.ptr || off > s.len || len > s.len - off)
		return (struct span){NULL, 0};
	return (struct span){s.ptr + off, (size_t)len};
}

#endif
