/* A line that is being typed, UTF-8. */
#ifndef GOSPY_TUI_LINE_EDIT_H
#define GOSPY_TUI_LINE_EDIT_H

#include <stdbool.h>
#include <stddef.h>

enum { LINE_EDIT_MAX = 256 /* bytes, longer than any sensible pattern */ };

/** All zero is empty. */
struct line_edit {
	char text[LINE_EDIT_MAX]; /* NUL-terminated, whole characters */
	size_t len, cursor;       /* bytes */
};

void line_edit_set(struct line_edit *line, const char *text);
/** Type a key (keys.h); true if the text has changed. Keys that mean nothing here are ignored:
 * Enter and Esc are for the caller. */
bool line_edit_key(struct line_edit *line, int code);

#endif
