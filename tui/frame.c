#include "tui/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "render/part.h"
#include "render/units.h"
#include "render/width.h"
#include "tui/bar.h"
#include "tui/header.h"
#include "tui/lines.h"
#include "tui/model.h"
#include "tui/table.h"
#include "tui/view_waits.h"

enum {
	COLS_ALL_TABS = 60,
	MESSAGE_ROWS = 4,
	FILTER_COLS = 16, /* of a filter, that a title leaves room for */
};

/* A message of ours as lines. A word that no line has room for, the name of a file, goes on in the
 * next one. */
static void message_lines(const struct canvas *canvas, enum style style, const char *text,
			  struct lines *ret)
{
	CLEANUP(lines_deinit) struct lines words = {0};
	lines_wrapped(&words, style, text, canvas->cols, canvas->utf8);
	for (size_t i = 0; i < words.at.len; i++) {
		struct part rest = {words.at.at[i].text, strlen(words.at.at[i].text)};
		do {
			struct part line = part_head(rest, canvas->cols, canvas->utf8);
			lines_printf(ret, style, "%.*s", (int)line.len, line.s);
			part_cut(&rest, line.len ? line.len : rest.len);
		} while (rest.len);
	}
}

/* A message in as many rows as it takes, and no more than `height`. It begins with row `y`, or if
 * `upward` ends with it. The row behind it. */
static int message_draw(struct canvas *canvas, int y, int height, bool upward, enum style style,
			const char *text)
{
	CLEANUP(lines_deinit) struct lines lines = {0};
	message_lines(canvas, style, text, &lines);
	int n = (int)lines.at.len < height ? (int)lines.at.len : height;
	y -= upward && n ? n - 1 : 0;
	for (int i = 0; i < n; i++) {
		canvas_blank(canvas, y + i, 0, canvas->cols,
			     style == STYLE_BANNER ? style : STYLE_NORMAL);
		canvas_text(canvas, y + i, 0, canvas->cols, style, lines.at.at[i].text);
	}
	return y + n;
}

/* On all views but the one that shows it. */
static int deadlock_draw(struct app *app, int y, int end)
{
	const struct sample *sample = app->ui.model ? model_sample(app->ui.model) : NULL;
	char text[160], behind[48] = "", who[64] = "a goroutine waits for itself";
	if (!sample || !sample->deadlock.members || app_view(app)->ops == &view_waits)
		return y;
	const struct sample_deadlock *deadlock = &sample->deadlock;
	if (deadlock->members > 1)
		snprintf(who, sizeof(who), "%zu goroutines wait for each other", deadlock->members);
	if (deadlock->behind)
		snprintf(behind, sizeof(behind), ", and %zu more for them", deadlock->behind);
	snprintf(text, sizeof(text), " Deadlock: %s%s (goroutine %" PRIu64 "; see Waits)", who,
		 behind, deadlock->goid);
	return message_draw(&app->ui.canvas, y, end - y < MESSAGE_ROWS ? end - y : MESSAGE_ROWS,
			    false, STYLE_BANNER, text);
}

/* If nothing new comes: why. */
static int banner_draw(struct app *app, int y, int end)
{
	char text[sizeof(app->status.error.msg) + 80];
	y = deadlock_draw(app, y, end);
	if (!app->ui.model || app->status.state != SAMPLER_ENDED || y >= end)
		return y;
	snprintf(text, sizeof(text), " Last picture, %s ago%s: %s",
		 units_age(clock_mono_ns() - app->status.since_mono_ns).s,
		 app->following ? ", waits for its successor" : "", app->status.error.msg);
	return message_draw(&app->ui.canvas, y, end - y < MESSAGE_ROWS ? end - y : MESSAGE_ROWS,
			    false, STYLE_BANNER, text);
}

/* A name, so that there is room for the text behind it. */
static int subject_draw(struct canvas *canvas, int y, int x, int room, const struct name *name,
			const struct strbuf *behind)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	room -= canvas_width(canvas, behind->s ? behind->s : "", behind->len);
	name_fit(name, room, canvas->utf8, &text);
	return canvas_text(canvas, y, x, canvas->cols - x, STYLE_NORMAL, text.s ? text.s : "");
}

/* Drop parts of a title from its end, "by start, 37 groups; growing first", until it fits. */
static void title_fit(char *title, int room, bool utf8)
{
	while (width_text(title, strlen(title), utf8) > room) {
		size_t end = strlen(title);
		while (end && title[end - 1] != ',' && title[end - 1] != ';')
			end--;
		if (end < 2)
			return;
		title[end - 1] = 0;
	}
}

/* Columns that a filter takes behind the title; of a long one a part is enough. */
static int filter_width(const struct app *app, const struct view *view)
{
	if (!view->filter[0] || app->prompting)
		return 0;
	int width = 3 + canvas_width(&app->ui.canvas, view->filter, strlen(view->filter));
	return width < FILTER_COLS ? width : FILTER_COLS;
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
	// Of one that has ended the banner says it.
	if (tabs && app->following && app->status.state != SAMPLER_ENDED)
		x += canvas_text(canvas, y, x, canvas->cols - x, STYLE_STRONG, "following") + 1;
	if (view->ops->title)
		view->ops->title(view, &app->ui, &text);
	int room = canvas->cols - x - filter_width(app, view);
	if (view->ops->subject)
		x += subject_draw(canvas, y, x, room, view->ops->subject(view), &text);
	else if (text.s)
		title_fit(text.s, room, canvas->utf8);
	x += canvas_text(canvas, y, x, canvas->cols - x, STYLE_NORMAL, text.s ? text.s : "");
	strbuf_deinit(&text);
	if (view->filter[0] && !app->prompting)
		canvas_printf(canvas, y, x, canvas->cols - x, STYLE_WARN, "  /%s", view->filter);
}

/* A message above the last row, or in it. */
static void say(struct app *app, int y, enum style style, const char *text)
{
	message_draw(&app->ui.canvas, y, y < MESSAGE_ROWS ? y : MESSAGE_ROWS, true, style, text);
}

static bool problem_draw(struct app *app, int y)
{
	const struct sampler_status *status = &app->status;
	char text[sizeof(status->error.msg) + 40];
	if (!app->ui.model || app->picker)
		return false;
	if (status->failures && status->state != SAMPLER_ENDED) {
		snprintf(text, sizeof(text), "%s (%lu in a row)", status->error.msg,
			 status->failures);
		say(app, y, STYLE_BAD, text);
		return true;
	}
	const char *problem = gospy_snapshot_info(model_sample(app->ui.model)->snapshot)->problem;
	if (!problem)
		return false;
	say(app, y, STYLE_WARN, problem);
	return true;
}

/* Left end of the prompt's text, so that its cursor is in sight. */
static int prompt_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->ui.canvas;
	const struct line_edit *line = &app->prompt;
	// Where there is little room, keys need it more.
	bool said = app->picker && !app->help && canvas->cols >= COLS_ALL_TABS;
	const char *name = app->searching ? "Search: " : said ? "Filter: " : "/";
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
	int behind = end + (canvas->cols < COLS_ALL_TABS ? 2 : 3), room = canvas->cols - behind;
	if (!app->message[0])
		bar_draw_prompt(app, y, behind);
	else if (canvas_width(canvas, app->message, strlen(app->message)) <= room)
		canvas_text(canvas, y, behind, room, app->message_style, app->message);
	else if (y > 1)
		say(app, y - 1, app->message_style, app->message);
	return x + canvas_width(canvas, line->text + from, line->cursor - from);
}

/* The last line; column of the cursor, or -1. */
static int bottom_draw(struct app *app, int y)
{
	if (app->prompting)
		return prompt_draw(app, y);
	if (app->message[0])
		say(app, y, app->message_style, app->message);
	else if (!problem_draw(app, y))
		bar_draw(app, y);
	return -1;
}

/* Columns that the menu takes. */
static int menu_width(const struct view *view)
{
	static const char title[] = "Sort by";
	const struct column *columns[COLUMNS_MAX];
	size_t n = table_sort_columns(view, columns, COLUMNS_MAX), width = strlen(title);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(columns[i]->title);
		width = len > width ? len : width;
	}
	return (int)width + 2;
}

static void menu_draw(struct app *app, int y)
{
	struct canvas *canvas = &app->ui.canvas;
	const struct view *view = app_view(app);
	const struct column *columns[COLUMNS_MAX];
	size_t n = table_sort_columns(view, columns, COLUMNS_MAX);
	int width = menu_width(view);
	canvas_blank(canvas, y, 0, width, STYLE_TAB_OPEN);
	canvas_text(canvas, y, 1, width - 1, STYLE_TAB_OPEN, "Sort by");
	for (size_t i = 0; i < n; i++) {
		int row = y + 1 + (int)i;
		enum style style = i == app->menu_selected ? STYLE_SELECTED : STYLE_TITLES;
		canvas_blank(canvas, row, 0, width, style);
		canvas_text(canvas, row, 1, width - 1, style, columns[i]->title);
	}
}

/* Why a table is empty. Its titles are there. */
static void nothing_draw(struct app *app, const struct view *view, int y, int end)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	if (view->list.count || view->ops->untitled)
		return;
	if (view->filter[0])
		strbuf_printf(&text, "nothing matches %s", view->filter);
	else if (view->ops->nothing)
		view->ops->nothing(view, &app->ui, &text);
	if (text.len && y < end)
		message_draw(&app->ui.canvas, y, end - y, false, STYLE_DIM, text.s);
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
		message_draw(canvas, y + 2, canvas->rows - y - 2, false, STYLE_BAD,
			     app->status.error.msg);
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
		y = banner_draw(app, y, bottom);
	if (y < bottom && canvas->rows > 3)
		tabs_draw(app, y++);
	int top = y;
	view->left = app->menu_open ? menu_width(view) + COLUMN_GAP : 0;
	if (view->ops->draw)
		view->ops->draw(view, &app->ui, y, bottom - y);
	else
		table_draw(view, &app->ui, y, bottom > y ? bottom - y : canvas->rows - y);
	if (!view->ops->draw)
		nothing_draw(app, view, y + 1, bottom);
	if (app->menu_open)
		menu_draw(app, top);
	if (!bottom)
		return;
	int cursor = bottom_draw(app, bottom);
	*cursor_y_ret = cursor < 0 ? -1 : bottom;
	*cursor_x_ret = cursor;
}
