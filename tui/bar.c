#include "tui/bar.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum { ENTRIES_MAX = 24, COLS_LOOK_AGAIN = 60 };

struct entry {
	char key[16];
	const char *label;
	bool kept; /* has its place even where others have none */
};

struct bar {
	struct entry at[ENTRIES_MAX];
	size_t len;
};

static void add(struct bar *bar, const char *key, const char *label, bool kept)
{
	if (bar->len == ENTRIES_MAX)
		return;
	struct entry *entry = &bar->at[bar->len++];
	snprintf(entry->key, sizeof(entry->key), "%s", key);
	entry->label = label;
	entry->kept = kept;
}

static void add_action(struct bar *bar, enum action action, const char *label, bool kept)
{
	CLEANUP(strbuf_deinit) struct strbuf name = {0};
	keys_name(keys_code(action), &name);
	add(bar, name.s ? name.s : "", label, kept);
}

static int width_of(const struct entry *entry)
{
	return (int)(strlen(entry->key) + 1 + strlen(entry->label));
}

static int width_of_all(const struct bar *bar, int gap)
{
	int width = -gap;
	for (size_t i = 0; i < bar->len; i++)
		width += width_of(&bar->at[i]) + gap;
	return width;
}

/* Where not all have room, the last ones that are not kept give way, then the last of the others.
 */
static void drop_to(struct bar *bar, int width, int gap)
{
	for (size_t i = bar->len; i-- > 0 && width_of_all(bar, gap) > width;) {
		if (bar->at[i].kept)
			continue;
		bar->len--;
		memmove(&bar->at[i], &bar->at[i + 1], (bar->len - i) * sizeof(bar->at[0]));
	}
	while (bar->len && width_of_all(bar, gap) > width)
		bar->len--;
}

static void draw(struct canvas *canvas, int y, int x, const struct bar *bar, int gap)
{
	for (size_t i = 0; i < bar->len; i++) {
		const struct entry *entry = &bar->at[i];
		x += canvas_text(canvas, y, x, canvas->cols - x, STYLE_KEY, entry->key) + 1;
		x += canvas_text(canvas, y, x, canvas->cols - x, STYLE_KEY_LABEL, entry->label) +
		     gap;
	}
}

/* What Esc does here; NULL: nothing. */
static const char *back_label(const struct app *app, const struct view *view)
{
	if (view && view->filter[0])
		return "unfilter";
	if (app->help)
		return "back";
	if (app->picker)
		return app->ui.model ? "back" : app->options->chosen_ret ? "leave" : NULL;
	if (!view)
		return NULL;
	return app->depth[app->tab] > 1 ? "back" : "processes";
}

/* In the menu of columns. */
static void collect_menu(struct bar *bar)
{
	add_action(bar, ACT_OPEN, "sort", true);
	add_action(bar, ACT_BACK, "back", true);
	add(bar, "Up Down", "choose", false);
}

/* Enter first, then Esc, then the others. */
static void collect(struct app *app, struct bar *bar)
{
	static char views[8];
	const struct view *view = app_view(app);
	const char *back = back_label(app, view);
	bool target = view && app->ui.model && !app->picker && !app->help;
	size_t n = view ? view->ops->hint_count : 0, i = 0;
	bool ended = target && app->status.state == SAMPLER_ENDED;
	if (n && view->ops->hints[0].action == ACT_OPEN)
		add_action(bar, ACT_OPEN, view->ops->hints[i++].label, !ended);
	if (back)
		add_action(bar, ACT_BACK, back, true);
	if (ended) {
		bool narrow = app->ui.canvas.cols < COLS_LOOK_AGAIN;
		add_action(bar, ACT_REFRESH, narrow ? "again" : "look again", true);
		add_action(bar, ACT_FOLLOW, app->following ? "wait no more" : "wait for successor",
			   false);
	}
	for (; i < n; i++) {
		const struct hint *hint = &view->ops->hints[i];
		if (!view->ops->can || view->ops->can(view, &app->ui, hint->action))
			add_action(bar, hint->action, hint->label, false);
	}
	if (target) {
		if (!ended && !app->ui.core)
			add_action(bar, ACT_FREEZE, app->ui.frozen ? "go on" : "freeze", false);
		snprintf(views, sizeof(views), "1-%d", APP_TABS);
		add(bar, views, "view", false);
	}
	if (!app->help)
		add_action(bar, ACT_HELP, "help", true);
	add_action(bar, ACT_QUIT, "quit", true);
}

void bar_draw(struct app *app, int y)
{
	struct bar bar = {0};
	struct canvas *canvas = &app->ui.canvas;
	if (app->menu_open)
		collect_menu(&bar);
	else
		collect(app, &bar);
	int room = canvas->cols - 1;
	int gap = width_of_all(&bar, 2) <= room ? 2 : 1;
	drop_to(&bar, room, gap);
	draw(canvas, y, 0, &bar, gap);
}

/* Keys that work while something is typed; letters are text. */
static void collect_prompt(struct app *app, struct bar *bar)
{
	if (app->menu_open) {
		collect_menu(bar);
	} else if (app->picker && !app->help) {
		const char *back = back_label(app, app->picker);
		add_action(bar, ACT_OPEN, "open", true);
		if (back)
			add_action(bar, ACT_BACK, back, true);
		add(bar, "F1", "help", false);
		add(bar, "F6", "sort", false);
		add(bar, "Up Down", "choose", false);
		add(bar, "Ctrl-C", "quit", true);
	} else {
		add_action(bar, ACT_OPEN, app->searching ? "stay" : "keep", false);
		if (app->searching)
			add_action(bar, ACT_SEARCH, "next", false);
		add_action(bar, ACT_BACK, app->searching ? "end" : "unfilter", false);
	}
}

void bar_draw_prompt(struct app *app, int y, int x)
{
	struct bar bar = {0};
	struct canvas *canvas = &app->ui.canvas;
	collect_prompt(app, &bar);
	int gap = width_of_all(&bar, 2) <= canvas->cols - x ? 2 : 1;
	drop_to(&bar, canvas->cols - x, gap);
	if (bar.len)
		draw(canvas, y, canvas->cols - width_of_all(&bar, gap), &bar, gap);
}
