#include "tui/act.h"

#include <string.h>

#include "base/cleanup.h"
#include "render/units.h"
#include "tui/model_rows.h"
#include "tui/save.h"
#include "tui/table.h"
#include "tui/view_groups.h"
#include "tui/view_help.h"

static const uint64_t MS = 1000000;

/* ---- going from view to view */

static void turn(struct app *app, size_t by)
{
	if (app->picker || app->help)
		return;
	app->tab = (app->tab + by) % APP_TABS;
	app_configure(app);
	app_update(app);
}

/* The view with this number; once more, from what was opened in it. */
static void show_view(struct app *app, size_t tab)
{
	if (app->picker || !app->ui.model)
		return;
	if (tab >= APP_TABS) {
		ui_say(&app->ui, STYLE_WARN, "there are %d views", APP_TABS);
		return;
	}
	bool again = tab == app->tab && !app->help;
	view_close(take(app->help));
	while (again && app->depth[tab] > 1)
		view_close(app->tabs[tab][--app->depth[tab]]);
	app->tab = tab;
	app_configure(app);
	app_update(app);
}

static void show_help(struct app *app)
{
	if (app->help)
		return;
	app->help = view_open(&view_help);
	app_update(app);
}

static void clear_filter(struct app *app, struct view *view)
{
	char why[8];
	if (table_filter(view, &app->ui, "", why, sizeof(why)))
		app_update(app);
}

/* In the list of processes whatever is typed is its filter. */
static void prompt_picker(struct app *app)
{
	line_edit_set(&app->prompt, app->picker->filter);
	app->prompting = true;
	app->searching = false;
}

static void go_back(struct app *app)
{
	struct view *view = app_view(app);
	if (view->filter[0]) {
		clear_filter(app, view);
		if (view == app->picker)
			prompt_picker(app);
	} else if (app->help) {
		view_close(take(app->help));
		if (app->picker)
			prompt_picker(app);
		app_update(app);
	} else if (app->picker) {
		app_leave_picker(app);
	} else if (app->depth[app->tab] > 1) {
		view_close(view);
		app->depth[app->tab]--;
		app_configure(app);
		app_update(app);
	} else {
		app_pick(app);
	}
}

/* ---- the menu of columns */

static void menu_open(struct app *app)
{
	const struct column *columns[COLUMNS_MAX];
	const struct view *view = app_view(app);
	size_t n = table_sort_columns(view, columns, COLUMNS_MAX);
	if (!n) {
		ui_say(&app->ui, STYLE_WARN, "there is nothing to sort here");
		return;
	}
	app->menu_open = true;
	app->menu_selected = 0;
	for (size_t i = 0; i < n; i++) {
		if (columns[i]->sort == view->sort)
			app->menu_selected = i;
	}
}

static void menu_key(struct app *app, int code)
{
	const struct column *columns[COLUMNS_MAX];
	struct view *view = app_view(app);
	size_t n = table_sort_columns(view, columns, COLUMNS_MAX);
	switch ((int)keys_action(code)) {
	case ACT_UP:
		app->menu_selected -= app->menu_selected > 0;
		break;
	case ACT_DOWN:
		app->menu_selected += app->menu_selected + 1 < n;
		break;
	case ACT_HOME:
		app->menu_selected = 0;
		break;
	case ACT_END:
		app->menu_selected = n - 1;
		break;
	case ACT_OPEN:
		app->menu_open = false;
		table_sort(view, &app->ui, columns[app->menu_selected]->sort, false);
		break;
	case ACT_QUIT:
		app->quit = code != 'q';
		app->menu_open = false;
		break;
	case ACT_BACK:
	case ACT_SORT_MENU:
		app->menu_open = false;
		break;
	default:
		break;
	}
}

/* ---- typing a filter, or what is to be looked for */

static void prompt_open(struct app *app, bool searching)
{
	struct view *view = app_view(app);
	if (view->ops->draw && !view->ops->searches) {
		ui_say(&app->ui, STYLE_WARN, "there are no lines to %s here",
		       searching ? "look through" : "filter");
		return;
	}
	searching &= !view->ops->searches;
	line_edit_set(&app->prompt, searching ? "" : view->filter);
	app->prompting = true;
	app->searching = searching;
	app->message[0] = '\0';
}

static void prompt_changed(struct app *app)
{
	char why[160];
	app->message[0] = '\0';
	bool ok =
		app->searching
			? table_find(app_view(app), &app->ui, app->prompt.text, why, sizeof(why))
			: table_filter(app_view(app), &app->ui, app->prompt.text, why, sizeof(why));
	if (!ok)
		ui_say(&app->ui, STYLE_BAD, "%s", why);
}

static void prompt_key(struct app *app, int code)
{
	enum action action = keys_action(code);
	bool picking = app->picker && !app->help;
	if (code == KEY_RETURN || code == KEY_ESCAPE) {
		app->prompting = picking;
		app->message[0] = '\0';
		if (code == KEY_ESCAPE && picking)
			go_back(app);
		else if (code == KEY_ESCAPE && !app->searching)
			clear_filter(app, app_view(app));
		else if (picking)
			app->picker->ops->act(app->picker, &app->ui, ACT_OPEN);
	} else if (code == KEY_CTRL_C || code == KEY_FUNCTION + 10) {
		app->quit = true;
	} else if (app->searching && action == ACT_SEARCH) {
		table_search(app_view(app), &app->ui, true);
	} else if (code == KEY_FUNCTION + 1 && picking) {
		app->prompting = false;
		show_help(app);
	} else if (code == KEY_FUNCTION + 6 && picking) {
		menu_open(app);
	} else if (code == KEY_CTRL_L && picking) {
		app->redraw = true;
		app->picker->ops->act(app->picker, &app->ui, ACT_REFRESH);
	} else if (code >= KEY_SPECIAL && action >= ACT_UP && action <= ACT_PAGE_DOWN) {
		const struct view *view = app_view(app);
		if (!view->ops->draw)
			table_act(app_view(app), &app->ui, action);
		else
			view->ops->act(app_view(app), &app->ui, action);
	} else if (line_edit_key(&app->prompt, code)) {
		prompt_changed(app);
	}
}

/* ---- the target */

static void change_interval(struct app *app, bool longer)
{
	static const uint64_t steps[] = {100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
	uint64_t now = app->sampling.refresh_ns, to = now;
	size_t n = sizeof(steps) / sizeof(steps[0]);
	for (size_t i = 0; i < n; i++) {
		uint64_t up = steps[i] * MS, down = steps[n - 1 - i] * MS;
		if (to == now && longer && up > now)
			to = up;
		if (to == now && !longer && down < now)
			to = down;
	}
	app->sampling.refresh_ns = to;
	app_configure(app);
	ui_say(&app->ui, STYLE_NORMAL, "a look every %s", units_go_duration(to).s);
}

static void toggle_stopping(struct app *app)
{
	app->sampling.non_blocking = !app->sampling.non_blocking;
	app_configure(app);
	ui_say(&app->ui, STYLE_NORMAL, "%s",
	       app->sampling.non_blocking
		       ? "from now on the target is not stopped"
		       : "from now on the target is stopped for an instant at each look");
}

static void toggle_following(struct app *app)
{
	app->following = !app->following;
	if (app->following && !app->follow)
		app_watch(app);
	if (app->follow && app->following && app->status.state == SAMPLER_ENDED)
		follow_ended(app->follow);
	if (!app->follow)
		return; // it was said why
	ui_say(&app->ui, STYLE_NORMAL, "%s",
	       !app->following ? "when the process ends, its last picture stays"
	       : app->status.state == SAMPLER_ENDED
		       ? "waiting for a process that follows this one"
		       : "when the process ends, the one that follows it is shown");
}

static void toggle_freeze(struct app *app)
{
	app->ui.frozen = !app->ui.frozen;
	app_configure(app);
}

static void refresh_now(struct app *app, int code)
{
	if (code == KEY_CTRL_L)
		app->redraw = true;
	if (app->status.state == SAMPLER_ENDED && app->pid)
		app_connect(app, app->pid);
	else if (app->sampler)
		sampler_refresh(app->sampler);
}

static void mark(struct app *app)
{
	model_mark(app->ui.model);
	ui_say(&app->ui, STYLE_GOOD, "marked: DELTA and growth count from now on");
	app_update(app);
}

/* Do it, wherever it is asked for. */
static void show_groups(struct app *app)
{
	view_close(take(app->help));
	app->tab = 0;
	while (app->depth[0] > 1)
		view_close(app->tabs[0][--app->depth[0]]);
	app_configure(app);
	app_update(app);
}

/* What is about samples to come. */
static bool is_of_live(enum action action)
{
	static const enum action of_live[] = {ACT_MARK,   ACT_FREEZE,   ACT_REFRESH, ACT_SLOWER,
					      ACT_FASTER, ACT_STOPPING, ACT_FOLLOW};
	for (size_t i = 0; i < sizeof(of_live) / sizeof(of_live[0]); i++) {
		if (of_live[i] == action)
			return true;
	}
	return false;
}

/* Actions that need a target, whatever is shown of it. */
static bool act_on_target(struct app *app, enum action action, int code)
{
	if (!app->ui.model || app->picker)
		return false;
	if (app->ui.core && is_of_live(action)) {
		app->redraw |= code == KEY_CTRL_L;
		ui_say(&app->ui, STYLE_WARN, "this is a still picture: nothing in it changes");
		return true;
	}
	switch ((int)action) {
	case ACT_MARK:
		mark(app);
		return true;
	case ACT_FREEZE:
		toggle_freeze(app);
		return true;
	case ACT_REFRESH:
		refresh_now(app, code);
		return true;
	case ACT_SLOWER:
		change_interval(app, true);
		return true;
	case ACT_FASTER:
		change_interval(app, false);
		return true;
	case ACT_STOPPING:
		toggle_stopping(app);
		return true;
	case ACT_FOLLOW:
		toggle_following(app);
		return true;
	case ACT_FLAME:
		view_close(take(app->help));
		app->ui.ops->show_flame(&app->ui, NULL, NULL);
		return true;
	case ACT_KEY_NEXT:
	case ACT_KEY_BEFORE:
	case ACT_GROWING:
		show_groups(app);
		view_groups.act(app_view(app), &app->ui, action);
		return true;
	default:
		return false;
	}
}

static void act(struct app *app, enum action action, int code)
{
	struct view *view = app_view(app);
	switch ((int)action) {
	case ACT_QUIT:
		app->quit = true;
		return;
	case ACT_HELP:
		show_help(app);
		return;
	default:
		break;
	}
	if (!view)
		return;
	if (view->ops->act && view->ops->act(view, &app->ui, action))
		return;
	switch ((int)action) {
	case ACT_BACK:
		go_back(app);
		return;
	case ACT_VIEW_NEXT:
		turn(app, 1);
		return;
	case ACT_VIEW_BEFORE:
		turn(app, APP_TABS - 1);
		return;
	case ACT_VIEW_NUMBER:
		show_view(app, (size_t)(code - '1'));
		return;
	case ACT_FILTER:
		prompt_open(app, false);
		return;
	case ACT_SEARCH:
		prompt_open(app, true);
		return;
	case ACT_SORT_MENU:
		menu_open(app);
		return;
	case ACT_WRITE:
		save_screen(app);
		return;
	default:
		break;
	}
	if (!act_on_target(app, action, code) && !view->ops->draw)
		table_act(view, &app->ui, action);
}

void act_key(struct app *app, int code, const struct pointer *pointer)
{
	struct view *view = app_view(app);
	if (code == KEY_POINTER) {
		app->menu_open = false;
		if (view &&
		    (view->ops->draw ? view->ops->click && view->ops->click(view, &app->ui, pointer)
				     : table_click(view, &app->ui, pointer)))
			act(app, ACT_OPEN, code);
		return;
	}
	if (app->menu_open && view) {
		menu_key(app, code);
		return;
	}
	if (app->prompting && view) {
		prompt_key(app, code);
		return;
	}
	app->message[0] = '\0';
	act(app, keys_action(code), code);
}
