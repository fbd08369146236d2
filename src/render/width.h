/* Columns that text takes on a terminal. */
#ifndef GOSPY_RENDER_WIDTH_H
#define GOSPY_RENDER_WIDTH_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/** The character at the start of `*len` > 0 bytes of escaped text (escape.h), which are moved
 * behind it. Text that was cut in the middle of a character gives a question mark. */
wchar_t width_next(const char **s, size_t *len);
/** Columns of a character: 0, 1 or 2. What cannot be shown becomes a question mark: without `utf8`
 * all that is not ASCII, else what the locale does not know. */
int width_char(wchar_t *c, bool utf8);
/** Columns of escaped text. */
int width_text(const char *s, size_t len, bool utf8);

#endif
