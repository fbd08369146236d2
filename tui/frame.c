/* The screen as a whole: header, banner, names of the views, view, bottom line. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "render/units.h"
#include "tui/app_state.h"

enum { COLS_ALL_TABS = 60 };

static void banner(struct canvas *canvas, int y, const char *text)
{
	canvas_blank(canvas, y, 0, canvas->cols, LOOK_BANNER);
	canvas_text(canvas, y, 1, canvas->cols - 1, LOOK_BANNER, text);
}

/* Why nothing new comes, if so. */
static int banner_draw(struct app *app, int y)
{
	char text[sizeof(app->status.error.msg) + 80];
	if (!app->model || app->status.state != SAMPLER_ENDED)
		return y;
	snprintf(text, sizeof(text), "Last picture, %s ago (r looks again): %s",
		 units_age(clock_mono_ns() - app->status.since_mono_ns).s, app->status.error.msg);
	banner(&app->canvas, y, text);
	return y + 1;
}

/* The views, and behind them what the open one shows. */
static void tabs_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->canvas;
	struct view *view = app_view(app);
	struct strbuf text = {0};
	int x = 0;
	bool tabs = app->model && !app->picker && !app->help;
	for (size_t i = 0; tabs && i < APP_TABS; i++) {
		if (canvas->cols < COLS_ALL_TABS && i != app->tab)
			continue;
		x += canvas_printf(canvas, y, x, canvas->cols - x,
				   i == app->tab ? LOOK_TAB_OPEN : LOOK_TAB, " %s ",
				   app->tabs[i][0]->ops->name);
	}
	if (!tabs)
		x += canvas_printf(canvas, y, x, canvas->cols - x, LOOK_TAB_OPEN, " %s ",
				   view->ops->name);
	x++;
	if (tabs && app->sampling.paused)
		x += canvas_text(canvas, y, x, canvas->cols - x, LOOK_BANNER, " FROZEN ") + 1;
	if (view->ops->title)
		view->ops->title(view, app, &text);
	x += canvas_text(canvas, y, x, canvas->cols - x, LOOK_NORMAL, text.s ? text.s : "");
	strbuf_deinit(&text);
	if (view->filter[0] && !app->prompting)
		canvas_printf(canvas, y, x, canvas->cols - x, LOOK_WARN, "  /%s", view->filter);
}

/* Draws nothing without a canvas; how wide it is, with the gap to the next. */
static int key_draw(struct canvas *canvas, int y, int x, const struct binding *binding)
{
	CLEANUP(strbuf_deinit) struct strbuf name = {0};
	keys_name(binding->codes[0], &name);
	const char *key = name.s ? name.s : "";
	if (canvas) {
		x += canvas_text(canvas, y, x, canvas->cols - x, LOOK_KEY, key);
		canvas_text(canvas, y, x, canvas->cols - x, LOOK_KEY_LABEL, binding->label);
	}
	return (int)(strlen(key) + strlen(binding->label)) + 1;
}

/* Help and quit have their place also where not all the others have. */
static bool always_shown(const struct binding *binding)
{
	return binding->action == ACT_HELP || binding->action == ACT_QUIT;
}

static void key_bar(struct app *app, int y)
{
	struct canvas *canvas = &app->canvas;
	size_t n;
	const struct binding *bindings = keys_all(&n);
	int x = 0, reserved = 0;
	for (size_t i = 0; i < n; i++) {
		if (bindings[i].label && always_shown(&bindings[i]))
			reserved += key_draw(NULL, y, 0, &bindings[i]);
	}
	for (size_t i = 0; i < n; i++) {
		if (!bindings[i].label)
			continue;
		int width = key_draw(NULL, y, 0, &bindings[i]);
		int room = canvas->cols + 1 - x - (always_shown(&bindings[i]) ? 0 : reserved);
		if (width <= room)
			x += key_draw(canvas, y, x, &bindings[i]);
	}
}

static bool problem_draw(struct app *app, int y)
{
	const struct sampler_status *status = &app->status;
	struct canvas *canvas = &app->canvas;
	if (!app->model || app->picker)
		return false;
	if (status->failures && status->state != SAMPLER_ENDED) {
		canvas_printf(canvas, y, 0, canvas->cols, LOOK_BAD, "%s (%lu in a row)",
			      status->error.msg, status->failures);
		return true;
	}
	const char *problem = gospy_snapshot_info(model_sample(app->model)->snapshot)->problem;
	if (!problem)
		return false;
	canvas_text(canvas, y, 0, canvas->cols, LOOK_WARN, problem);
	return true;
}

/* Left end of the prompt's text, so that its cursor is in sight. */
static int prompt_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->canvas;
	const struct line_edit *line = &app->prompt;
	const char *name = app->picker && !app->help ? "Filter: " : "/";
	canvas_blank(canvas, y, 0, canvas->cols, LOOK_PROMPT);
	int x = canvas_text(canvas, y, 0, canvas->cols, LOOK_LABEL, name);
	size_t from = 0;
	while (canvas_width(canvas, line->text + from, line->cursor - from) >= canvas->cols - x &&
	       from < line->cursor) {
		from++;
		while ((line->text[from] & 0xc0) == 0x80)
			from++;
	}
	int end = x + canvas_text(canvas, y, x, canvas->cols - x, LOOK_PROMPT, line->text + from);
	if (app->message[0] && end + 3 < canvas->cols)
		canvas_text(canvas, y, end + 3, canvas->cols - end - 3, app->message_style,
			    app->message);
	return x + canvas_width(canvas, line->text + from, line->cursor - from);
}

/* The last line; column of the cursor, or -1. */
static int bottom_draw(struct app *app, int y)
{
	if (app->prompting)
		return prompt_draw(app, y);
	if (app->message[0])
		canvas_text(&app->canvas, y, 0, app->canvas.cols, app->message_style, app->message);
	else if (!problem_draw(app, y))
		key_bar(app, y);
	return -1;
}

static void menu_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->canvas;
	const struct view *view = app_view(app);
	const struct column *columns[COLUMNS_MAX];
	size_t n = act_sort_columns(view, columns, COLUMNS_MAX);
	int width = 16;
	canvas_text(canvas, y, 0, width, LOOK_TAB_OPEN, " Sort by        ");
	for (size_t i = 0; i < n; i++) {
		int row = y + 1 + (int)i;
		enum style style = i == app->menu_selected ? LOOK_SELECTED : LOOK_TITLES;
		canvas_blank(canvas, row, 0, width, style);
		canvas_text(canvas, row, 1, width - 1, style, columns[i]->title);
	}
}

/* While the first sample is on its way. */
static void connecting_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->canvas;
	canvas_printf(canvas, y, 1, canvas->cols - 1, LOOK_STRONG, "Looking into process %d ...",
		      (int)app->next_pid);
	if (app->status.failures)
		canvas_text(canvas, y + 2, 1, canvas->cols - 1, LOOK_BAD, app->status.error.msg);
}

void frame_draw(struct app *app, int *cursor_y_ret, int *cursor_x_ret)
{
	struct canvas *canvas = &app->canvas;
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
		view->ops->draw(view, app, y, bottom - y);
	else
		table_draw(view, app, y, bottom > y ? bottom - y : canvas->rows - y);
	if (app->menu_open)
		menu_draw(app, top);
	if (!bottom)
		return;
	int cursor = bottom_draw(app, bottom);
	*cursor_y_ret = cursor < 0 ? -1 : bottom;
	*cursor_x_ret = cursor;
}
