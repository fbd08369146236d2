#include "tui/view_help.h"

#include "tui/lines.h"

enum {
	KEYS_WIDTH = 15,
	TWO_COLUMNS = 76, /* from so many columns of the screen on there are two of text */
	SECTIONS_MAX = 16,
};

static const struct column columns[] = {
	{.title = "", .key = "left", .width = 37, .sort = COLUMN_UNSORTED},
	{.title = "", .key = "right", .width = 37, .rank = 1, .sort = COLUMN_UNSORTED},
};

struct help_view {
	struct view view;
	struct lines lines;
	size_t right;                  /* of the lines, the first in the right column */
	size_t sections[SECTIONS_MAX]; /* where each begins */
	size_t section_count;
};

static void section(struct help_view *help, const char *title)
{
	if (help->section_count < SECTIONS_MAX)
		help->sections[help->section_count++] = help->lines.at.len;
	lines_add(&help->lines, STYLE_TAB_OPEN, title);
}

/* A sign has one column, however many bytes. */
static void sign(struct help_view *help, const char *text, const char *meaning)
{
	lines_printf(&help->lines, STYLE_NORMAL, "  %s%*s %s", text, KEYS_WIDTH - 1, "", meaning);
}

/* What the signs mean. It comes first, since they are on every screen. */
static void legend(struct help_view *help, const struct glyphs *glyphs, bool utf8)
{
	struct lines *lines = &help->lines;
	section(help, "Signs");
	sign(help, glyphs->growing, "grows steadily");
	sign(help, glyphs->new, "new since the mark");
	sign(help, glyphs->gone, "gone; there is none");
	sign(help, "?", "not known");
	lines_printf(lines, STYLE_NORMAL, "  %s%*s %s",
		     utf8 ? "\xe2\x89\xa5" : ">=", KEYS_WIDTH - (utf8 ? 1 : 2), "",
		     "at least so long");
	sign(help, glyphs->more, "cut off; others, too");
	lines_printf(lines, STYLE_NORMAL, "  %-*s %s", KEYS_WIDTH, "moved, torn",
		     "changed meanwhile");
	lines_printf(lines, STYLE_NORMAL, "  Ps  %s runs, S in a system call,", glyphs->p_running);
	lines_printf(lines, STYLE_NORMAL, "      G waits for the GC, %s idle", glyphs->p_idle);
}

static void keys(struct help_view *help)
{
	size_t n;
	const struct binding *bindings = keys_all(&n);
	for (size_t i = 0; i < n; i++) {
		struct strbuf names = {0};
		if (bindings[i].section)
			section(help, bindings[i].section);
		if (!bindings[i].help)
			continue;
		binding_names(&bindings[i], &names);
		lines_printf(&help->lines, STYLE_NORMAL, "  %-*s %s", KEYS_WIDTH,
			     names.s ? names.s : "", bindings[i].help);
		strbuf_deinit(&names);
	}
}

/* Break where the longer of two columns is the shortest: between two sections. */
static void break_lines(struct help_view *help, const struct canvas *canvas)
{
	size_t n = help->lines.at.len;
	help->right = n;
	for (size_t i = 1; canvas->cols >= TWO_COLUMNS && i < help->section_count; i++) {
		size_t at = help->sections[i];
		size_t rows = at > n - at ? at : n - at;
		size_t best = help->right > n - help->right ? help->right : n - help->right;
		if (rows < best)
			help->right = at;
	}
}

static void help_update(struct view *view, struct ui *ui)
{
	struct help_view *help = (struct help_view *)view;
	if (!help->lines.at.len) {
		legend(help, ui->canvas.glyphs, ui->canvas.utf8);
		keys(help);
	}
	break_lines(help, &ui->canvas);
}

static size_t help_total(const struct view *view)
{
	const struct help_view *help = (const struct help_view *)view;
	size_t left = help->right, right = help->lines.at.len - left;
	return left > right ? left : right;
}

static void help_cell(struct view *view, const struct ui *ui, size_t row, size_t column,
		      struct cell_value *value)
{
	struct help_view *help = (struct help_view *)view;
	size_t first = column ? help->right : 0, end = column ? help->lines.at.len : help->right;
	(void)ui;
	if (first + row >= end)
		return;
	value->style = help->lines.at.at[first + row].style;
	strbuf_puts(&value->text, help->lines.at.at[first + row].text);
}

static void help_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	(void)view;
	(void)ui;
	strbuf_puts(text, "signs and keys; Esc goes back");
}

static void help_close(struct view *view)
{
	lines_deinit(&((struct help_view *)view)->lines);
}

static const struct hint hints[] = {
	{ACT_SEARCH, "search"},
	{ACT_MATCH_NEXT, "next match"},
};

static bool help_can(const struct view *view, const struct ui *ui, enum action action)
{
	(void)ui;
	return action != ACT_MATCH_NEXT || view->searched[0];
}

const struct view_ops view_help = {
	.name = "Help",
	.size = sizeof(struct help_view),
	.columns = columns,
	.column_count = 2,
	.untitled = true,
	.no_header = true,
	.sort = COLUMN_UNSORTED,
	.hints = hints,
	.hint_count = sizeof(hints) / sizeof(hints[0]),
	.can = help_can,
	.update = help_update,
	.total = help_total,
	.cell = help_cell,
	.title = help_title,
	.close = help_close,
};
