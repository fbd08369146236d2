#include "render/out.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "gospy.h"
#include "render/escape.h"

void out_init(struct out *out, int fd, bool color)
{
	out->fd = fd;
	out->color = color;
	out->error = 0;
	out->len = 0;
}

static void write_all(struct out *out, const char *s, size_t len)
{
	while (len && !out->error) {
		ssize_t n = write(out->fd, s, len);
		if (n >= 0) {
			s += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			// Whoever shares the terminal or pipe may have made it non-blocking.
			poll(&(struct pollfd){.fd = out->fd, .events = POLLOUT}, 1, -1);
		} else if (errno != EINTR) {
			out->error = errno;
		}
	}
}

bool out_flush(struct out *out)
{
	write_all(out, out->buf, out->len);
	out->len = 0;
	return !out->error;
}

void out_write_big(struct out *out, const char *s, size_t len)
{
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

void out_style(struct out *out, enum out_style style)
{
	// ECMA-48 SGR.
	static const char *const sequences[] = {
		[STYLE_NONE] = "\033[0m",  [STYLE_GREEN] = "\033[32m", [STYLE_YELLOW] = "\033[33m",
		[STYLE_BLUE] = "\033[34m", [STYLE_RED] = "\033[31m",   [STYLE_DIM] = "\033[2m",
	};
	if (out->color)
		out_puts(out, sequences[style]);
}
