#include "tui/flame_draw.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/name.h"
#include "render/state.h"
#include "render/units.h"
#include "tui/alloc.h"

void flame_amount(int64_t value, const char *unit, struct strbuf *b)
{
	if (strcmp(unit, "bytes") == 0 && value >= 0)
		strbuf_puts(b, units_bytes((uint64_t)value).s);
	else if (strcmp(unit, "count") == 0)
		strbuf_printf(b, "%" PRId64, value);
	else
		strbuf_printf(b, "%" PRId64 " %.*s", value, (int)strlen(unit) - (value == 1), unit);
}

void flame_share(int64_t value, int64_t of, struct strbuf *b)
{
	double share = of > 0 && value > 0 ? 100 * (double)value / (double)of : 0;
	if (share > 0 && share < 0.05)
		strbuf_puts(b, "<0.1%");
	else
		strbuf_printf(b, "%.*f%%", share == 0 || share > 99.95 ? 0 : 1, share);
}

static const char *raw_name(const struct flame *flame, uint32_t node)
{
	return flame->names.all.at[flame->nodes.at[node].name];
}

/* ---- cells */

/* What stands in a cell. `text` is room for it. */
static struct name cell_name(const struct flame_picture *picture, uint32_t node,
			     struct strbuf *text)
{
	const struct flame *flame = picture->sight.flame;
	struct name name = {.kind = NAME_TEXT};
	if (node == FLAME_ROOT) {
		flame_amount(flame_value(flame, node, picture->sight.column)->total, picture->unit,
			     text);
		name.text = text->s;
		return name;
	}
	name.text = raw_name(flame, node);
	if (*name.text == '[') {
		// A state, in the words of the screen.
		CLEANUP(strbuf_deinit) struct strbuf state = {0};
		strbuf_puts(&state, name.text + 1);
		if (state.len && state.s[state.len - 1] == ']')
			state.s[--state.len] = '\0';
		strbuf_putc(text, '[');
		state_short(state.s ? state.s : "", text);
		strbuf_putc(text, ']');
		name.text = text->s;
	} else if (*name.text != '(') {
		name.kind = NAME_PLACE;
	}
	alloc_check(name.text);
	return name;
}

static enum style package_style(const struct flame_picture *picture, const char *func)
{
	uint32_t number;
	size_t known = picture->packages->all.len, len = name_package(func);
	if (!len)
		return STYLE_NORMAL;
	char *package = strndup(func, len);
	alloc_check(package && intern_put(picture->packages, package, &number));
	if (picture->packages->all.len > known) {
		picture->packages->all.at[number] = arena_strdup(picture->arena, package);
		alloc_check(picture->packages->all.at[number]);
	}
	free(package);
	return (enum style)(STYLE_FLAME + number % FLAME_STYLES);
}

static enum style cell_style(const struct flame_picture *picture, const struct flame_cell *cell,
			     bool above)
{
	const struct flame *flame = picture->sight.flame;
	if (cell->merged)
		return STYLE_DIM;
	if (cell->node == picture->sight.selected)
		return STYLE_SELECTED;
	if (cell->node == FLAME_ROOT)
		return STYLE_STRONG;
	if (picture->found && picture->found[flame->nodes.at[cell->node].name])
		return STYLE_FLAME_FOUND;
	return above ? STYLE_DIM : package_style(picture, raw_name(flame, cell->node));
}

/* The share stands at the right where the name has room beside it. */
static void draw_name(struct canvas *canvas, int y, const struct flame_cell *cell, enum style style,
		      const struct flame_picture *picture)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0}, share = {0}, fitted = {0};
	const struct flame_sight *sight = &picture->sight;
	struct name name = cell_name(picture, cell->node, &text);
	int room = cell->width - 1;
	flame_share(flame_value(sight->flame, cell->node, sight->column)->total, picture->all,
		    &share);
	int beside = (int)share.len + 1;
	if (name_size(&name, canvas->utf8).good + beside <= room) {
		room -= beside;
		canvas_text(canvas, y, cell->x + 1 + room + 1, beside - 1, style,
			    share.s ? share.s : "");
	}
	name_fit_end(&name, room, canvas->utf8, &fitted);
	canvas_text(canvas, y, cell->x + 1, room, style, fitted.s ? fitted.s : "");
}

static void draw_merged(struct canvas *canvas, int y, const struct flame_cell *cell)
{
	char count[32];
	const char *more = canvas->glyphs->more;
	int n = snprintf(count, sizeof(count), "%s %u", more, cell->merged);
	canvas_text(canvas, y, cell->x + 1, cell->width - 1, STYLE_DIM,
		    n - (int)strlen(more) + 1 < cell->width ? count : more);
}

/* `bounded`: nothing stands directly behind it. */
static void draw_cell(struct canvas *canvas, int y, const struct flame_cell *cell, bool above,
		      bool bounded, const struct flame_picture *picture)
{
	enum style style = cell_style(picture, cell, above);
	canvas_blank(canvas, y, cell->x, cell->width, style);
	canvas_text(canvas, y, cell->x, 1, style, canvas->glyphs->separator);
	if (cell->merged)
		draw_merged(canvas, y, cell);
	else
		draw_name(canvas, y, cell, style, picture);
	if (bounded)
		canvas_text(canvas, y, cell->x + cell->width, 1, STYLE_DIM,
			    canvas->glyphs->separator);
}

void flame_draw(struct canvas *canvas, int y, int height, const struct flame_picture *picture)
{
	size_t zoom = flame_depth(picture->sight.flame, picture->sight.zoom);
	for (int i = 0; i < height; i++) {
		size_t n, row = picture->top + (size_t)i;
		if (row >= picture->layout->rows.len)
			return;
		const struct flame_cell *cells = flame_layout_row(picture->layout, row, &n);
		for (size_t k = 0; k < n; k++) {
			bool bounded = k + 1 == n || cells[k + 1].x > cells[k].x + cells[k].width;
			draw_cell(canvas, y + i, &cells[k], row < zoom, bounded, picture);
		}
	}
}

/* ---- what is selected */

/* In so many words. */
enum words { WORDS_ALL, WORDS_SOME, WORDS_NONE };

static void figures(const struct flame_picture *picture, enum words words, struct strbuf *b)
{
	const struct flame_sight *sight = &picture->sight;
	const struct flame *flame = sight->flame;
	uint32_t node = sight->selected, parent = flame->nodes.at[node].parent;
	const struct flame_value *value = flame_value(flame, node, sight->column);
	bool counts = strcmp(picture->unit, "bytes") != 0;
	flame_amount(value->total, words == WORDS_ALL || !counts ? picture->unit : "count", b);
	strbuf_puts(b, words == WORDS_NONE ? " " : ", ");
	flame_share(value->total, picture->all, b);
	strbuf_puts(b, words == WORDS_NONE ? "" : " of all");
	if (node == FLAME_ROOT)
		return;
	strbuf_puts(b, words == WORDS_NONE ? " " : ", ");
	flame_share(value->total, flame_value(flame, parent, sight->column)->total, b);
	if (words != WORDS_NONE)
		strbuf_puts(b, picture->inverted ? " of callee" : " of caller");
	if (words == WORDS_ALL && value->self > 0 && value->self < value->total) {
		strbuf_puts(b, ", ");
		flame_share(value->self, picture->all, b);
		strbuf_puts(b, " itself");
	}
}

void flame_draw_details(struct canvas *canvas, int y, const struct flame_picture *picture)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0}, numbers = {0}, fitted = {0};
	uint32_t node = picture->sight.selected;
	struct name name = {.kind = NAME_TEXT, .text = "all"};
	if (node != FLAME_ROOT)
		name = cell_name(picture, node, &text);
	int room = 0, good = name_size(&name, canvas->utf8).good;
	for (int words = WORDS_ALL; words <= WORDS_NONE; words++) {
		strbuf_clear(&numbers);
		figures(picture, (enum words)words, &numbers);
		room = canvas->cols - (int)numbers.len - 2;
		if (good <= room)
			break;
	}
	name_fit(&name, room, canvas->utf8, &fitted);
	int x = canvas_text(canvas, y, 0, room, STYLE_STRONG, fitted.s ? fitted.s : "");
	x += x ? 2 : 0;
	canvas_text(canvas, y, x, canvas->cols - x, STYLE_NORMAL, numbers.s ? numbers.s : "");
}
