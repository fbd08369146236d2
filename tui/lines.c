#include "tui/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct lines *lines, enum style style, char *text)
{
	struct text_line line = {text, style};
	if (!text || !vec_push(&lines->at, line))
		abort();
}

void lines_add(struct lines *lines, enum style style, const char *text)
{
	add(lines, style, strdup(text));
}

void lines_printf(struct lines *lines, enum style style, const char *fmt, ...)
{
	char *text;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	add(lines, style, n < 0 ? NULL : text);
}

void lines_clear(struct lines *lines)
{
	for (size_t i = 0; i < lines->at.len; i++)
		free(lines->at.at[i].text);
	lines->at.len = 0;
}

void lines_deinit(struct lines *lines)
{
	lines_clear(lines);
	vec_free(&lines->at);
}

void lines_cell(const struct lines *lines, size_t row, struct cell_value *value)
{
	value->style = lines->at.at[row].style;
	value->end = value->style == LOOK_FILE;
	strbuf_puts(&value->text, lines->at.at[row].text);
}
