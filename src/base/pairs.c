#include "base/pairs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_plain(unsigned char c)
{
	return c >= ' ' && c != 127 && c != '%';
}

void pairs_add(struct strbuf *text, const char *key, const char *value)
{
	strbuf_puts(text, key);
	strbuf_putc(text, ' ');
	for (const char *c = value; *c; c++) {
		if (is_plain((unsigned char)*c))
			strbuf_putc(text, *c);
		else
			strbuf_printf(text, "%%%02x", (unsigned char)*c);
	}
	strbuf_putc(text, '\n');
}

void pairs_addf(struct strbuf *text, const char *key, const char *fmt, ...)
{
	va_list args;
	char *value = NULL;
	va_start(args, fmt);
	if (vasprintf(&value, fmt, args) < 0)
		text->failed = true;
	else
		pairs_add(text, key, value);
	va_end(args);
	free(value);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place; what is no %XX stays. */
static void unescape(char *s)
{
	char *out = s;
	for (; *s; s++) {
		int high = *s == '%' ? hex_digit(s[1]) : -1;
		int low = high >= 0 ? hex_digit(s[2]) : -1;
		if (low >= 0 && (high || low)) {
			*out++ = (char)(high << 4 | low);
			s += 2;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

bool pairs_next(struct pairs *pairs, struct pair *ret)
{
	while (pairs->at < pairs->text.len) {
		const uint8_t *line = pairs->text.ptr + pairs->at;
		const size_t left = pairs->text.len - pairs->at;
		const uint8_t *end = memchr(line, '\n', left);
		size_t len = end ? (size_t)(end - line) : left;
		pairs->at += len + 1;
		const uint8_t *space = memchr(line, ' ', len);
		if (!space || space == line)
			continue;
		size_t key_len = (size_t)(space - line);
		char *key = arena_strndup(pairs->arena, line, key_len);
		char *value = arena_strndup(pairs->arena, space + 1, len - key_len - 1);
		pairs->failed = !key || !value;
		if (pairs->failed)
			return false;
		unescape(value);
		*ret = (struct pair){key, value};
		return true;
	}
	return false;
}

bool pair_u64(const char **at, uint64_t *ret)
{
	const char *s = *at + strspn(*at, " ");
	char *end;
	if (*s < '0' || *s > '9')
		return false;
	*ret = strtoull(s, &end, 0);
	*at = end;
	return true;
}

const char *pair_word(const char **at, struct arena *arena)
{
	const char *s = *at + strspn(*at, " ");
	size_t len = strcspn(s, " ");
	*at = s + len;
	return len ? arena_strndup(arena, s, len) : NULL;
}
