/* Lines of text with a style each, for views that are text. Files, which are in STYLE_FILE, and
 * calls are shortened as names are. */
#ifndef GOSPY_TUI_LINES_H
#define GOSPY_TUI_LINES_H

#include "base/vec.h"
#include "tui/view.h"

struct text_line {
	char *text;
	enum style style;
	struct name name; /* of a call: it is drawn instead, and owns .before, .text and .args */
};

/** All zero: none. */
struct lines {
	VEC(struct text_line) at;
};

/** Out of memory ends the program. */
void lines_add(struct lines *lines, enum style style, const char *text);
void lines_printf(struct lines *lines, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** Text of one line, which stands in as many as `cols` columns take: see wrap_lines(). */
void lines_wrapped(struct lines *lines, enum style style, const char *text, int cols, bool utf8);
/** A call, "created by main.f", "main.f(0x1)". Its strings are copied. */
void lines_call(struct lines *lines, enum style style, const char *before, const char *func,
		const char *args);
/** Move all of `from` behind them. */
void lines_take(struct lines *lines, struct lines *from);
void lines_clear(struct lines *lines);
void lines_deinit(struct lines *lines);
/** The cell of a view whose rows they are. */
void lines_cell(const struct lines *lines, size_t row, struct cell_value *value);

#endif
