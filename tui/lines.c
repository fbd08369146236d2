#include "tui/lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/escape.h"
#include "render/wrap.h"

static void add(struct lines *lines, enum style style, char *text)
{
	struct text_line line = {.text = text, .style = style};
	if (!text || !vec_push(&lines->at, line))
		abort();
}

static const char *copy(const char *s)
{
	char *text = s ? strdup(s) : NULL;
	if (s && !text)
		abort();
	return text;
}

void lines_call(struct lines *lines, enum style style, const char *before, const char *func,
		const char *args)
{
	lines_printf(lines, style, "%s%s%s", before ? before : "", func, args ? args : "");
	lines->at.at[lines->at.len - 1].name = (struct name){
		.kind = NAME_PLACE,
		.before = copy(before),
		.text = copy(func),
		.args = copy(args),
	};
}

static void free_text(const char *s)
{
	free((void *)(uintptr_t)s);
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

void lines_wrapped(struct lines *lines, enum style style, const char *text, int cols, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf one = {0}, all = {0};
	escape_add(&one, text);
	wrap_lines(&all, one.s ? one.s : "", one.len, cols, utf8);
	if (one.failed || all.failed)
		abort();
	char *rest = all.s;
	for (char *line; (line = strsep(&rest, "\n"));)
		lines_add(lines, style, line);
}

void lines_take(struct lines *lines, struct lines *from)
{
	for (size_t i = 0; i < from->at.len; i++) {
		if (!vec_push(&lines->at, from->at.at[i]))
			abort();
	}
	vec_free(&from->at);
	from->at.len = 0;
}

void lines_clear(struct lines *lines)
{
	for (size_t i = 0; i < lines->at.len; i++) {
		free(lines->at.at[i].text);
		free_text(lines->at.at[i].name.before);
		free_text(lines->at.at[i].name.text);
		free_text(lines->at.at[i].name.args);
	}
	lines->at.len = 0;
}

void lines_deinit(struct lines *lines)
{
	lines_clear(lines);
	vec_free(&lines->at);
}

void lines_cell(const struct lines *lines, size_t row, struct cell_value *value)
{
	const struct text_line *line = &lines->at.at[row];
	value->style = line->style;
	cell_name(value, line->style == STYLE_FILE ? NAME_PATH : NAME_TEXT, line->text);
	if (line->name.text)
		value->name = line->name;
}
