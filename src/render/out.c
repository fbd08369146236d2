#include "render/out.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "gospy.h"
#include "render/escape.h"
#include "render/width.h"
#include "render/wrap.h"

void out_init(struct out *out, int fd, bool color)
{
	out->fd = fd;
	out->color = color;
	out->theme = TERM_THEME_ANY;
	out->error = 0;
	out->rows = out->cols = 0;
	out->utf8 = false;
	out->begin = NULL;
	out->written = 0;
	out->flushes = 0;
	out->len = 0;
}

static void overflow(struct out *draft, void *ctx, bool more)
{
	(void)ctx;
	(void)more;
	draft->error = EFBIG;
}

struct out *out_draft(const struct out *out)
{
	struct out *draft = malloc(sizeof(*draft));
	if (!draft)
		return NULL;
	out_init(draft, -1, out->color);
	draft->theme = out->theme;
	draft->rows = out->rows;
	draft->cols = out->cols;
	draft->utf8 = out->utf8;
	draft->begin = overflow;
	return draft;
}

bool out_fits_screen(const struct out *out)
{
	return !out->error && term_lines(out->buf, out->len, (size_t)out->cols) < (size_t)out->rows;
}

static void write_all(struct out *out, const char *s, size_t len)
{
	while (len && !out->error) {
		ssize_t n = write(out->fd, s, len);
		if (n >= 0) {
			s += n;
			len -= (size_t)n;
			out->written += (uint64_t)n;
		} else if (errno == EAGAIN) {
			// A program that shares the terminal or pipe may have made it non-blocking.
			poll(&(struct pollfd){.fd = out->fd, .events = POLLOUT}, 1, -1);
		} else if (errno != EINTR) {
			out->error = errno;
		}
	}
}

static void begin(struct out *out, bool more)
{
	void (*call)(struct out *, void *, bool) = out->begin;
	out->begin = NULL;
	if (call)
		call(out, out->begin_ctx, more);
}

bool out_flush(struct out *out)
{
	if (out->len)
		begin(out, false);
	write_all(out, out->buf, out->len);
	out->flushes++;
	out->len = 0;
	return !out->error;
}

void out_write_big(struct out *out, const char *s, size_t len)
{
	begin(out, true);
	out_flush(out);
	if (len >= OUT_BUFFER)
		write_all(out, s, len);
	else
		out_write(out, s, len);
}

void out_text_n(struct out *out, const char *s, size_t len)
{
	while (len) {
		struct escape_step step = escape_next(s, len, ESCAPE_TEXT);
		out_write(out, s, step.clean);
		s += step.clean;
		for (unsigned i = 0; i < step.unfit; i++)
			out_advance(out, escape_byte(out_reserve(out, 4), *s++));
		len -= step.clean + step.unfit;
	}
}

static const char hex_digits[] = "0123456789abcdef";

void out_u64(struct out *out, uint64_t n)
{
	char digits[20];
	char *p = digits + sizeof(digits);
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	out_write(out, p, (size_t)(digits + sizeof(digits) - p));
}

void out_count(struct out *out, uint64_t n)
{
	if (n == GOSPY_UNKNOWN)
		out_putc(out, '?');
	else
		out_u64(out, n);
}

void out_addr(struct out *out, uint64_t addr)
{
	char digits[18];
	char *p = digits + sizeof(digits);
	do {
		*--p = hex_digits[addr & 15];
		addr >>= 4;
	} while (addr);
	*--p = 'x';
	*--p = '0';
	out_write(out, p, (size_t)(digits + sizeof(digits) - p));
}

int out_column(const struct out *out)
{
	const char *line = memrchr(out->buf, '\n', out->len);
	const char *s = line ? line + 1 : out->buf, *end = out->buf + out->len;
	int columns = 0;
	while (s < end) {
		const char *style = memchr(s, '\033', (size_t)(end - s));
		columns += width_text(s, (size_t)((style ? style : end) - s), out->utf8);
		const char *style_end = style ? memchr(style, 'm', (size_t)(end - style)) : NULL;
		s = style_end ? style_end + 1 : end;
	}
	return columns;
}

struct out_mark out_mark(struct out *out)
{
	// Else the text that the mark is for would often not be there as a whole any more.
	if (out->cols && out->fd >= 0 && out->len > OUT_BUFFER / 2) {
		begin(out, true);
		out_flush(out);
	}
	return (struct out_mark){out->len, out->flushes};
}

void out_wrap(struct out *out, struct out_mark mark)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	if (!out->cols || out->flushes != mark.flushes || out->len - mark.len <= (size_t)out->cols)
		return;
	wrap_lines(&text, out->buf + mark.len, out->len - mark.len, out->cols, out->utf8);
	if (text.failed) {
		out->error = ENOMEM;
		return;
	}
	out->len = mark.len;
	out_write(out, text.s ? text.s : "", text.len);
}

void out_printf(struct out *out, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *p = out_reserve(out, OUT_RESERVE_MAX);
	int n = vsnprintf(p, OUT_RESERVE_MAX, fmt, ap);
	va_end(ap);
	if (n > 0)
		out->len += n < OUT_RESERVE_MAX ? (size_t)n : OUT_RESERVE_MAX - 1;
}

const char *out_sequence(enum term_theme theme, enum out_style style, bool greys)
{
	// ECMA-48 SGR. Bold yellow, because the yellow of VGA is brown.
	static const char *const sequences[TERM_THEMES][OUT_STYLES] = {
		[TERM_THEME_ANY] = {[OUT_GOOD] = "\033[1m",
				    [OUT_WARN] = "\033[1m",
				    [OUT_BAD] = "\033[1;37;41m",
				    [OUT_SYSCALL] = "\033[1m"},
		[TERM_THEME_DARK] = {[OUT_GOOD] = "\033[32m",
				     [OUT_WARN] = "\033[1;33m",
				     [OUT_BAD] = "\033[1;37;41m",
				     [OUT_SYSCALL] = "\033[36m",
				     [OUT_DIM] = "\033[38;5;246m"},
		[TERM_THEME_LIGHT] = {[OUT_GOOD] = "\033[34m",
				      [OUT_WARN] = "\033[31m",
				      [OUT_BAD] = "\033[1;37;41m",
				      [OUT_SYSCALL] = "\033[34m",
				      [OUT_DIM] = "\033[38;5;240m"},
		[TERM_THEME_PLAIN] = {[OUT_GOOD] = "\033[1m",
				      [OUT_WARN] = "\033[1m",
				      [OUT_BAD] = "\033[1m",
				      [OUT_SYSCALL] = "\033[1m"},
	};
	_Static_assert(TERM_GREY_DARK == 246 && TERM_GREY_LIGHT == 240, "as in the sequences");
	if (style == OUT_NONE)
		return "\033[0m";
	if (style == OUT_STRONG)
		return "\033[1m";
	const char *sequence = style == OUT_DIM && !greys ? NULL : sequences[theme][style];
	return sequence ? sequence : "";
}

void out_style(struct out *out, enum out_style style)
{
	if (out->color)
		out_puts(out, out_sequence(out->theme, style, term_has_greys()));
}
