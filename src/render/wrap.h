/* Lines that are longer than a terminal is wide, broken between words. */
#ifndef GOSPY_RENDER_WRAP_H
#define GOSPY_RENDER_WRAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/**
 * Append the lines of `text`, none wider than `cols`. A word that is too long for any line is
 * broken behind a directory, a comma, or before a parenthesis, and only if it has none of these
 * anywhere. What goes on in a new line stands below what follows the first gap of two blanks, "Heap
 * 18.0 MB live", or is indented a little, and less before a word that needs the room. Colour
 * sequences take no columns.
 */
void wrap_lines(struct strbuf *ret, const char *text, size_t len, int cols, bool utf8);

#endif
