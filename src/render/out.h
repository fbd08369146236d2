/* Buffered output to a descriptor, for text that comes by the hundred megabytes. */
#ifndef GOSPY_RENDER_OUT_H
#define GOSPY_RENDER_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "render/term.h"

enum {
	OUT_BUFFER = 64 << 10, /* what a pipe holds by default: one write fills it */
	OUT_RESERVE_MAX = 256, /* longest text that is built in place */
};

/** Large: static or on the heap. */
struct out {
	int fd;
	bool color;            /* write colour sequences */
	enum term_theme theme; /* which ones; never TERM_THEME_AUTO */
	int error;             /* errno of the first failure; everything after it is dropped */
	int rows, cols;        /* of the terminal that it goes to; 0: to none */
	bool utf8;             /* that terminal shows more than ASCII */
	/* Called once, before anything is written, with what there is in `buf`; it may change `fd`.
	 * `more`: at once there is more than that, and `buf` may be empty. NULL: nothing is. */
	void (*begin)(struct out *out, void *ctx, bool more);
	void *begin_ctx;
	uint64_t written; /* bytes that have left `buf` */
	unsigned flushes; /* how many times `buf` has become empty */
	size_t len;
	char buf[OUT_BUFFER];
};

enum out_style {
	OUT_NONE,
	OUT_GOOD,    /* runs, is well */
	OUT_WARN,    /* to be looked at */
	OUT_BAD,     /* failed, inexact */
	OUT_SYSCALL, /* in a system call */
	OUT_DIM,     /* of less interest */
	OUT_STRONG,  /* stands out, whatever the colours are */
	OUT_STYLES,
};

void out_init(struct out *out, int fd, bool color);
/** What a writer is tried out on before it writes to `out`: all that goes to a terminal like that
 * one stays in `buf`, and more than fits there is an error. free() it; NULL: out of memory. */
struct out *out_draft(const struct out *out);
/** Would it fit the screen, with a line for the prompt? */
bool out_fits_screen(const struct out *out);
/** Write what is buffered; false: see `error`. */
bool out_flush(struct out *out);

/** Room for `n` <= OUT_RESERVE_MAX bytes; out_advance adds what the caller has used of it. */
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
/** Columns that the line takes that is being written; a terminal's, so colours take none. */
int out_column(const struct out *out);
/** A place in the text, for out_wrap. On a terminal there is half of the buffer behind it. */
struct out_mark {
	size_t len;
	unsigned flushes;
};
struct out_mark out_mark(struct out *out);
/** On a terminal, break the lines since the mark, which stands where one begins, between words:
 * wrap.h. Text of more than half of OUT_BUFFER may be left as it is. */
void out_wrap(struct out *out, struct out_mark mark);
/** Switch the style, or back with OUT_NONE; nothing without colour. A style may look like plain
 * text: nothing is told by it alone. */
void out_style(struct out *out, enum out_style style);
/** The sequence of a style; "": none. `greys`: the terminal has them (term_has_greys). */
const char *out_sequence(enum term_theme theme, enum out_style style, bool greys);

#endif
