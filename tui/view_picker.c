#include "tui/view_picker.h"

#include <string.h>
#include <unistd.h>

#include "render/units.h"
#include "tui/procs.h"
#include "tui/table.h"

enum { BY_PID, BY_USER, BY_UP, BY_GOROUTINES, BY_RSS, BY_VERSION, BY_COMMAND };

static const struct column columns[] = {
	{.title = "PID", .key = "pid", .width = 8, .right = true, .sort = BY_PID},
	{.title = "USER", .key = "user", .width = 9, .rank = 4, .sort = BY_USER},
	{.title = "UP", .key = "up_ns", .width = 7, .rank = 2, .right = true, .sort = BY_UP},
	{.title = "GOROUTINES",
	 .short_title = "COUNT",
	 .key = "goroutines",
	 .width = 11,
	 .rank = 1,
	 .right = true,
	 .sort = BY_GOROUTINES},
	{.title = "RSS", .key = "rss", .width = 9, .rank = 5, .right = true, .sort = BY_RSS},
	{.title = "GO", .key = "go_version", .width = 10, .rank = 3, .sort = BY_VERSION},
	{.title = "COMMAND",
	 .key = "command",
	 .width = 22,
	 .good = 34,
	 .alike = true,
	 .sort = BY_COMMAND},
};

struct picker_view {
	struct view view;
	struct procs *procs;
	proc_list list;
	size_t unreadable;
	bool restricted; /* to some processes */
	bool known;      /* the list has come */
};

static size_t picker_total(const struct view *view)
{
	return ((const struct picker_view *)view)->list.len;
}

static uint64_t picker_id(const struct view *view, size_t row)
{
	return (uint64_t)((const struct picker_view *)view)->list.at[row].pid;
}

static void picker_update(struct view *view, struct ui *ui)
{
	struct picker_view *picker = (struct picker_view *)view;
	(void)ui;
	picker->known |= procs_take(picker->procs, &picker->list, &picker->unreadable);
}

/* What is wrong has room before the arguments have. */
static void command_text(const struct proc *proc, struct strbuf *text)
{
	const char *command = proc->command ? proc->command : "?";
	if (proc->problem)
		strbuf_printf(text, "%.*s: %s; ", (int)strcspn(command, " "), command,
			      proc->problem);
	strbuf_puts(text, command);
}

static void picker_cell(struct view *view, const struct ui *ui, size_t row, size_t column,
			struct cell_value *value)
{
	const struct proc *proc = &((struct picker_view *)view)->list.at[row];
	switch (columns[column].sort) {
	case BY_PID:
		value->style = STYLE_STRONG;
		cell_number(value, (uint64_t)proc->pid);
		break;
	case BY_USER:
		strbuf_puts(&value->text, proc->user ? proc->user : "?");
		break;
	case BY_UP:
		value->number = proc->up_ns;
		strbuf_puts(&value->text, units_span(proc->up_ns).s);
		break;
	case BY_GOROUTINES:
		value->style = proc->problem ? STYLE_WARN : STYLE_STRONG;
		if (proc->counted)
			cell_number(value, proc->goroutines);
		else
			strbuf_puts(&value->text, ui->canvas.glyphs->more);
		break;
	case BY_RSS:
		value->number = proc->rss;
		strbuf_puts(&value->text, units_bytes(proc->rss).s);
		break;
	case BY_VERSION:
		value->style = STYLE_LABEL;
		strbuf_puts(&value->text, proc->go_version ? proc->go_version : "?");
		break;
	case BY_COMMAND:
		value->style = proc->problem ? STYLE_WARN : STYLE_NORMAL;
		command_text(proc, &value->text);
		break;
	}
}

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* The most first; what is unknown last. */
static int compare_numbers(uint64_t a, uint64_t b)
{
	if (a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN)
		return (a == GOSPY_UNKNOWN) - (b == GOSPY_UNKNOWN);
	return a > b ? -1 : a < b;
}

static int picker_compare(struct view *view, int sort, size_t left, size_t right)
{
	const struct proc *list = ((struct picker_view *)view)->list.at;
	const struct proc *a = &list[left], *b = &list[right];
	switch (sort) {
	case BY_USER:
		return compare_texts(a->user, b->user);
	case BY_UP:
		return compare_numbers(a->up_ns, b->up_ns);
	case BY_GOROUTINES:
		return compare_numbers(a->goroutines, b->goroutines);
	case BY_RSS:
		return compare_numbers(a->rss, b->rss);
	case BY_VERSION:
		return compare_texts(a->go_version, b->go_version);
	case BY_COMMAND:
		return compare_texts(a->command, b->command);
	default:
		return a->pid < b->pid ? -1 : a->pid > b->pid;
	}
}

static bool picker_act(struct view *view, struct ui *ui, enum action action)
{
	struct picker_view *picker = (struct picker_view *)view;
	size_t row = table_selected(view);
	switch ((int)action) {
	case ACT_OPEN:
		if (row != SIZE_MAX)
			ui->ops->connect(ui, picker->list.at[row].pid);
		return true;
	case ACT_REFRESH:
		procs_refresh(picker->procs);
		return true;
	default:
		return false;
	}
}

static void add_unreadable(const struct picker_view *picker, struct strbuf *text)
{
	strbuf_printf(text, "%zu other%s may not be looked at%s", picker->unreadable,
		      picker->unreadable == 1 ? "" : "s", geteuid() ? " (sudo?)" : "");
}

static void picker_nothing(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	const struct picker_view *picker = (const struct picker_view *)view;
	(void)ui;
	if (!picker->known) {
		strbuf_puts(text, "looking for Go processes ...");
		return;
	}
	strbuf_puts(text, picker->restricted ? "they have ended" : "there is no Go process");
	if (picker->unreadable) {
		strbuf_puts(text, "; ");
		add_unreadable(picker, text);
	}
}

static void picker_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	const struct picker_view *picker = (const struct picker_view *)view;
	(void)ui;
	size_t n = picker->list.len;
	if (view->filter[0])
		strbuf_printf(text, "%zu of ", view->list.count);
	if (picker->restricted) {
		strbuf_printf(text, "%zu process%s; Enter takes one", n,
			      n == 1 ? " fits" : "es fit");
		return;
	}
	strbuf_printf(text, "%zu Go process%s", n, n == 1 ? "" : "es");
	if (picker->unreadable) {
		strbuf_puts(text, "; ");
		add_unreadable(picker, text);
	}
	strbuf_puts(text, "; Enter looks into one");
}

static void picker_close(struct view *view)
{
	struct picker_view *picker = (struct picker_view *)view;
	procs_stop(picker->procs);
	proc_list_free(&picker->list);
}

static const struct view_ops ops = {
	.name = "Processes",
	.size = sizeof(struct picker_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.no_header = true,
	.sort = BY_GOROUTINES,
	.update = picker_update,
	.total = picker_total,
	.id = picker_id,
	.cell = picker_cell,
	.compare = picker_compare,
	.act = picker_act,
	.nothing = picker_nothing,
	.title = picker_title,
	.close = picker_close,
};

enum gospy_code view_picker_open(const pid_t *only, size_t n, struct view **ret,
				 struct gospy_error *err)
{
	struct procs *procs;
	enum gospy_code code = procs_start(only, n, &procs, err);
	if (code)
		return code;
	struct picker_view *picker = view_open(&ops);
	picker->restricted = n > 0;
	picker->procs = procs;
	*ret = &picker->view;
	return GOSPY_OK;
}

int view_picker_fd(const struct view *view)
{
	return procs_fd(((const struct picker_view *)view)->procs);
}
