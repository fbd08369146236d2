/* Parts of escaped text, from which names that fit are put together. */
#ifndef GOSPY_RENDER_PART_H
#define GOSPY_RENDER_PART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/** A part of escaped text (escape.h); borrowed. */
struct part {
	const char *s;
	size_t len;
};

/** What stands for something that is cut out: "…", or "~". */
const char *part_more(bool utf8);
/** All that is in the buffer, which must not change as long as the part is used. */
struct part part_whole(const struct strbuf *text);
/** Columns that it takes. */
int part_width(struct part part, bool utf8);
bool part_begins(struct part part, const char *s);
/** Cut off the first `len` bytes, at most .len. */
struct part part_cut(struct part *rest, size_t len);
/** Take the first off a list, "a, b, c", with the comma. */
struct part part_cut_item(struct part *list);
/** As much of the beginning, or of the end, as fits. */
struct part part_head(struct part part, int width, bool utf8);
struct part part_tail(struct part part, int width, bool utf8);
/** Append it. */
void part_add(struct strbuf *text, struct part part);
/** Append it, or its beginning and its end. */
void part_add_squeezed(struct strbuf *text, struct part part, int width, bool utf8);

#endif
