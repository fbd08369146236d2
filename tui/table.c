#include "tui/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/alike.h"
#include "render/escape.h"
#include "render/state.h"
#include "tui/model_rows.h"

enum {
	WHEEL_LINES = 3,
	/* So many rows from the first on tell, together with those on the screen, how wide columns
	 * are. More would take time, fewer would let columns jump when the user scrolls. */
	ROWS_MEASURED = 400,
	COLS_WIDE = 100,
	COLS_NARROW = 60, /* in fewer, names need the room of long titles, and of most numbers */
};

static void value_free(struct cell_value *value)
{
	strbuf_deinit(&value->text);
}

size_t table_row(const struct view *view, size_t line)
{
	return view->ops->presorted ? line : view->order.at[line];
}

size_t table_selected(const struct view *view)
{
	return view->list.count ? table_row(view, view->list.selected) : SIZE_MAX;
}

static uint64_t line_id(const void *ctx, size_t line)
{
	const struct view *view = ctx;
	size_t row = table_row(view, line);
	return view->ops->id ? view->ops->id(view, row) : row;
}

static void get_cell(struct view *view, const struct ui *ui, size_t row, size_t column,
		     struct cell_value *value)
{
	strbuf_clear(&value->text);
	value->style = STYLE_NORMAL;
	value->named = false;
	value->number = GOSPY_UNKNOWN;
	view->ops->cell(view, ui, row, column, value);
}

static bool row_matches(struct view *view, const struct ui *ui, size_t row, struct pattern *pattern)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	CLEANUP(value_free) struct cell_value value = {0};
	for (size_t i = 0; i < view->ops->column_count; i++) {
		get_cell(view, ui, row, i, &value);
		strbuf_add(&text, value.text.s ? value.text.s : "", value.text.len);
		strbuf_putc(&text, ' ');
		if (value.named && value.name.kind == NAME_STATE) {
			// The words that are shown count, too.
			state_short(value.name.text, &text);
			strbuf_putc(&text, ' ');
		}
	}
	return text.s && pattern_matches(pattern, text.s);
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
	struct view *view = ctx;
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	int order = view->ops->compare(view, view->sort, left, right);
	if (order)
		return view->inverted ? -order : order;
	return left < right ? -1 : left > right;
}

void table_update(struct view *view, const struct ui *ui)
{
	size_t total = view->ops->total(view);
	size_t count = total;
	if (!view->ops->presorted) {
		view->order.len = 0;
		for (size_t row = 0; row < total; row++) {
			bool shown = !view->filter[0] || view->ops->untitled ||
				     row_matches(view, ui, row, &view->filter_pattern);
			if (shown && !vec_push(&view->order, (uint32_t)row))
				abort();
		}
		count = view->order.len;
		if (view->ops->compare && count)
			qsort_r(view->order.at, count, sizeof(*view->order.at), compare_rows, view);
	}
	list_sync(&view->list, count, line_id, view);
}

static bool is_sorted(const struct view *view, size_t column)
{
	int sort = view->ops->columns[column].sort;
	return sort != COLUMN_UNSORTED && sort == view->sort;
}

/* ---- widths */

/* Columns of the screen that the table has. */
static int table_cols(const struct view *view, const struct ui *ui)
{
	int cols = ui->canvas.cols - view->left;
	return cols > 0 ? cols : 0;
}

/* What a row asks for in a column, on a screen of `cols`. */
static void measure_cell(const struct column *column, const struct canvas *canvas, int cols,
			 const struct cell_value *value, struct column_need *need)
{
	int full = canvas_width(canvas, value->text.s ? value->text.s : "", value->text.len);
	int text = full < column->width ? full : column->width;
	int good = full < column->good ? full : column->good;
	if (value->named)
		columns_name(need, &value->name, column->good, cols, canvas->utf8);
	else
		columns_cell(need, column->right ? full : text, good, full, 0);
}

static void measure_row(struct view *view, const struct ui *ui, size_t line,
			struct column_need *needs)
{
	CLEANUP(value_free) struct cell_value value = {0};
	for (size_t i = 0; i < view->ops->column_count; i++) {
		get_cell(view, ui, table_row(view, line), i, &value);
		measure_cell(&view->ops->columns[i], &ui->canvas, table_cols(view, ui), &value,
			     &needs[i]);
	}
}

static void measure_rows(struct view *view, const struct ui *ui, size_t page,
			 struct column_need *needs)
{
	size_t n = view->list.count, first = n < ROWS_MEASURED ? n : ROWS_MEASURED;
	for (size_t line = 0; line < first; line++)
		measure_row(view, ui, line, needs);
	for (size_t i = 0; i < page; i++) {
		if (view->list.top + i >= first && view->list.top + i < n)
			measure_row(view, ui, view->list.top + i, needs);
	}
}

static const char *own_title(const struct view *view, const struct ui *ui, size_t column)
{
	const struct column *own = &view->ops->columns[column];
	return own->short_title && table_cols(view, ui) < COLS_NARROW ? own->short_title
								      : own->title;
}

/* A column has room for its title, and none if nothing is in it and nothing is sorted by it. */
static void fit_widths(struct view *view, const struct ui *ui, size_t page)
{
	struct column_need needs[COLUMNS_MAX] = {0};
	const struct column *columns = view->ops->columns;
	size_t n = view->ops->column_count, last = n;
	int cols = table_cols(view, ui), left = cols;
	for (size_t i = 0; i < n; i++) {
		// What the rows are sorted by has to be seen.
		needs[i].rank = is_sorted(view, i) ? 0 : columns[i].rank;
		needs[i].fixed = columns[i].right;
		needs[i].spare =
			(columns[i].spare || (cols < COLS_NARROW && columns[i].rank > 1)) &&
			!is_sorted(view, i);
		needs[i].enough = columns[i].enough;
	}
	measure_rows(view, ui, page, needs);
	for (size_t i = 0; i < n; i++) {
		bool empty =
			!needs[i].full && (needs[i].rank || !columns[i].width) && view->list.count;
		// On a wide screen titles do not move when another column sorts, or numbers grow.
		bool wide = cols >= COLS_WIDE;
		int title = (int)strlen(own_title(view, ui, i)) +
			    (wide ? columns[i].sort != COLUMN_UNSORTED : is_sorted(view, i));
		int least = wide && columns[i].right && columns[i].width > title ? columns[i].width
										 : title;
		columns_cell(&needs[i], empty ? 0 : least > 0 ? least : columns[i].width, 0, 0, 0);
	}
	columns_fit(needs, n, COLUMN_GAP, cols, view->widths);
	for (size_t i = 0; i < n; i++) {
		left -= view->widths[i] ? view->widths[i] + COLUMN_GAP : 0;
		last = view->widths[i] ? i : last;
	}
	// For rows that were not measured.
	if (last < n && !columns[last].right && left + COLUMN_GAP > 0)
		view->widths[last] += left + COLUMN_GAP;
}

/* By what is in the rows now, and by nothing of the picture before: else two pictures could follow
 * each other without end. */
static void set_widths(struct view *view, const struct ui *ui, size_t page)
{
	view->makeshift = false;
	fit_widths(view, ui, page);
	view->makeshift = view->ops->arranged && !view->ops->arranged(view, ui);
	if (view->makeshift)
		fit_widths(view, ui, page);
}

/* ---- drawing */

static const char *column_title(const struct view *view, const struct ui *ui, size_t column)
{
	const char *now =
		view->ops->column_title ? view->ops->column_title(view, ui, column) : NULL;
	return now ? now : own_title(view, ui, column);
}

static void draw_titles(const struct view *view, struct ui *ui, int y)
{
	struct canvas *canvas = &ui->canvas;
	int x = view->left;
	canvas_blank(canvas, y, x, canvas->cols - x, STYLE_TITLES);
	for (size_t i = 0; i < view->ops->column_count; i++) {
		const struct column *column = &view->ops->columns[i];
		char title[64];
		int width = view->widths[i];
		if (!width)
			continue;
		bool sorted = is_sorted(view, i);
		snprintf(title, sizeof(title), "%s%s", column_title(view, ui, i),
			 !sorted          ? ""
			 : view->inverted ? canvas->glyphs->ascending
					  : canvas->glyphs->descending);
		enum style style = sorted ? STYLE_SORTED : STYLE_TITLES;
		canvas_style(canvas, y, x, width, style);
		if (column->right)
			canvas_text_right(canvas, y, x, width, style, title);
		else
			canvas_text(canvas, y, x, width, style, title);
		x += width + COLUMN_GAP;
	}
}

/* Text of the `n` rows on the screen, in one column, that leaves out what begins alike. */
struct alike_column {
	struct strbuf text;       /* of all, one behind the other */
	struct alike_text *texts; /* NULL: all is shown as it is */
};

static void alike_column_deinit(struct alike_column *alike)
{
	strbuf_deinit(&alike->text);
	free(alike->texts);
}

static void find_alike_texts(struct view *view, const struct ui *ui, size_t column, size_t n,
			     struct alike_column *ret)
{
	CLEANUP(value_free) struct cell_value value = {0};
	struct alike_text *texts = calloc(n + 1, sizeof(*texts));
	for (size_t i = 0; i < n && texts; i++) {
		get_cell(view, ui, table_row(view, view->list.top + i), column, &value);
		size_t before = ret->text.len;
		escape_add(&ret->text, value.text.s ? value.text.s : "");
		texts[i].len = ret->text.len - before;
	}
	const char *s = ret->text.s;
	for (size_t i = 0; i < n && texts; i++) {
		texts[i].s = s;
		s += texts[i].len;
	}
	if (texts && !ret->text.failed &&
	    alike_find(texts, n, view->widths[column], ui->canvas.utf8))
		ret->texts = texts;
	else
		free(texts);
}

static void find_all_alike_texts(struct view *view, const struct ui *ui, size_t n,
				 struct alike_column *alike)
{
	for (size_t i = 0; i < view->ops->column_count; i++) {
		if (view->widths[i] && view->ops->columns[i].alike && n)
			find_alike_texts(view, ui, i, n, &alike[i]);
	}
}

static void draw_cell(struct canvas *canvas, int y, int x, int width, bool right,
		      const struct cell_value *value)
{
	CLEANUP(strbuf_deinit) struct strbuf fitted = {0};
	if (value->named)
		name_fit(&value->name, width, canvas->utf8, &fitted);
	const struct strbuf *text = value->named ? &fitted : &value->text;
	const char *s = text->s ? text->s : "";
	if (right)
		canvas_text_right(canvas, y, x, width, value->style, s);
	else
		canvas_text(canvas, y, x, width, value->style, s);
}

/* A place as a column shows it. */
struct place_shown {
	size_t at; /* its text in a buffer */
	uint32_t line;
	bool is_place;
};

/* Give those places of a column, in the `n` rows on the screen, the bit of the column that look
 * like others but for a line that has no room. */
static void find_alike(struct view *view, const struct ui *ui, size_t column, size_t n,
		       uint16_t *lined)
{
	static struct place_shown shown[CANVAS_ROWS_MAX];
	CLEANUP(value_free) struct cell_value value = {0};
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	for (size_t i = 0; i < n; i++) {
		get_cell(view, ui, table_row(view, view->list.top + i), column, &value);
		shown[i].at = text.len;
		shown[i].line = value.name.line;
		shown[i].is_place = value.named && value.name.kind == NAME_PLACE;
		if (shown[i].is_place)
			name_fit(&value.name, view->widths[column], ui->canvas.utf8, &text);
		strbuf_putc(&text, '\0');
	}
	for (size_t i = 0; i < n && !text.failed; i++) {
		for (size_t k = 0; k < i && shown[i].is_place; k++) {
			if (!shown[k].is_place || shown[k].line == shown[i].line ||
			    strcmp(text.s + shown[k].at, text.s + shown[i].at) != 0)
				continue;
			lined[i] |= (uint16_t)(1u << column);
			lined[k] |= (uint16_t)(1u << column);
		}
	}
}

static void find_all_alike(struct view *view, const struct ui *ui, size_t n, uint16_t *lined)
{
	_Static_assert(COLUMNS_MAX <= 16, "a bit for each column");
	memset(lined, 0, n * sizeof(*lined));
	for (size_t i = 0; i < view->ops->column_count; i++) {
		if (view->widths[i] && !view->ops->untitled)
			find_alike(view, ui, i, n, lined);
	}
}

/* What rows on the screen have to leave out, or must not, so that they can be told apart. */
struct apart {
	uint16_t lined[CANVAS_ROWS_MAX]; /* bits of the columns whose places keep their lines */
	struct alike_column texts[COLUMNS_MAX];
};

static void apart_deinit(struct apart *apart)
{
	for (size_t i = 0; i < COLUMNS_MAX; i++)
		alike_column_deinit(&apart->texts[i]);
}

/* The `at`-th row of the screen. */
static void draw_row(struct view *view, const struct ui *ui, struct canvas *canvas, int y,
		     size_t at, const struct apart *apart)
{
	CLEANUP(value_free) struct cell_value value = {0};
	size_t line = view->list.top + at, row = table_row(view, line);
	int x = view->left;
	for (size_t i = 0; i < view->ops->column_count; i++) {
		int width = view->widths[i];
		if (!width)
			continue;
		get_cell(view, ui, row, i, &value);
		value.name.lined = apart->lined[at] >> i & 1;
		if (apart->texts[i].texts) {
			strbuf_clear(&value.text);
			alike_show(&apart->texts[i].texts[at], width, canvas->utf8, &value.text);
		}
		draw_cell(canvas, y, x, width, view->ops->columns[i].right, &value);
		x += width + COLUMN_GAP;
	}
	if (line == view->list.selected)
		canvas_style(canvas, y, view->left, canvas->cols - view->left, STYLE_SELECTED);
	else if (view->ops->untitled && view->searched[0] &&
		 row_matches(view, ui, row, &view->pattern))
		canvas_style(canvas, y, view->left, canvas->cols - view->left, STYLE_FOUND);
}

void table_draw(struct view *view, struct ui *ui, int y, int height)
{
	CLEANUP(apart_deinit) struct apart apart = {0};
	struct canvas *canvas = &ui->canvas;
	if (view->ops->column_count == 1)
		view->widths[0] = table_cols(view, ui);
	else
		set_widths(view, ui, height > 0 ? (size_t)height : 0);
	if (!view->ops->untitled && height > 1) {
		draw_titles(view, ui, y);
		y++;
		height--;
	}
	view->first_y = y;
	list_resize(&view->list, height > 0 ? (size_t)height : 0);
	size_t rows = view->list.count - view->list.top;
	rows = height <= 0 ? 0 : rows < (size_t)height ? rows : (size_t)height;
	find_all_alike(view, ui, rows, apart.lined);
	find_all_alike_texts(view, ui, rows, apart.texts);
	for (size_t i = 0; i < rows; i++)
		draw_row(view, ui, canvas, y + (int)i, i, &apart);
}

/* ---- acting */

size_t table_sort_columns(const struct view *view, const struct column **ret, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; i < view->ops->column_count && n < max; i++) {
		if (view->ops->columns[i].sort != COLUMN_UNSORTED)
			ret[n++] = &view->ops->columns[i];
	}
	return n;
}

void table_sort(struct view *view, struct ui *ui, int sort, bool inverted)
{
	view->sort = sort;
	view->inverted = inverted;
	if (view->ops->act)
		view->ops->act(view, ui, ACT_SORTED);
	table_update(view, ui);
}

/* Sort by the column that is `step` places behind the one that sorts now, among those that are
 * shown and can sort. */
static void sort_beside(struct view *view, struct ui *ui, int step)
{
	const struct column *columns = view->ops->columns;
	size_t n = view->ops->column_count, at = 0;
	while (at < n && (columns[at].sort == COLUMN_UNSORTED || columns[at].sort != view->sort))
		at++;
	for (size_t to = at + (size_t)step; to < n; to += (size_t)step) {
		if (columns[to].sort != COLUMN_UNSORTED && view->widths[to]) {
			table_sort(view, ui, columns[to].sort, view->inverted);
			return;
		}
	}
}

bool table_act(struct view *view, struct ui *ui, enum action action)
{
	switch ((int)action) {
	case ACT_UP:
		list_move(&view->list, -1, line_id, view);
		return true;
	case ACT_DOWN:
		list_move(&view->list, 1, line_id, view);
		return true;
	case ACT_PAGE_UP:
		list_turn(&view->list, false, line_id, view);
		return true;
	case ACT_PAGE_DOWN:
		list_turn(&view->list, true, line_id, view);
		return true;
	case ACT_HOME:
		list_select(&view->list, 0, line_id, view);
		return true;
	case ACT_END:
		list_select(&view->list, SIZE_MAX, line_id, view);
		return true;
	case ACT_SORT_LEFT:
		sort_beside(view, ui, -1);
		return true;
	case ACT_SORT_RIGHT:
		sort_beside(view, ui, 1);
		return true;
	case ACT_INVERT:
		table_sort(view, ui, view->sort, !view->inverted);
		return true;
	case ACT_MATCH_NEXT:
		table_search(view, ui, true);
		return true;
	case ACT_MATCH_BEFORE:
		table_search(view, ui, false);
		return true;
	default:
		return false;
	}
}

static void click_title(struct view *view, struct ui *ui, int x)
{
	int left = view->left;
	for (size_t i = 0; i < view->ops->column_count; i++) {
		const struct column *column = &view->ops->columns[i];
		if (!view->widths[i])
			continue;
		if (x >= left && x < left + view->widths[i] + COLUMN_GAP &&
		    column->sort != COLUMN_UNSORTED) {
			bool again = column->sort == view->sort;
			table_sort(view, ui, column->sort, again && !view->inverted);
			return;
		}
		left += view->widths[i] + COLUMN_GAP;
	}
}

bool table_click(struct view *view, struct ui *ui, const struct pointer *pointer)
{
	if (pointer->what == POINTER_WHEEL_UP || pointer->what == POINTER_WHEEL_DOWN) {
		list_scroll(&view->list,
			    pointer->what == POINTER_WHEEL_UP ? -WHEEL_LINES : WHEEL_LINES, line_id,
			    view);
		return false;
	}
	if (!view->ops->untitled && pointer->y == view->first_y - 1) {
		click_title(view, ui, pointer->x);
		return false;
	}
	size_t line = view->list.top + (size_t)(pointer->y - view->first_y);
	if (pointer->y < view->first_y || line >= view->list.count ||
	    line >= view->list.top + view->list.page)
		return false;
	list_select(&view->list, line, line_id, view);
	return pointer->what == POINTER_DOUBLE;
}

/* ---- filtering and searching */

/* The line that is selected is one that was looked for, or the next one becomes it. */
static void go_to_match(struct view *view, struct ui *ui)
{
	size_t row = table_selected(view);
	if (row != SIZE_MAX && !row_matches(view, ui, row, &view->pattern))
		table_search(view, ui, true);
}

static bool set_searched(struct view *view, const char *text, char *why, size_t why_size)
{
	struct pattern compiled = {0};
	if (text[0] && !pattern_compile(text, &compiled, why, why_size))
		return false;
	pattern_free(&view->pattern);
	view->pattern = compiled;
	snprintf(view->searched, sizeof(view->searched), "%s", text);
	return true;
}

bool table_filter(struct view *view, struct ui *ui, const char *pattern, char *why, size_t why_size)
{
	struct pattern compiled = {0};
	if (pattern[0]) {
		if (!pattern_compile(pattern, &compiled, why, why_size))
			return false;
		if (!set_searched(view, pattern, why, why_size)) {
			pattern_free(&compiled);
			return false;
		}
	}
	pattern_free(&view->filter_pattern);
	view->filter_pattern = compiled;
	snprintf(view->filter, sizeof(view->filter), "%s", pattern);
	if (view->ops->act)
		view->ops->act(view, ui, ACT_FILTERED);
	table_update(view, ui);
	// In text all lines stay: go to what is looked for.
	if (view->ops->untitled && pattern[0])
		go_to_match(view, ui);
	return true;
}

bool table_find(struct view *view, struct ui *ui, const char *pattern, char *why, size_t why_size)
{
	if (!set_searched(view, pattern, why, why_size))
		return false;
	if (pattern[0])
		go_to_match(view, ui);
	return true;
}

void table_search(struct view *view, struct ui *ui, bool forward)
{
	size_t n = view->list.count;
	if (!view->searched[0]) {
		ui_say(ui, STYLE_DIM, "nothing to look for: F3 begins");
		return;
	}
	for (size_t i = 1; i <= n; i++) {
		size_t line = (view->list.selected + (forward ? i : n - i)) % n;
		if (row_matches(view, ui, table_row(view, line), &view->pattern)) {
			list_select(&view->list, line, line_id, view);
			return;
		}
	}
	ui_say(ui, STYLE_WARN, "no line matches %s", view->searched);
}
