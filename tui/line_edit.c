#include "tui/line_edit.h"

#include <string.h>

#include "tui/keys.h"

enum {
	CTRL_A = 1,
	CTRL_B = 2,
	CTRL_D = 4,
	CTRL_E = 5,
	CTRL_F = 6,
	CTRL_H = 8,
	CTRL_K = 11,
	CTRL_U = 21,
	CTRL_W = 23
};

static bool continues(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static size_t before(const struct line_edit *line, size_t at)
{
	while (at && continues(line->text[--at]))
		;
	return at;
}

static size_t after(const struct line_edit *line, size_t at)
{
	if (at < line->len)
		at++;
	while (at < line->len && continues(line->text[at]))
		at++;
	return at;
}

/* Cut out [from, to), and stand there. */
static bool cut(struct line_edit *line, size_t from, size_t to)
{
	line->cursor = from;
	if (from == to)
		return false;
	memmove(line->text + from, line->text + to, line->len - to + 1);
	line->len -= to - from;
	return true;
}

/* UTF-8 of a character; its length. */
static size_t encode(int code, char bytes[4])
{
	if (code < 0x80) {
		bytes[0] = (char)code;
		return 1;
	}
	size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, code >>= 6)
		bytes[i] = (char)(0x80 | (code & 0x3f));
	bytes[0] = (char)((0xf00 >> n & 0xff) | code);
	return n;
}

static bool insert(struct line_edit *line, int code)
{
	char bytes[4];
	size_t n = encode(code, bytes);
	if (line->len + n >= sizeof(line->text))
		return false;
	memmove(line->text + line->cursor + n, line->text + line->cursor,
		line->len - line->cursor + 1);
	memcpy(line->text + line->cursor, bytes, n);
	line->len += n;
	line->cursor += n;
	return true;
}

static size_t word_before(const struct line_edit *line)
{
	size_t at = line->cursor;
	while (at && line->text[at - 1] == ' ')
		at--;
	while (at && line->text[at - 1] != ' ')
		at--;
	return at;
}

void line_edit_set(struct line_edit *line, const char *text)
{
	size_t len = strlen(text);
	if (len >= sizeof(line->text))
		len = 0;
	memcpy(line->text, text, len);
	line->text[len] = '\0';
	line->len = line->cursor = len;
}

bool line_edit_key(struct line_edit *line, int code)
{
	switch (code) {
	case KEY_ARROW_LEFT:
	case CTRL_B:
		line->cursor = before(line, line->cursor);
		return false;
	case KEY_ARROW_RIGHT:
	case CTRL_F:
		line->cursor = after(line, line->cursor);
		return false;
	case KEY_LINE_HOME:
	case CTRL_A:
		line->cursor = 0;
		return false;
	case KEY_LINE_END:
	case CTRL_E:
		line->cursor = line->len;
		return false;
	case KEY_ERASE:
	case CTRL_H:
		return cut(line, before(line, line->cursor), line->cursor);
	case KEY_REMOVE:
	case CTRL_D:
		return cut(line, line->cursor, after(line, line->cursor));
	case CTRL_U:
		return cut(line, 0, line->cursor);
	case CTRL_K:
		return cut(line, line->cursor, line->len);
	case CTRL_W:
		return cut(line, word_before(line), line->cursor);
	default:
		return code >= ' ' && code != 0x7f && code < KEY_SPECIAL && insert(line, code);
	}
}
