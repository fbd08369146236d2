/* Views as tables: filtering, sorting, selecting and drawing rows. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tui/app_state.h"

enum { WHEEL_LINES = 3 };

static void value_free(struct cell_value *value)
{
	strbuf_deinit(&value->text);
}

void *view_open(const struct view_ops *ops)
{
	struct view *view = calloc(1, ops->size);
	if (!view)
		abort();
	view->ops = ops;
	view->sort = ops->sort;
	return view;
}

void view_close(struct view *view)
{
	if (!view)
		return;
	if (view->ops->close)
		view->ops->close(view);
	if (view->searched[0])
		regfree(&view->regex);
	vec_free(&view->order);
	free(view);
}

void cell_printf(struct cell_value *value, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	strbuf_puts(&value->text, text);
}

void cell_number(struct cell_value *value, uint64_t number)
{
	value->number = number;
	if (number == GOSPY_UNKNOWN)
		strbuf_putc(&value->text, '?');
	else
		strbuf_printf(&value->text, "%lu", number);
}

void cell_location(struct cell_value *value, const struct gospy_location *location)
{
	value->end = true;
	if (location)
		model_location(location, &value->text);
	else
		strbuf_putc(&value->text, '?');
}

/* ---- rows */

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

static void get_cell(struct view *view, const struct app *app, size_t row, size_t column,
		     struct cell_value *value)
{
	strbuf_clear(&value->text);
	value->style = LOOK_NORMAL;
	value->end = false;
	value->number = GOSPY_UNKNOWN;
	view->ops->cell(view, app, row, column, value);
}

static bool row_matches(struct view *view, const struct app *app, size_t row)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	CLEANUP(value_free) struct cell_value value = {0};
	for (size_t i = 0; i < view->ops->column_count; i++) {
		get_cell(view, app, row, i, &value);
		strbuf_add(&text, value.text.s ? value.text.s : "", value.text.len);
		strbuf_putc(&text, ' ');
	}
	return text.s && regexec(&view->regex, text.s, 0, NULL, 0) == 0;
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

void table_update(struct view *view, const struct app *app)
{
	size_t total = view->ops->total(view);
	size_t count = total;
	if (!view->ops->presorted) {
		view->order.len = 0;
		for (size_t row = 0; row < total; row++) {
			bool shown = !view->filter[0] || view->ops->untitled ||
				     row_matches(view, app, row);
			if (shown && !vec_push(&view->order, (uint32_t)row))
				abort();
		}
		count = view->order.len;
		if (view->ops->compare && count)
			qsort_r(view->order.at, count, sizeof(*view->order.at), compare_rows, view);
	}
	list_sync(&view->list, count, line_id, view);
}

/* ---- drawing */

static void draw_titles(const struct view *view, struct canvas *canvas, int y)
{
	int x = 0;
	canvas_blank(canvas, y, 0, canvas->cols, LOOK_TITLES);
	for (size_t i = 0; i < view->ops->column_count; i++) {
		const struct column *column = &view->ops->columns[i];
		char title[64];
		int width = view->widths[i];
		if (!width)
			continue;
		bool sorted = column->sort != COLUMN_UNSORTED && column->sort == view->sort;
		const char *name = column->title;
		if (strcmp(name, "DELTA") == 0 && canvas->utf8)
			name = canvas->glyphs->delta;
		snprintf(title, sizeof(title), "%s%s", name,
			 !sorted          ? ""
			 : view->inverted ? canvas->glyphs->ascending
					  : canvas->glyphs->descending);
		enum style style = sorted ? LOOK_SORTED : LOOK_TITLES;
		canvas_style(canvas, y, x, width, style);
		if (column->right)
			canvas_text_right(canvas, y, x, width, style, title);
		else
			canvas_text(canvas, y, x, width, style, title);
		x += width + COLUMN_GAP;
	}
}

static void draw_row(struct view *view, const struct app *app, struct canvas *canvas, int y,
		     size_t line)
{
	CLEANUP(value_free) struct cell_value value = {0};
	size_t row = table_row(view, line);
	int x = 0;
	for (size_t i = 0; i < view->ops->column_count; i++) {
		int width = view->widths[i];
		if (!width)
			continue;
		get_cell(view, app, row, i, &value);
		const char *text = value.text.s ? value.text.s : "";
		if (view->ops->columns[i].right)
			canvas_text_right(canvas, y, x, width, value.style, text);
		else if (value.end)
			canvas_text_end(canvas, y, x, width, value.style, text);
		else
			canvas_text(canvas, y, x, width, value.style, text);
		x += width + COLUMN_GAP;
	}
	if (line == view->list.selected)
		canvas_style(canvas, y, 0, canvas->cols, LOOK_SELECTED);
	else if (view->ops->untitled && view->searched[0] && row_matches(view, app, row))
		canvas_style(canvas, y, 0, canvas->cols, LOOK_FOUND);
}

void table_draw(struct view *view, struct app *app, int y, int height)
{
	struct canvas *canvas = &app->canvas;
	columns_fit(view->ops->columns, view->ops->column_count, canvas->cols, view->widths);
	if (!view->ops->untitled && height > 1) {
		draw_titles(view, canvas, y);
		y++;
		height--;
	}
	view->first_y = y;
	list_resize(&view->list, height > 0 ? (size_t)height : 0);
	for (int i = 0; i < height; i++) {
		size_t line = view->list.top + (size_t)i;
		if (line >= view->list.count)
			return;
		draw_row(view, app, canvas, y + i, line);
	}
}

/* ---- acting */

void table_sort(struct view *view, struct app *app, int sort, bool inverted)
{
	view->sort = sort;
	view->inverted = inverted;
	if (view->ops->act)
		view->ops->act(view, app, ACT_SORTED);
	table_update(view, app);
}

/* The column that sorts, among those that are shown and can; the next of them by `step`. */
static void sort_beside(struct view *view, struct app *app, int step)
{
	const struct column *columns[COLUMNS_MAX];
	size_t n = act_sort_columns(view, columns, COLUMNS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (columns[i]->sort != view->sort)
			continue;
		size_t to = step > 0 ? i + 1 : i - 1;
		if (to < n)
			table_sort(view, app, columns[to]->sort, view->inverted);
		return;
	}
	if (n)
		table_sort(view, app, columns[0]->sort, view->inverted);
}

bool table_act(struct view *view, struct app *app, enum action action)
{
	long page = view->list.page > 1 ? (long)view->list.page - 1 : 1;
	switch ((int)action) {
	case ACT_UP:
		list_move(&view->list, -1, line_id, view);
		return true;
	case ACT_DOWN:
		list_move(&view->list, 1, line_id, view);
		return true;
	case ACT_PAGE_UP:
		list_move(&view->list, -page, line_id, view);
		return true;
	case ACT_PAGE_DOWN:
		list_move(&view->list, page, line_id, view);
		return true;
	case ACT_HOME:
		list_select(&view->list, 0, line_id, view);
		return true;
	case ACT_END:
		list_select(&view->list, SIZE_MAX, line_id, view);
		return true;
	case ACT_SORT_LEFT:
		sort_beside(view, app, -1);
		return true;
	case ACT_SORT_RIGHT:
		sort_beside(view, app, 1);
		return true;
	case ACT_INVERT:
		table_sort(view, app, view->sort, !view->inverted);
		return true;
	case ACT_MATCH_NEXT:
		table_search(view, app, true);
		return true;
	case ACT_MATCH_BEFORE:
		table_search(view, app, false);
		return true;
	default:
		return false;
	}
}

static void click_title(struct view *view, struct app *app, int x)
{
	int left = 0;
	for (size_t i = 0; i < view->ops->column_count; i++) {
		const struct column *column = &view->ops->columns[i];
		if (!view->widths[i])
			continue;
		if (x >= left && x < left + view->widths[i] + COLUMN_GAP &&
		    column->sort != COLUMN_UNSORTED) {
			bool again = column->sort == view->sort;
			table_sort(view, app, column->sort, again && !view->inverted);
			return;
		}
		left += view->widths[i] + COLUMN_GAP;
	}
}

bool table_click(struct view *view, struct app *app, const struct pointer *pointer)
{
	if (pointer->what == POINTER_WHEEL_UP || pointer->what == POINTER_WHEEL_DOWN) {
		list_scroll(&view->list,
			    pointer->what == POINTER_WHEEL_UP ? -WHEEL_LINES : WHEEL_LINES, line_id,
			    view);
		return false;
	}
	if (!view->ops->untitled && pointer->y == view->first_y - 1) {
		click_title(view, app, pointer->x);
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

bool table_filter(struct view *view, struct app *app, const char *pattern, char *why,
		  size_t why_size)
{
	regex_t regex;
	if (pattern[0]) {
		if (!model_compile(pattern, &regex, why, why_size))
			return false;
		if (view->searched[0])
			regfree(&view->regex);
		view->regex = regex;
		snprintf(view->searched, sizeof(view->searched), "%s", pattern);
	}
	snprintf(view->filter, sizeof(view->filter), "%s", pattern);
	if (view->ops->act)
		view->ops->act(view, app, ACT_FILTERED);
	table_update(view, app);
	// Of text all lines stay: go to what is looked for.
	size_t row = table_selected(view);
	if (view->ops->untitled && pattern[0] && row != SIZE_MAX && !row_matches(view, app, row))
		table_search(view, app, true);
	return true;
}

void table_search(struct view *view, struct app *app, bool forward)
{
	size_t n = view->list.count;
	if (!view->searched[0]) {
		app_say(app, LOOK_DIM, "nothing to look for: / begins");
		return;
	}
	for (size_t i = 1; i <= n; i++) {
		size_t line = (view->list.selected + (forward ? i : n - i)) % n;
		if (row_matches(view, app, table_row(view, line))) {
			list_select(&view->list, line, line_id, view);
			return;
		}
	}
	app_say(app, LOOK_WARN, "no line matches %s", view->searched);
}
