#include "tui/view_sched.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "render/report_threads.h"
#include "render/select.h"
#include "tui/table.h"

enum { BY_P, BY_STATE, BY_THREAD, BY_CPU, BY_RUNQ, BY_TICKS, BY_GOID, BY_DOING };

static const struct column columns[] = {
	{.title = "P", .key = "p", .width = 4, .right = true, .sort = BY_P},
	{.title = "STATE", .key = "state", .width = 10, .sort = BY_STATE},
	{.title = "M", .key = "m", .width = 4, .rank = 5, .right = true, .sort = COLUMN_UNSORTED},
	{.title = "THREAD", .key = "tid", .width = 8, .rank = 3, .right = true, .sort = BY_THREAD},
	{.title = "CPU%",
	 .key = "cpu_percent",
	 .width = 6,
	 .rank = 1,
	 .right = true,
	 .sort = BY_CPU},
	{.title = "RUNQ", .key = "runq", .width = 5, .rank = 4, .right = true, .sort = BY_RUNQ},
	{.title = "TICKS/S",
	 .key = "schedticks_per_s",
	 .width = 8,
	 .rank = 2,
	 .right = true,
	 .sort = BY_TICKS},
	{.title = "GOID", .key = "goid", .width = 8, .right = true, .sort = BY_GOID},
	{.title = "DOES", .key = "does", .good = 38, .enough = 18, .sort = BY_DOING},
};

struct sched_row {
	uint64_t p, m, runq, goid;
	double ticks; /* a second; negative: unknown */
	double cpu;   /* percent of one processor; negative: unknown */
	pid_t tid;
	const char *state;
	enum style style;
	size_t index; /* of the goroutine, or SIZE_MAX */
	const char *doing;
	bool named;       /* by a place */
	struct name name; /* if so; like `doing` in the view's arena */
};

struct sched_view {
	struct view view;
	VEC(struct sched_row) rows;
	struct arena arena;
};

static void rows_clear(struct sched_view *sched)
{
	arena_deinit(&sched->arena);
	sched->rows.len = 0;
}

static void p_state(struct sched_row *row, enum gospy_p_status status)
{
	switch (status) {
	case GOSPY_P_IDLE:
		row->state = "idle";
		row->style = STYLE_DIM;
		return;
	case GOSPY_P_RUNNING:
		row->state = "running";
		row->style = STYLE_GOOD;
		return;
	case GOSPY_P_SYSCALL:
		row->state = "syscall";
		row->style = STYLE_SYSCALL;
		return;
	case GOSPY_P_GCSTOP:
		row->state = "GC stop";
		row->style = STYLE_GC;
		return;
	case GOSPY_P_DEAD:
		row->state = "dead";
		row->style = STYLE_DIM;
		return;
	}
	row->state = "?";
	row->style = STYLE_WARN;
}

static const char *role_text(enum gospy_thread_role role)
{
	switch (role) {
	case GOSPY_THREAD_GOROUTINE:
		return "";
	case GOSPY_THREAD_LOCKED:
		return "waits for its locked goroutine";
	case GOSPY_THREAD_IDLE:
		return "parked: no work";
	case GOSPY_THREAD_SCHEDULER:
		return "seeks work, or polls";
	case GOSPY_THREAD_SYSMON:
		return "runtime.sysmon";
	case GOSPY_THREAD_TEMPLATE:
		return "runtime.templateThread";
	case GOSPY_THREAD_NO_M:
		return "C code, or a thread that begins or ends";
	case GOSPY_THREAD_IO_WORKER:
		return "a worker of io_uring, in the kernel";
	}
	return "?";
}

static const struct gospy_location *running_place(const struct gospy_goroutine *g)
{
	const struct gospy_location *where = select_where(g);
	return where ? where : g->start;
}

/* The thread waits for the goroutine: not for what that may be parked in, which is the runtime's.
 */
static const struct gospy_location *locked_place(const struct gospy_goroutine *g)
{
	return !g->user && g->start ? g->start : running_place(g);
}

/* What the thread says about the goroutine, or about itself. */
static void add_thread(struct sched_view *sched, const struct ui *ui, struct sched_row *row,
		       struct gospy_snapshot *snapshot, const struct gospy_thread *thread)
{
	row->tid = thread->tid;
	row->cpu = model_thread_cpu(ui->model, thread->tid);
	row->m = thread->m_id;
	row->index = thread->goroutine;
	struct cell_value value = {0};
	if (thread->goroutine == SIZE_MAX) {
		const char *role = role_text(thread->role);
		strbuf_puts(&value.text, role);
		if (strncmp(role, "runtime.", strlen("runtime.")) == 0)
			cell_name(&value, NAME_PLACE, role);
	} else {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, thread->goroutine, &g);
		row->goid = g.goid;
		if (thread->role == GOSPY_THREAD_LOCKED)
			strbuf_printf(&value.text, "%s: ", role_text(thread->role));
		cell_location(&value, thread->role == GOSPY_THREAD_LOCKED ? locked_place(&g)
									  : running_place(&g));
		if (thread->role == GOSPY_THREAD_LOCKED)
			value.name.before = "waits for ";
	}
	row->doing = arena_strndup(&sched->arena, value.text.s ? value.text.s : "", value.text.len);
	row->named = value.named;
	if (!row->doing || !name_copy(&sched->arena, &value.name, &row->name))
		abort();
	strbuf_deinit(&value.text);
}

static const struct gospy_thread *thread_of(struct gospy_snapshot *snapshot, uint64_t m_id)
{
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(snapshot, &n);
	for (size_t i = 0; m_id != GOSPY_UNKNOWN && i < n; i++) {
		if (threads[i].m_id == m_id)
			return &threads[i];
	}
	return NULL;
}

static struct sched_row empty_row(void)
{
	return (struct sched_row){
		.p = GOSPY_UNKNOWN,
		.m = GOSPY_UNKNOWN,
		.runq = GOSPY_UNKNOWN,
		.goid = GOSPY_UNKNOWN,
		.ticks = -1,
		.cpu = -1,
		.index = SIZE_MAX,
		.state = "-",
		.doing = "",
		.style = STYLE_DIM,
	};
}

static void push(struct sched_view *sched, struct sched_row row)
{
	if (!vec_push(&sched->rows, row))
		abort();
}

static void add_ps(struct sched_view *sched, struct ui *ui, struct gospy_snapshot *snapshot)
{
	size_t n;
	const struct model_p *ps = model_ps(ui->model, &n);
	for (size_t i = 0; i < n; i++) {
		struct sched_row row = empty_row();
		row.p = ps[i].p.id;
		row.m = ps[i].p.m_id;
		row.runq = ps[i].p.runq_size;
		row.goid = ps[i].curg_goid;
		row.ticks = ps[i].schedticks;
		p_state(&row, ps[i].p.status);
		const struct gospy_thread *thread = thread_of(snapshot, ps[i].p.m_id);
		if (thread)
			add_thread(sched, ui, &row, snapshot, thread);
		push(sched, row);
	}
}

static bool has_p(const struct sched_view *sched, uint64_t m_id)
{
	for (size_t i = 0; m_id != GOSPY_UNKNOWN && i < sched->rows.len; i++) {
		if (sched->rows.at[i].p != GOSPY_UNKNOWN && sched->rows.at[i].m == m_id)
			return true;
	}
	return false;
}

static void add_threads(struct sched_view *sched, const struct ui *ui,
			struct gospy_snapshot *snapshot)
{
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(snapshot, &n);
	for (size_t i = 0; i < n; i++) {
		if (has_p(sched, threads[i].m_id))
			continue;
		struct sched_row row = empty_row();
		const char *state = report_thread_state(threads[i].state);
		row.state = state ? state : "?";
		row.style = threads[i].role == GOSPY_THREAD_GOROUTINE ? STYLE_SYSCALL : STYLE_DIM;
		add_thread(sched, ui, &row, snapshot, &threads[i]);
		push(sched, row);
	}
}

static void sched_update(struct view *view, struct ui *ui)
{
	struct sched_view *sched = (struct sched_view *)view;
	struct gospy_snapshot *snapshot = model_sample(ui->model)->snapshot;
	rows_clear(sched);
	add_ps(sched, ui, snapshot);
	add_threads(sched, ui, snapshot);
}

static size_t sched_total(const struct view *view)
{
	return ((const struct sched_view *)view)->rows.len;
}

static uint64_t sched_id(const struct view *view, size_t at)
{
	const struct sched_row *row = &((const struct sched_view *)view)->rows.at[at];
	return row->p != GOSPY_UNKNOWN ? row->p : (uint64_t)row->tid << 32;
}

static void number_or_dash(struct cell_value *value, uint64_t number)
{
	if (number == GOSPY_UNKNOWN)
		strbuf_putc(&value->text, '-');
	else
		cell_number(value, number);
}

static void sched_cell(struct view *view, const struct ui *ui, size_t at, size_t column,
		       struct cell_value *value)
{
	const struct sched_row *row = &((struct sched_view *)view)->rows.at[at];
	(void)ui;
	switch (column) {
	case 0:
		value->style = STYLE_STRONG;
		number_or_dash(value, row->p);
		break;
	case 1:
		value->style = row->style;
		strbuf_puts(&value->text, row->state);
		break;
	case 2:
		number_or_dash(value, row->m);
		break;
	case 3:
		number_or_dash(value, row->tid ? (uint64_t)row->tid : GOSPY_UNKNOWN);
		break;
	case 4:
		if (row->cpu < 0)
			strbuf_putc(&value->text, '-');
		else
			strbuf_printf(&value->text, "%.1f", row->cpu);
		break;
	case 5:
		number_or_dash(value, row->runq);
		break;
	case 6:
		if (row->ticks < 0)
			strbuf_putc(&value->text, '-');
		else
			strbuf_printf(&value->text, "%.0f", row->ticks);
		break;
	case 7:
		value->style = STYLE_STRONG;
		number_or_dash(value, row->goid);
		break;
	default:
		value->style = row->index != SIZE_MAX ? STYLE_FUNC : STYLE_DIM;
		value->named = row->named;
		value->name = row->name;
		strbuf_puts(&value->text, row->doing);
		break;
	}
}

static int order(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int sched_compare(struct view *view, int sort, size_t left, size_t right)
{
	const struct sched_row *rows = ((struct sched_view *)view)->rows.at;
	const struct sched_row *a = &rows[left], *b = &rows[right];
	switch (sort) {
	case BY_STATE:
		return strcmp(a->state, b->state);
	case BY_THREAD:
		return order((uint64_t)a->tid, (uint64_t)b->tid);
	case BY_CPU:
		return a->cpu > b->cpu ? -1 : a->cpu < b->cpu;
	case BY_RUNQ:
		return order(b->runq + 1, a->runq + 1); // unknown: 0
	case BY_TICKS:
		return a->ticks > b->ticks ? -1 : a->ticks < b->ticks;
	case BY_GOID:
		return order(a->goid, b->goid);
	case BY_DOING:
		return strcmp(a->doing, b->doing);
	default:
		return order(a->p, b->p);
	}
}

static bool sched_act(struct view *view, struct ui *ui, enum action action)
{
	size_t at = table_selected(view);
	if (action != ACT_OPEN)
		return false;
	if (at == SIZE_MAX)
		return true;
	const struct sched_row *row = &((struct sched_view *)view)->rows.at[at];
	if (row->index == SIZE_MAX || row->goid == GOSPY_UNKNOWN)
		ui_say(ui, STYLE_WARN, "it runs no goroutine");
	else
		ui->ops->show_goroutine(ui, row->index, row->goid);
	return true;
}

static void sched_needs(const struct view *view, struct sampler_options *options)
{
	(void)view;
	options->threads = options->stacks = true;
}

static void sched_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	(void)ui;
	size_t ps = 0;
	const struct sched_view *sched = (const struct sched_view *)view;
	for (size_t i = 0; i < sched->rows.len; i++)
		ps += sched->rows.at[i].p != GOSPY_UNKNOWN;
	size_t others = sched->rows.len - ps;
	strbuf_printf(text, "%zu P%s and %zu other thread%s", ps, ps == 1 ? "" : "s", others,
		      others == 1 ? "" : "s");
}

static void sched_close(struct view *view)
{
	struct sched_view *sched = (struct sched_view *)view;
	rows_clear(sched);
	vec_free(&sched->rows);
}

static const struct hint hints[] = {
	{ACT_OPEN, "open"},     {ACT_FILTER, "filter"}, {ACT_SORT_MENU, "sort"},
	{ACT_SEARCH, "search"}, {ACT_WRITE, "write"},
};

const struct view_ops view_sched = {
	.name = "Scheduler",
	.size = sizeof(struct sched_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.sort = BY_P,
	.needs = sched_needs,
	.update = sched_update,
	.hints = hints,
	.hint_count = sizeof(hints) / sizeof(hints[0]),
	.total = sched_total,
	.id = sched_id,
	.cell = sched_cell,
	.compare = sched_compare,
	.act = sched_act,
	.title = sched_title,
	.close = sched_close,
};
