#include "tui/frame.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "render/units.h"
#include "render/width.h"
#include "tui/bar.h"
#include "tui/header.h"
#include "tui/table.h"

enum { COLS_ALL_TABS = 60 };

static void banner(struct canvas *canvas, int y, const char *text)
{
	canvas_blank(canvas, y, 0, canvas->cols, STYLE_BANNER);
	canvas_text(canvas, y, 1, canvas->cols - 1, STYLE_BANNER, text);
}

/* If nothing new comes: why. */
static int banner_draw(struct app *app, int y)
{
	char text[sizeof(app->status.error.msg) + 80];
	if (!app->ui.model || app->status.state != SAMPLER_ENDED)
		return y;
	snprintf(text, sizeof(text), "Last picture, %s ago%s: %s",
		 units_age(clock_mono_ns() - app->status.since_mono_ns).s,
		 app->following ? ", waits for its successor" : "", app->status.error.msg);
	banner(&app->ui.canvas, y, text);
	return y + 1;
}

/* A name, so that there is room for the text behind it. */
static int subject_draw(struct canvas *canvas, int y, int x, const struct name *name,
			const struct strbuf *behind)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	int room = canvas->cols - x - canvas_width(canvas, behind->s ? behind->s : "", behind->len);
	name_fit(name, room, canvas->utf8, &text);
	return canvas_text(canvas, y, x, canvas->cols - x, STYLE_NORMAL, text.s ? text.s : "");
}

/* Drop parts of a title from its end, "by start, 37 groups, growing first", until it fits. */
static void title_fit(char *title, int room, bool utf8)
{
	while (width_text(title, strlen(title), utf8) > room) {
		char *comma = strrchr(title, ',');
		if (!comma || comma == title)
			return;
		*comma = 0;
	}
}

/* The views, and behind them what the open one shows. */
static void tabs_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->ui.canvas;
	struct view *view = app_view(app);
	struct strbuf text = {0};
	int x = 0;
	bool tabs = app->ui.model && !app->picker && !app->help;
	for (size_t i = 0; tabs && i < APP_TABS; i++) {
		if (canvas->cols < COLS_ALL_TABS && i != app->tab)
			continue;
		x += canvas_printf(canvas, y, x, canvas->cols - x,
				   i == app->tab ? STYLE_TAB_OPEN : STYLE_TAB, " %zu %s ", i + 1,
				   app->tabs[i][0]->ops->name);
	}
	if (!tabs)
		x += canvas_printf(canvas, y, x, canvas->cols - x, STYLE_TAB_OPEN, " %s ",
				   view->ops->name);
	x++;
	if (tabs && app->ui.frozen)
		x += canvas_text(canvas, y, x, canvas->cols - x, STYLE_BANNER, " FROZEN ") + 1;
	if (view->ops->title)
		view->ops->title(view, &app->ui, &text);
	if (view->ops->subject)
		x += subject_draw(canvas, y, x, view->ops->subject(view), &text);
	else if (text.s)
		title_fit(text.s, canvas->cols - x, canvas->utf8);
	x += canvas_text(canvas, y, x, canvas->cols - x, STYLE_NORMAL, text.s ? text.s : "");
	strbuf_deinit(&text);
	if (view->filter[0] && !app->prompting)
		canvas_printf(canvas, y, x, canvas->cols - x, STYLE_WARN, "  /%s", view->filter);
}

static bool problem_draw(struct app *app, int y)
{
	const struct sampler_status *status = &app->status;
	struct canvas *canvas = &app->ui.canvas;
	if (!app->ui.model || app->picker)
		return false;
	if (status->failures && status->state != SAMPLER_ENDED) {
		canvas_printf(canvas, y, 0, canvas->cols, STYLE_BAD, "%s (%lu in a row)",
			      status->error.msg, status->failures);
		return true;
	}
	const char *problem = gospy_snapshot_info(model_sample(app->ui.model)->snapshot)->problem;
	if (!problem)
		return false;
	canvas_text(canvas, y, 0, canvas->cols, STYLE_WARN, problem);
	return true;
}

/* Left end of the prompt's text, so that its cursor is in sight. */
static int prompt_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->ui.canvas;
	const struct line_edit *line = &app->prompt;
	const char *name = app->searching              ? "Search: "
			   : app->picker && !app->help ? "Filter: "
						       : "/";
	canvas_blank(canvas, y, 0, canvas->cols, STYLE_PROMPT);
	int x = canvas_text(canvas, y, 0, canvas->cols, STYLE_LABEL, name);
	size_t from = 0;
	while (canvas_width(canvas, line->text + from, line->cursor - from) >= canvas->cols - x &&
	       from < line->cursor) {
		from++;
		while ((line->text[from] & 0xc0) == 0x80)
			from++;
	}
	int end = x + canvas_text(canvas, y, x, canvas->cols - x, STYLE_PROMPT, line->text + from);
	if (app->message[0] && end + 3 < canvas->cols)
		canvas_text(canvas, y, end + 3, canvas->cols - end - 3, app->message_style,
			    app->message);
	else
		bar_draw_prompt(app, y, end + 3);
	return x + canvas_width(canvas, line->text + from, line->cursor - from);
}

/* The last line; column of the cursor, or -1. */
static int bottom_draw(struct app *app, int y)
{
	if (app->prompting)
		return prompt_draw(app, y);
	if (app->message[0])
		canvas_text(&app->ui.canvas, y, 0, app->ui.canvas.cols, app->message_style,
			    app->message);
	else if (!problem_draw(app, y))
		bar_draw(app, y);
	return -1;
}

static void menu_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->ui.canvas;
	const struct view *view = app_view(app);
	const struct column *columns[COLUMNS_MAX];
	size_t n = table_sort_columns(view, columns, COLUMNS_MAX);
	int width = 16;
	canvas_text(canvas, y, 0, width, STYLE_TAB_OPEN, " Sort by        ");
	for (size_t i = 0; i < n; i++) {
		int row = y + 1 + (int)i;
		enum style style = i == app->menu_selected ? STYLE_SELECTED : STYLE_TITLES;
		canvas_blank(canvas, row, 0, width, style);
		canvas_text(canvas, row, 1, width - 1, style, columns[i]->title);
	}
}

/* While the first sample is on its way. */
static void connecting_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->ui.canvas;
	if (app->next_pid)
		canvas_printf(canvas, y, 1, canvas->cols - 1, STYLE_STRONG,
			      "Looking into process %d ...", (int)app->next_pid);
	else
		canvas_printf(canvas, y, 1, canvas->cols - 1, STYLE_STRONG, "Looking into %s ...",
			      app->options->core);
	if (app->status.failures)
		canvas_text(canvas, y + 2, 1, canvas->cols - 1, STYLE_BAD, app->status.error.msg);
}

void frame_draw(struct app *app, int *cursor_y_ret, int *cursor_x_ret)
{
	struct canvas *canvas = &app->ui.canvas;
	struct view *view = app_view(app);
	int bottom = canvas->rows - 1, y = 0;
	canvas_clear(canvas);
	*cursor_y_ret = *cursor_x_ret = -1;
	if (!view) {
		connecting_draw(app, canvas->rows / 3);
		if (bottom)
			bottom_draw(app, bottom);
		return;
	}
	if (!view->ops->no_header)
		y = header_draw(app);
	if (!app->picker && y < bottom)
		y = banner_draw(app, y);
	if (y < bottom && canvas->rows > 3)
		tabs_draw(app, y++);
	int top = y;
	if (view->ops->draw)
		view->ops->draw(view, &app->ui, y, bottom - y);
	else
		table_draw(view, &app->ui, y, bottom > y ? bottom - y : canvas->rows - y);
	if (app->menu_open)
		menu_draw(app, top);
	if (!bottom)
		return;
	int cursor = bottom_draw(app, bottom);
	*cursor_y_ret = cursor < 0 ? -1 : bottom;
	*cursor_x_ret = cursor;
}
