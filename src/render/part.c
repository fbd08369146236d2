#include "render/part.h"

#include <string.h>
#include <wchar.h>

#include "render/width.h"

const char *part_more(bool utf8)
{
	return utf8 ? "\xe2\x80\xa6" : "~";
}

struct part part_whole(const struct strbuf *text)
{
	return (struct part){text->s ? text->s : "", text->len};
}

int part_width(struct part part, bool utf8)
{
	return width_text(part.s, part.len, utf8);
}

bool part_begins(struct part part, const char *s)
{
	size_t len = strlen(s);
	return part.len >= len && memcmp(part.s, s, len) == 0;
}

struct part part_cut(struct part *rest, size_t len)
{
	struct part first = {rest->s, len};
	rest->s += len;
	rest->len -= len;
	return first;
}

struct part part_cut_item(struct part *list)
{
	static const char between[] = ", ";
	const char *end = memmem(list->s, list->len, between, strlen(between));
	struct part item = part_cut(list, end ? (size_t)(end - list->s) : list->len);
	if (end)
		part_cut(list, strlen(between));
	return item;
}

struct part part_head(struct part part, int width, bool utf8)
{
	struct part rest = part;
	while (rest.len) {
		const char *before = rest.s;
		wchar_t c = width_next(&rest.s, &rest.len);
		width -= width_char(&c, utf8);
		if (width < 0)
			return (struct part){part.s, (size_t)(before - part.s)};
	}
	return part;
}

struct part part_tail(struct part part, int width, bool utf8)
{
	int left = part_width(part, utf8);
	while (part.len && left > width) {
		wchar_t c = width_next(&part.s, &part.len);
		left -= width_char(&c, utf8);
	}
	return part;
}

void part_add(struct strbuf *text, struct part part)
{
	if (part.len)
		strbuf_add(text, part.s, part.len);
}

void part_add_squeezed(struct strbuf *text, struct part part, int width, bool utf8)
{
	if (part_width(part, utf8) <= width) {
		part_add(text, part);
	} else if (width > 0) {
		part_add(text, part_head(part, width / 2, utf8));
		strbuf_puts(text, part_more(utf8));
		part_add(text, part_tail(part, (width - 1) / 2, utf8));
	}
}
