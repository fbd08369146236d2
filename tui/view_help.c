/* All keys, from their table. */
#include <stdlib.h>

#include "tui/app_state.h"
#include "tui/lines.h"

enum { KEYS_WIDTH = 22 };

static const struct column columns[] = {
	{.title = "", .key = "line", .width = 10, .grows = 1, .sort = COLUMN_UNSORTED},
};

struct help_view {
	struct view view;
	struct lines lines;
};

static void legend(struct lines *lines)
{
	lines_add(lines, LOOK_NORMAL, "");
	lines_add(lines, LOOK_TAB_OPEN, "The strip of Ps");
	lines_add(lines, LOOK_NORMAL,
		  "  One cell each: a block or R runs, S is in a system call, G waits for the");
	lines_add(lines, LOOK_NORMAL, "  collector, a dot is idle.");
	lines_add(lines, LOOK_TAB_OPEN, "The first column of groups");
	lines_add(lines, LOOK_NORMAL,
		  "  A triangle or ^ grows steadily, since the mark or for five minutes; + is new");
	lines_add(lines, LOOK_NORMAL, "  since the mark, - gone.");
}

static void fill(struct lines *lines)
{
	size_t n;
	const struct binding *bindings = keys_all(&n);
	for (size_t i = 0; i < n; i++) {
		struct strbuf names = {0};
		if (bindings[i].section)
			lines_add(lines, LOOK_TAB_OPEN, bindings[i].section);
		binding_names(&bindings[i], &names);
		lines_printf(lines, LOOK_NORMAL, "  %-*s %s", KEYS_WIDTH, names.s ? names.s : "",
			     bindings[i].help);
		strbuf_deinit(&names);
	}
	legend(lines);
}

static void help_update(struct view *view, struct app *app)
{
	struct help_view *help = (struct help_view *)view;
	(void)app;
	if (!help->lines.at.len)
		fill(&help->lines);
}

static size_t help_total(const struct view *view)
{
	return ((const struct help_view *)view)->lines.at.len;
}

static void help_cell(struct view *view, const struct app *app, size_t row, size_t column,
		      struct cell_value *value)
{
	(void)app;
	(void)column;
	lines_cell(&((struct help_view *)view)->lines, row, value);
}

static void help_title(const struct view *view, const struct app *app, struct strbuf *text)
{
	(void)view;
	(void)app;
	strbuf_puts(text, "keys; Esc goes back");
}

static void help_close(struct view *view)
{
	lines_deinit(&((struct help_view *)view)->lines);
}

const struct view_ops view_help = {
	.name = "Help",
	.size = sizeof(struct help_view),
	.columns = columns,
	.column_count = 1,
	.untitled = true,
	.no_header = true,
	.sort = COLUMN_UNSORTED,
	.update = help_update,
	.total = help_total,
	.cell = help_cell,
	.title = help_title,
	.close = help_close,
};
