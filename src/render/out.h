/* Buffered output to a descriptor, for text that comes by the hundred megabytes. */
#ifndef GOSPY_RENDER_OUT_H
#define GOSPY_RENDER_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	OUT_BUFFER = 64 << 10, /* what a pipe holds by default: one write fills it */
	OUT_RESERVE_MAX = 256, /* longest text that is built in place */
};

/** Large: static or on the heap. */
struct out {
	int fd;
	bool color; /* write colour sequences */
	int error;  /* errno of the first failure; everything after it is dropped */
	size_t len;
	char buf[OUT_BUFFER];
};

enum out_style { STYLE_NONE, STYLE_GREEN, STYLE_YELLOW, STYLE_BLUE, STYLE_RED, STYLE_DIM };

void out_init(struct out *out, int fd, bool color);
/** Write what is buffered; false: see `error`. */
bool out_flush(struct out *out);

/** Room for `n` <= OUT_RESERVE_MAX bytes; what is used of it is added with out_advance. */
static inline char *out_reserve(struct out *out, size_t n)
{
	if (OUT_BUFFER - out->len < n)
		out_flush(out);
	return out->buf + out->len;
}

static inline void out_advance(struct out *out, const char *end)
{
	out->len = (size_t)(end - out->buf);
}

static inline void out_putc(struct out *out, char c)
{
	*out_reserve(out, 1) = c;
	out->len++;
}

void out_write_big(struct out *out, const char *s, size_t len);

static inline void out_write(struct out *out, const char *s, size_t len)
{
	if (OUT_BUFFER - out->len < len) {
		out_write_big(out, s, len);
		return;
	}
	memcpy(out->buf + out->len, s, len);
	out->len += len;
}

/** Text of our own; text of a target goes through out_text. */
static inline void out_puts(struct out *out, const char *s)
{
	out_write(out, s, strlen(s));
}

/** Text of a target, without what must not reach a terminal: escape.h. */
void out_text_n(struct out *out, const char *s, size_t len);
static inline void out_text(struct out *out, const char *s)
{
	out_text_n(out, s, strlen(s));
}
void out_u64(struct out *out, uint64_t n);
/** As out_u64, or "?" for GOSPY_UNKNOWN. */
void out_count(struct out *out, uint64_t n);
/** "0x1f". */
void out_addr(struct out *out, uint64_t addr);
/** At most OUT_RESERVE_MAX bytes, for lines that are written once. */
void out_printf(struct out *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Switch the style, or back with STYLE_NONE; nothing without colour. */
void out_style(struct out *out, enum out_style style);

#endif
