/*
 * What the screen is to show, cell by cell. Everything draws on a canvas. So one place escapes what
 * is not fit for a terminal, and what is shown can be tested and saved as text.
 */
#ifndef GOSPY_TUI_CANVAS_H
#define GOSPY_TUI_CANVAS_H

#include <wchar.h>

#include "base/strbuf.h"
#include "tui/theme.h"

enum {
	CELL_CHARS = 3, /* a character and what combines with it */
	/* More than any terminal has; what a size is cut down to. */
	CANVAS_ROWS_MAX = 1000,
	CANVAS_COLS_MAX = 1000,
};

struct cell {
	wchar_t chars[CELL_CHARS]; /* zero-padded; all zero: covered by the wide one before it */
	enum style style;
};

struct canvas {
	int rows, cols;
	struct cell *cells; /* row by row */
	bool utf8;          /* characters beyond ASCII may be drawn */
	const struct glyphs *glyphs;
};

/** All zero but .utf8 is an empty canvas. Sets the size, and clears. Out of memory ends the
 * program. */
void canvas_resize(struct canvas *canvas, int rows, int cols);
void canvas_clear(struct canvas *canvas);
void canvas_deinit(struct canvas *canvas);

/** Columns that a text takes on this canvas; `len` bytes. */
int canvas_width(const struct canvas *canvas, const char *s, size_t len);

/**
 * Draw UTF-8 text, of a target as well, in at most `width` columns; what does not fit is cut off,
 * and the last column says so; names are shortened before (render/name.h). Outside of the canvas
 * nothing is drawn. Returns the columns drawn.
 */
int canvas_text(struct canvas *canvas, int y, int x, int width, enum style style, const char *s);
/** As canvas_text, at the right of `width` columns. */
void canvas_text_right(struct canvas *canvas, int y, int x, int width, enum style style,
		       const char *s);
int canvas_printf(struct canvas *canvas, int y, int x, int width, enum style style, const char *fmt,
		  ...) __attribute__((format(printf, 6, 7)));
/** Give `width` cells a style; the characters stay. */
void canvas_style(struct canvas *canvas, int y, int x, int width, enum style style);
/** Fill `width` cells with spaces. */
void canvas_blank(struct canvas *canvas, int y, int x, int width, enum style style);
/** A bar of `width` columns, `share` (0 to 1) of it full. */
void canvas_bar(struct canvas *canvas, int y, int x, int width, double share, enum style style);
/** A column for each value; negative ones are blank. From `low` to `high`, in `height` rows that
 * end with row `y`. */
void canvas_plot(struct canvas *canvas, int y, int x, int height, const double *values, int n,
		 double low, double high, enum style style);

/** All rows as UTF-8 text, without spaces at their ends. */
void canvas_dump(const struct canvas *canvas, struct strbuf *text);

#endif
