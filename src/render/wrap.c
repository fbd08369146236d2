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

/* How much of a long word goes to this line: up to a place where it may be broken, such as behind a
 * directory or before the arguments of a call. 0: it has no such place that fits. */
static size_t break_word(const char *s, size_t len, int room, bool utf8)
{
	size_t good = 0, poor = 0;
	for (size_t i = 0; i < len;) {
		size_t skip = sequence(s + i, len - i);
		if (skip) {
			i += skip;
			continue;
		}
		const char *next = s + i;
		size_t left = len - i;
		if (i && s[i] == '(' && s[i - 1] != '.')
			good = i;
		if (i && s[i] == '.')
			poor = i;
		wchar_t c = width_next(&next, &left);
		room -= width_char(&c, utf8);
		if (room < 0)
			break;
		if (strchr("/,", s[i]))
			good = len - left;
		else if (strchr("=:", s[i]))
			poor = len - left;
		i = len - left;
	}
	return good ? good : poor;
}

/* A line that is being put together. */
struct line {
	struct strbuf *ret;
	int cols, indent, at;
	bool utf8;
	const char *style; /* the sequence that is in force */
	size_t style_len;  /* 0: none is */
};

static void add_part(struct line *line, const char *s, size_t len)
{
	strbuf_add(line->ret, s, len);
	line->at += columns(s, len, line->utf8);
	for (const char *end = s + len; s < end && (s = memchr(s, '\033', (size_t)(end - s)));
	     s++) {
		size_t n = sequence(s, (size_t)(end - s));
		if (!n)
			continue;
		line->style = s;
		line->style_len = n <= strlen("\033[0m") && !strchr("123456789", s[2]) ? 0 : n;
	}
}

/* Begin another line for `width` more columns: further to the left if they need the room. No style
 * goes on in it by itself: a pager shows each line alone. */
static void break_line(struct line *line, int width)
{
	int room = line->cols - line->indent;
	line->at = width <= room || width > line->cols ? line->indent : line->cols - width;
	strbuf_puts(line->ret, line->style_len ? "\033[0m" : "");
	strbuf_printf(line->ret, "\n%*s", line->at, "");
	strbuf_add(line->ret, line->style, line->style_len);
}

/* What has to have room in the next line of a long word: all of it, or up to where it is broken. */
static int next_width(const struct line *line, const char *s, size_t len)
{
	int width = columns(s, len, line->utf8);
	if (width <= line->cols || break_word(s, len, line->cols - line->indent, line->utf8))
		return width;
	size_t n = break_word(s, len, line->cols, line->utf8);
	return n ? columns(s, n, line->utf8) : width;
}

/* One that no line has room for. Where it has no place to be broken the terminal does it. */
static void add_long(struct line *line, const char *s, size_t len)
{
	for (int width; (width = columns(s, len, line->utf8)) > line->cols - line->at;) {
		size_t n = break_word(s, len, line->cols - line->at, line->utf8);
		if (!n && line->at <= line->indent)
			break;
		add_part(line, s, n);
		s += n;
		len -= n;
		break_line(line, next_width(line, s, len));
	}
	add_part(line, s, len);
	if (line->at > line->cols)
		line->at %= line->cols;
}

/*
 * A word that a line has room for only if it begins further to the left does so: a terminal that
 * breaks it goes on at the very left.
 */
static void wrap_line(struct strbuf *ret, const char *s, size_t len, int cols, bool utf8)
{
	struct line line = {.style = "",
			    .ret = ret,
			    .cols = cols,
			    .indent = indent_of(s, len, cols, utf8),
			    .utf8 = utf8};
	while (len) {
		size_t blanks, n = next_word(s, len, &blanks);
		int width = columns(s, n, utf8), word = width - (int)blanks;
		if (line.at + width <= cols) {
			add_part(&line, s, n);
		} else if (word <= cols && line.at > 0) {
			break_line(&line, word);
			add_part(&line, s + blanks, n - blanks);
		} else {
			int room = cols - line.at - (int)blanks;
			if (line.at == 0 || break_word(s + blanks, n - blanks, room, utf8))
				add_part(&line, s, blanks);
			else
				break_line(&line, next_width(&line, s + blanks, n - blanks));
			add_long(&line, s + blanks, n - blanks);
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
