#include "render/wrap.h"

#include <string.h>

#include "render/width.h"

/* Bytes of the colour sequence that the text begins with, or 0. */
static size_t sequence(const char *s, size_t len)
{
	const char *end = len > 1 && s[0] == '\033' && s[1] == '[' ? memchr(s, 'm', len) : NULL;
	return end ? (size_t)(end - s) + 1 : 0;
}

static int columns(const char *s, size_t len, bool utf8)
{
	int width = 0;
	while (len) {
		size_t skip = sequence(s, len);
		const char *next = skip ? NULL : memchr(s, '\033', len);
		size_t n = skip ? skip : next ? (size_t)(next - s) : len;
		if (!skip && !n)
			n = 1; // an escape that is no colour
		if (!skip)
			width += width_text(s, n, utf8);
		s += n;
		len -= n;
	}
	return width;
}

/* Where lines go on: below what follows the first gap, as long as that leaves half of the line. */
static int indent_of(const char *s, size_t len, int cols, bool utf8)
{
	enum { INDENT = 4 };
	size_t blanks = 0;
	while (blanks < len && s[blanks] == ' ')
		blanks++;
	const char *gap = memmem(s + blanks, len - blanks, "  ", 2);
	while (gap && gap < s + len && *gap == ' ')
		gap++;
	int below = gap ? columns(s, (size_t)(gap - s), utf8) : cols;
	int little = (int)blanks + INDENT;
	return below <= cols / 2 ? below : little <= cols / 2 ? little : 0;
}

/* The next word with the blanks before it; `*blanks_ret` of its bytes are these. */
static size_t next_word(const char *s, size_t len, size_t *blanks_ret)
{
	size_t n = 0;
	while (n < len && s[n] == ' ')
		n++;
	*blanks_ret = n;
	while (n < len && s[n] != ' ')
		n++;
	return n;
}

/*
 * A word that a line has room for only if it begins further to the left does so: a terminal that
 * breaks it goes on at the very left. One that no line has room for stays where it is.
 */
static void wrap_line(struct strbuf *ret, const char *s, size_t len, int cols, bool utf8)
{
	int indent = indent_of(s, len, cols, utf8), at = 0;
	while (len) {
		size_t blanks, n = next_word(s, len, &blanks);
		int width = columns(s, n, utf8), word = width - (int)blanks;
		if (at + width > cols && word <= cols && at > 0) {
			int left = indent + word <= cols ? indent : cols - word;
			strbuf_printf(ret, "\n%*s", left, "");
			strbuf_add(ret, s + blanks, n - blanks);
			at = left + word;
		} else {
			strbuf_add(ret, s, n);
			at = at + width > cols ? (at + width) % cols : at + width;
		}
		s += n;
		len -= n;
	}
}

void wrap_lines(struct strbuf *ret, const char *text, size_t len, int cols, bool utf8)
{
	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		if (columns(text, n, utf8) <= cols)
			strbuf_add(ret, text, n);
		else
			wrap_line(ret, text, n, cols, utf8);
		if (end)
			strbuf_putc(ret, '\n');
		n += end != NULL;
		text += n;
		len -= n;
	}
}
