#include "tui/view_groups.h"

#include "tui/members.h"
#include "tui/model_rows.h"
#include "tui/model_text.h"
#include "tui/table.h"

static const struct column columns[] = {
	{.title = "", .key = "flag", .width = 1, .sort = COLUMN_UNSORTED},
	{.title = "COUNT",
	 .short_title = "N",
	 .key = "count",
	 .width = 6,
	 .right = true,
	 .sort = COLUMN_COUNT},
	{.title = "DELTA",
	 .key = "delta",
	 .width = 7,
	 .rank = 4,
	 .right = true,
	 .sort = COLUMN_DELTA},
	{.title = "/MIN", .key = "rate", .width = 7, .rank = 2, .right = true, .sort = COLUMN_RATE},
	{.title = "OLDEST",
	 .key = "oldest",
	 .width = 7,
	 .rank = 3,
	 .right = true,
	 .sort = COLUMN_OLDEST},
	{.title = "STATE",
	 .key = "state",
	 .good = 14,
	 .enough = 10, // with less a column beside it would cost what tells reasons apart
	 .rank = 1,
	 .sort = COLUMN_STATE},
	{.title = "LOCATION", .key = "location", .good = 38, .enough = 18, .sort = COLUMN_LOCATION},
	[1 + COLUMN_APART] = {.title = "DIFFERS AT",
			      .key = "differs_at",
			      .good = 34,
			      .sort = COLUMN_UNSORTED},
	{.title = "WAITS AT", .key = "waits_at", .good = 34, .rank = 5, .sort = COLUMN_USER},
	{.title = "CREATED BY",
	 .key = "created_by",
	 .good = 30,
	 .enough = 22,
	 .rank = 6,
	 .spare = true,
	 .sort = COLUMN_CREATOR},
};

struct groups_view {
	struct view view;
	const struct model_row *const *rows; /* of the model; valid until it changes */
	size_t count;
	bool users_told; /* one of them is known, and LOCATION has another thing */
};

static size_t groups_total(const struct view *view)
{
	return ((const struct groups_view *)view)->count;
}

static uint64_t groups_id(const struct view *view, size_t row)
{
	return ((const struct groups_view *)view)->rows[row]->id;
}

static void groups_update(struct view *view, struct ui *ui)
{
	struct groups_view *groups = (struct groups_view *)view;
	groups->rows = model_rows(ui->model, &groups->count);
	bool inverted;
	groups->users_told = false;
	enum group_key key = model_key(ui->model);
	bool said = key == GROUP_USER || key == GROUP_STACK;
	for (size_t i = 0; !said && i < groups->count; i++)
		groups->users_told |= groups->rows[i]->users_known;
	view->sort = (int)model_sort(ui->model, &inverted);
	view->inverted = inverted;
}

static enum style cell_style(const struct model_row *row, enum model_column column)
{
	if (row->gone)
		return STYLE_DIM;
	switch (column) {
	case COLUMN_COUNT:
		return STYLE_STRONG;
	case COLUMN_DELTA:
		return row->delta > 0 ? STYLE_WARN : row->delta < 0 ? STYLE_GOOD : STYLE_DIM;
	case COLUMN_RATE:
		return row->growing ? STYLE_BAD : STYLE_DIM;
	case COLUMN_LOCATION:
		return row->appeared ? STYLE_NEW : STYLE_FUNC;
	case COLUMN_APART:
	case COLUMN_USER:
		return STYLE_FUNC;
	case COLUMN_CREATOR:
		return STYLE_FILE;
	case COLUMN_OLDEST:
	case COLUMN_STATE:
	case MODEL_COLUMNS:
		break;
	}
	return STYLE_NORMAL;
}

static void groups_marker(const struct model_row *row, const struct glyphs *glyphs,
			  struct cell_value *value)
{
	const char *text = row->growing    ? glyphs->growing
			   : row->gone     ? glyphs->gone
			   : row->appeared ? glyphs->new
					   : "";
	value->style = row->growing ? STYLE_BAD : row->gone ? STYLE_DIM : STYLE_NEW;
	strbuf_puts(&value->text, text);
}

/* The user sees the key even where its own column has no room: then it takes that of LOCATION. */
static bool groups_arranged(const struct view *view, const struct ui *ui)
{
	return model_key(ui->model) != GROUP_CREATOR || view->widths[COLUMN_CREATOR + 1];
}

static const char *groups_column_title(const struct view *view, const struct ui *ui, size_t column)
{
	if (columns[column].sort != COLUMN_LOCATION)
		return NULL;
	if (model_key(ui->model) == GROUP_OBJECT)
		return "OBJECT";
	if (model_key(ui->model) == GROUP_LABEL)
		return "LABELS";
	return view->makeshift ? "CREATED BY" : NULL;
}

static void groups_cell(struct view *view, const struct ui *ui, size_t at, size_t column,
			struct cell_value *value)
{
	const struct model_row *row = ((struct groups_view *)view)->rows[at];
	if (!column) {
		groups_marker(row, ui->canvas.glyphs, value);
		return;
	}
	enum model_column which = (enum model_column)(column - 1);
	if (which == COLUMN_CREATOR && view->makeshift)
		return;
	if (which == COLUMN_LOCATION && view->makeshift)
		which = COLUMN_CREATOR;
	// A column of nothing but question marks, or of the places beside it, would only take room.
	if (which == COLUMN_USER && !((struct groups_view *)view)->users_told)
		return;
	value->style = cell_style(row, which);
	if (which == COLUMN_COUNT)
		value->number = row->count;
	else if (which == COLUMN_OLDEST)
		value->number = row->oldest_ns;
	value->named = model_name(row, which, model_key(ui->model), ui->canvas.utf8, &value->name);
	model_cell(row, which, ui->canvas.utf8, &value->text);
}

static void change_key(struct view *view, struct ui *ui, int step)
{
	int key = ((int)model_key(ui->model) + step + GROUP_KEYS) % GROUP_KEYS;
	model_set_key(ui->model, (enum group_key)key);
	ui->ops->configure(ui);
	view_update(view, ui);
}

static void open_row(struct groups_view *groups, struct ui *ui)
{
	size_t at = table_selected(&groups->view);
	if (at == SIZE_MAX)
		return;
	const struct model_row *row = groups->rows[at];
	if (row->gone)
		ui_say(ui, STYLE_WARN, "they are gone: there is nothing to look into");
	else
		ui->ops->show_group(ui, row);
}

/* Of the selected group; one that is gone has no stacks. */
static void show_flame(struct groups_view *groups, struct ui *ui)
{
	size_t at = table_selected(&groups->view);
	const struct model_row *row = at == SIZE_MAX ? NULL : groups->rows[at];
	if (!row || row->gone) {
		ui->ops->show_flame(ui, NULL, NULL);
		return;
	}
	const struct members members = {.what = MEMBERS_OF_ROW, .id = row->id};
	const struct name subject =
		model_subject(row, model_key(ui->model), ui->canvas.utf8, "stacks of ");
	ui->ops->show_flame(ui, &members, &subject);
}

static bool groups_act(struct view *view, struct ui *ui, enum action action)
{
	char why[8];
	switch ((int)action) {
	case ACT_OPEN:
		open_row((struct groups_view *)view, ui);
		return true;
	case ACT_FLAME:
		show_flame((struct groups_view *)view, ui);
		return true;
	case ACT_OBJECT:
		if (model_key(ui->model) == GROUP_OBJECT)
			open_row((struct groups_view *)view, ui);
		else
			ui_say(ui, STYLE_WARN,
			       "o is for one goroutine: open the group, or group by object (t)");
		return true;
	case ACT_KEY_NEXT:
		change_key(view, ui, 1);
		return true;
	case ACT_KEY_BEFORE:
		change_key(view, ui, -1);
		return true;
	case ACT_GROWING:
		model_set_growing_first(ui->model, !model_growing_first(ui->model));
		ui_say(ui, STYLE_NORMAL, "%s",
		       model_growing_first(ui->model)
			       ? "groups that grow steadily come first"
			       : "growing groups come where the order puts them");
		view_update(view, ui);
		return true;
	case ACT_SORTED:
		model_set_sort(ui->model, (enum model_column)view->sort, view->inverted);
		groups_update(view, ui);
		return true;
	case ACT_FILTERED:
		if (model_set_filter(ui->model, view->filter, why, sizeof(why)))
			groups_update(view, ui);
		return true;
	default:
		return false;
	}
}

static void groups_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	size_t total = model_row_total(ui->model);
	strbuf_printf(text, "by %s", group_key_text(model_key(ui->model)));
	if (!model_key_known(ui->model))
		strbuf_puts(text, " (reading)");
	else if (view->filter[0])
		strbuf_printf(text, ", %zu of %zu groups", view->list.count, total);
	else
		strbuf_printf(text, ", %zu group%s", total, total == 1 ? "" : "s");
	if (model_growing_first(ui->model))
		strbuf_puts(text, ", growing first");
}

static bool groups_can(const struct view *view, const struct ui *ui, enum action action)
{
	(void)view;
	if (ui->core && (action == ACT_MARK || action == ACT_GROWING))
		return false;
	return action != ACT_OBJECT || model_key(ui->model) == GROUP_OBJECT;
}

static const struct hint hints[] = {
	{ACT_OPEN, "open"},          {ACT_FILTER, "filter"},   {ACT_KEY_NEXT, "group"},
	{ACT_SORT_MENU, "sort"},     {ACT_MARK, "mark"},       {ACT_FLAME, "flame"},
	{ACT_OBJECT, "same object"}, {ACT_GROWING, "growing"}, {ACT_WRITE, "write"},
};

const struct view_ops view_groups = {
	.name = "Groups",
	.size = sizeof(struct groups_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.presorted = true,
	.update = groups_update,
	.hints = hints,
	.hint_count = sizeof(hints) / sizeof(hints[0]),
	.can = groups_can,
	.total = groups_total,
	.id = groups_id,
	.cell = groups_cell,
	.column_title = groups_column_title,
	.arranged = groups_arranged,
	.act = groups_act,
	.title = groups_title,
};
