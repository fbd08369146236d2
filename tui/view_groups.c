/* The main view: groups of goroutines. */
#include "tui/app_state.h"

static const struct column columns[] = {
	{.title = "", .key = "flag", .width = 1, .sort = COLUMN_UNSORTED},
	{.title = "COUNT", .key = "count", .width = 8, .right = true, .sort = COLUMN_COUNT},
	{.title = "DELTA",
	 .key = "delta",
	 .width = 7,
	 .rank = 2,
	 .right = true,
	 .sort = COLUMN_DELTA},
	{.title = "RATE/MIN",
	 .key = "rate",
	 .width = 9,
	 .rank = 3,
	 .right = true,
	 .sort = COLUMN_RATE},
	{.title = "OLDEST",
	 .key = "oldest",
	 .width = 7,
	 .rank = 5,
	 .right = true,
	 .sort = COLUMN_OLDEST},
	{.title = "STATE",
	 .key = "state",
	 .width = 14,
	 .grows = 2,
	 .most = 28,
	 .rank = 4,
	 .sort = COLUMN_STATE},
	{.title = "LOCATION", .key = "location", .width = 18, .grows = 6, .sort = COLUMN_LOCATION},
	{.title = "CREATED BY",
	 .key = "created_by",
	 .width = 22,
	 .grows = 3,
	 .rank = 6,
	 .sort = COLUMN_CREATOR},
};

struct groups_view {
	struct view view;
	const struct model_row *const *rows; /* of the model; valid until it changes */
	size_t count;
};

static size_t groups_total(const struct view *view)
{
	return ((const struct groups_view *)view)->count;
}

static uint64_t groups_id(const struct view *view, size_t row)
{
	return ((const struct groups_view *)view)->rows[row]->id;
}

static void groups_update(struct view *view, struct app *app)
{
	struct groups_view *groups = (struct groups_view *)view;
	groups->rows = model_rows(app->model, &groups->count);
	bool inverted;
	view->sort = (int)model_sort(app->model, &inverted);
	view->inverted = inverted;
}

static enum style cell_style(const struct model_row *row, enum model_column column)
{
	if (row->gone)
		return LOOK_DIM;
	switch (column) {
	case COLUMN_COUNT:
		return LOOK_STRONG;
	case COLUMN_DELTA:
		return row->delta > 0   ? row->growing ? LOOK_BAD : LOOK_WARN
		       : row->delta < 0 ? LOOK_GOOD
					: LOOK_DIM;
	case COLUMN_RATE:
		return row->growing ? LOOK_BAD : LOOK_DIM;
	case COLUMN_LOCATION:
		return row->growing ? LOOK_BAD : row->appeared ? LOOK_NEW : LOOK_FUNC;
	case COLUMN_CREATOR:
		return LOOK_FILE;
	case COLUMN_OLDEST:
	case COLUMN_STATE:
	case MODEL_COLUMNS:
		break;
	}
	return LOOK_NORMAL;
}

static void groups_marker(const struct model_row *row, const struct glyphs *glyphs,
			  struct cell_value *value)
{
	const char *text = row->growing    ? glyphs->growing
			   : row->gone     ? glyphs->gone
			   : row->appeared ? glyphs->new
					   : "";
	value->style = row->growing ? LOOK_BAD : row->gone ? LOOK_DIM : LOOK_NEW;
	strbuf_puts(&value->text, text);
}

static void groups_cell(struct view *view, const struct app *app, size_t at, size_t column,
			struct cell_value *value)
{
	const struct model_row *row = ((struct groups_view *)view)->rows[at];
	if (!column) {
		groups_marker(row, app->canvas.glyphs, value);
		return;
	}
	enum model_column which = (enum model_column)columns[column].sort;
	// What is grouped by is seen also where its own column has no room.
	if (which == COLUMN_LOCATION && model_key(app->model) == GROUP_CREATOR &&
	    !view->widths[COLUMN_CREATOR + 1])
		which = COLUMN_CREATOR;
	value->style = cell_style(row, which);
	if (which == COLUMN_COUNT)
		value->number = row->count;
	else if (which == COLUMN_OLDEST)
		value->number = row->oldest_ns;
	value->end = which == COLUMN_CREATOR || (which == COLUMN_LOCATION && !row->title);
	model_cell(row, which, app->canvas.utf8, &value->text);
}

static void change_key(struct app *app, int step)
{
	int key = ((int)model_key(app->model) + step + GROUP_KEYS) % GROUP_KEYS;
	app->sampling.key = (enum group_key)key;
	model_set_key(app->model, app->sampling.key);
	app_configure(app);
	app_update(app);
}

static void open_row(struct groups_view *groups, struct app *app)
{
	size_t at = table_selected(&groups->view);
	if (at == SIZE_MAX)
		return;
	const struct model_row *row = groups->rows[at];
	if (row->gone)
		app_say(app, LOOK_WARN, "they are gone: there is nothing to look into");
	else
		app_push(app, view_members_open_row(app, row));
}

static bool groups_act(struct view *view, struct app *app, enum action action)
{
	char why[8];
	switch ((int)action) {
	case ACT_OPEN:
		open_row((struct groups_view *)view, app);
		return true;
	case ACT_OBJECT:
		if (model_key(app->model) == GROUP_OBJECT)
			open_row((struct groups_view *)view, app);
		else
			app_say(app, LOOK_WARN,
				"o is for one goroutine: open the group, or group by object (t)");
		return true;
	case ACT_KEY_NEXT:
		change_key(app, 1);
		return true;
	case ACT_KEY_BEFORE:
		change_key(app, -1);
		return true;
	case ACT_GROWING:
		model_set_growing_first(app->model, !model_growing_first(app->model));
		app_say(app, LOOK_NORMAL, "%s",
			model_growing_first(app->model)
				? "groups that grow steadily come first"
				: "growing groups come where the order puts them");
		app_update(app);
		return true;
	case ACT_SORTED:
		model_set_sort(app->model, (enum model_column)view->sort, view->inverted);
		groups_update(view, app);
		return true;
	case ACT_FILTERED:
		if (model_set_filter(app->model, view->filter, why, sizeof(why)))
			groups_update(view, app);
		return true;
	default:
		return false;
	}
}

static const char *key_title(enum group_key key)
{
	switch (key) {
	case GROUP_START:
		return "start";
	case GROUP_CREATOR:
		return "creator";
	case GROUP_USER:
		return "user frame";
	case GROUP_CURRENT:
		return "current place";
	case GROUP_STACK:
		return "whole stack";
	case GROUP_STATE:
		return "state";
	case GROUP_OBJECT:
		return "wait object";
	case GROUP_LABEL:
		return "label";
	case GROUP_KEYS:
		break;
	}
	return "?";
}

static void groups_title(const struct view *view, const struct app *app, struct strbuf *text)
{
	size_t total = model_row_total(app->model);
	strbuf_printf(text, "by %s", key_title(model_key(app->model)));
	if (!model_key_known(app->model))
		strbuf_puts(text, " (reading)");
	else if (view->filter[0])
		strbuf_printf(text, ", %zu of %zu groups", view->list.count, total);
	else
		strbuf_printf(text, ", %zu groups", total);
	if (model_growing_first(app->model))
		strbuf_puts(text, ", growing first");
}

const struct view_ops view_groups = {
	.name = "Groups",
	.size = sizeof(struct groups_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.presorted = true,
	.update = groups_update,
	.total = groups_total,
	.id = groups_id,
	.cell = groups_cell,
	.act = groups_act,
	.title = groups_title,
};
