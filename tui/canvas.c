#include "tui/canvas.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/escape.h"
#include "render/width.h"

void canvas_resize(struct canvas *canvas, int rows, int cols)
{
	canvas->rows = rows < 1 ? 1 : rows > CANVAS_ROWS_MAX ? CANVAS_ROWS_MAX : rows;
	canvas->cols = cols < 1 ? 1 : cols > CANVAS_COLS_MAX ? CANVAS_COLS_MAX : cols;
	canvas->glyphs = theme_glyphs(canvas->utf8);
	free(canvas->cells);
	canvas->cells = calloc((size_t)canvas->rows * (size_t)canvas->cols, sizeof(*canvas->cells));
	if (!canvas->cells)
		abort();
	canvas_clear(canvas);
}

void canvas_clear(struct canvas *canvas)
{
	for (int y = 0; y < canvas->rows; y++)
		canvas_blank(canvas, y, 0, canvas->cols, STYLE_NORMAL);
}

void canvas_deinit(struct canvas *canvas)
{
	free(canvas->cells);
	canvas->cells = NULL;
}

static struct cell *cell_at(const struct canvas *canvas, int y, int x)
{
	if (y < 0 || y >= canvas->rows || x < 0 || x >= canvas->cols)
		return NULL;
	return &canvas->cells[y * canvas->cols + x];
}

static void clear_cell(struct canvas *canvas, int y, int x)
{
	struct cell *cell = cell_at(canvas, y, x);
	if (cell)
		memset(cell->chars, 0, sizeof(cell->chars));
	if (cell)
		cell->chars[0] = L' ';
}

/* When one half of a wide character is overwritten, the other half must not stay. */
static struct cell *free_cell(struct canvas *canvas, int y, int x)
{
	struct cell *cell = cell_at(canvas, y, x);
	if (!cell)
		return NULL;
	const struct cell *next = cell_at(canvas, y, x + 1);
	if (!cell->chars[0])
		clear_cell(canvas, y, x - 1);
	if (next && !next->chars[0])
		clear_cell(canvas, y, x + 1);
	clear_cell(canvas, y, x);
	return cell;
}

int canvas_width(const struct canvas *canvas, const char *s, size_t len)
{
	CLEANUP(strbuf_deinit) struct strbuf clean = {0};
	char *copy = strndup(s, len);
	if (copy)
		escape_add(&clean, copy);
	free(copy);
	return width_text(clean.s ? clean.s : "", clean.len, canvas->utf8);
}

static void combine(struct canvas *canvas, int y, int x, wchar_t c)
{
	struct cell *cell = cell_at(canvas, y, x);
	if (cell && !cell->chars[0])
		cell = cell_at(canvas, y, x - 1);
	for (int i = 1; cell && cell->chars[0] && i < CELL_CHARS; i++) {
		if (!cell->chars[i]) {
			cell->chars[i] = c;
			return;
		}
	}
}

static void put_char(struct canvas *canvas, int y, int x, enum style style, wchar_t c, int width)
{
	struct cell *cell = free_cell(canvas, y, x);
	if (!cell)
		return;
	cell->style = style;
	if (width == 1) {
		cell->chars[0] = c;
		return;
	}
	struct cell *covered = free_cell(canvas, y, x + 1);
	if (!covered)
		return; // half of it would be outside
	cell->chars[0] = c;
	covered->chars[0] = 0;
	covered->style = style;
}

/* Draw as much as fits. */
static int draw_clean(struct canvas *canvas, int y, int x, int width, enum style style,
		      const char *s, size_t len)
{
	int used = 0;
	while (len) {
		wchar_t c = width_next(&s, &len);
		int columns = width_char(&c, canvas->utf8);
		if (used + columns > width)
			break;
		if (columns)
			put_char(canvas, y, x + used, style, c, columns);
		else if (used)
			combine(canvas, y, x + used - 1, c);
		used += columns;
	}
	return used;
}

static bool is_printable_ascii(const char *s)
{
	for (; *s; s++) {
		if (*s < 0x20 || *s > 0x7e)
			return false;
	}
	return true;
}

int canvas_text(struct canvas *canvas, int y, int x, int width, enum style style, const char *s)
{
	CLEANUP(strbuf_deinit) struct strbuf clean = {0};
	if (width > canvas->cols - x)
		width = canvas->cols - x;
	if (width <= 0 || y < 0 || y >= canvas->rows)
		return 0;
	size_t len = strlen(s);
	if (!is_printable_ascii(s)) {
		escape_add(&clean, s);
		s = clean.s ? clean.s : "";
		len = clean.len;
	}
	if (width_text(s, len, canvas->utf8) <= width)
		return draw_clean(canvas, y, x, width, style, s, len);
	int used = draw_clean(canvas, y, x, width - 1, style, s, len);
	const char *more = canvas->glyphs->more;
	return used + draw_clean(canvas, y, x + used, 1, style, more, strlen(more));
}

void canvas_text_right(struct canvas *canvas, int y, int x, int width, enum style style,
		       const char *s)
{
	int columns = canvas_width(canvas, s, strlen(s));
	int indent = columns < width ? width - columns : 0;
	canvas_text(canvas, y, x + indent, width - indent, style, s);
}

int canvas_printf(struct canvas *canvas, int y, int x, int width, enum style style, const char *fmt,
		  ...)
{
	CLEANUP_FREE char *text = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return 0;
	}
	return canvas_text(canvas, y, x, width, style, text);
}

void canvas_style(struct canvas *canvas, int y, int x, int width, enum style style)
{
	for (int i = 0; i < width; i++) {
		struct cell *cell = cell_at(canvas, y, x + i);
		if (cell)
			cell->style = style;
	}
}

void canvas_blank(struct canvas *canvas, int y, int x, int width, enum style style)
{
	for (int i = 0; i < width; i++) {
		struct cell *cell = free_cell(canvas, y, x + i);
		if (cell)
			cell->style = style;
	}
}

void canvas_bar(struct canvas *canvas, int y, int x, int width, double share, enum style style)
{
	if (!(share > 0))
		share = 0;
	if (share > 1)
		share = 1;
	int eighths = (int)(share * width * GLYPH_LEVELS + 0.5);
	for (int i = 0; i < width; i++, eighths -= GLYPH_LEVELS) {
		int level = eighths < GLYPH_LEVELS ? eighths : GLYPH_LEVELS;
		canvas_text(canvas, y, x + i, 1, level > 0 ? style : STYLE_DIM,
			    level > 0 ? canvas->glyphs->fill[level - 1] : canvas->glyphs->empty);
	}
}

/* Eighths of a row that stand for a value: 1 for the lowest. */
static int plot_eighths(double value, double low, double high, int height)
{
	int top = height * GLYPH_LEVELS;
	double share = high > low ? (value - low) / (high - low) : 0;
	int eighths = 1 + (int)((top - 1) * (share < 0 ? 0 : share > 1 ? 1 : share) + 0.5);
	return eighths > top ? top : eighths;
}

void canvas_plot(struct canvas *canvas, int y, int x, int height, const double *values, int n,
		 double low, double high, enum style style)
{
	for (int i = 0; i < n; i++) {
		if (!(values[i] >= 0))
			continue;
		int eighths = plot_eighths(values[i], low, high, height);
		for (int row = y; eighths > 0; row--, eighths -= GLYPH_LEVELS) {
			int level = eighths < GLYPH_LEVELS ? eighths : GLYPH_LEVELS;
			canvas_text(canvas, row, x + i, 1, style,
				    canvas->glyphs->levels[level - 1]);
		}
	}
}

/* UTF-8 of one code point. */
static void add_char(struct strbuf *text, wchar_t c)
{
	uint32_t code = (uint32_t)c;
	if (code < 0x80) {
		strbuf_putc(text, (char)code);
	} else if (code < 0x800) {
		strbuf_putc(text, (char)(0xc0 | code >> 6));
		strbuf_putc(text, (char)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		strbuf_putc(text, (char)(0xe0 | code >> 12));
		strbuf_putc(text, (char)(0x80 | (code >> 6 & 0x3f)));
		strbuf_putc(text, (char)(0x80 | (code & 0x3f)));
	} else {
		strbuf_putc(text, (char)(0xf0 | code >> 18));
		strbuf_putc(text, (char)(0x80 | (code >> 12 & 0x3f)));
		strbuf_putc(text, (char)(0x80 | (code >> 6 & 0x3f)));
		strbuf_putc(text, (char)(0x80 | (code & 0x3f)));
	}
}

void canvas_dump(const struct canvas *canvas, struct strbuf *text)
{
	for (int y = 0; y < canvas->rows; y++) {
		for (int x = 0; x < canvas->cols; x++) {
			const struct cell *cell = cell_at(canvas, y, x);
			for (int i = 0; i < CELL_CHARS && cell->chars[i]; i++)
				add_char(text, cell->chars[i]);
		}
		while (text->len && text->s[text->len - 1] == ' ')
			text->s[--text->len] = '\0';
		strbuf_putc(text, '\n');
	}
}
