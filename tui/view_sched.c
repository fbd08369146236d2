/* The scheduler: what each P and each other thread does now. */
#include <stdlib.h>
#include <string.h>

#include "render/report_threads.h"
#include "tui/app_state.h"

enum { BY_P, BY_STATE, BY_THREAD, BY_RUNQ, BY_TICKS, BY_GOID, BY_DOING };

static const struct column columns[] = {
	{.title = "P", .key = "p", .width = 4, .right = true, .sort = BY_P},
	{.title = "STATE", .key = "state", .width = 10, .sort = BY_STATE},
	{.title = "M", .key = "m", .width = 4, .rank = 5, .right = true, .sort = COLUMN_UNSORTED},
	{.title = "THREAD", .key = "tid", .width = 8, .rank = 3, .right = true, .sort = BY_THREAD},
	{.title = "RUNQ", .key = "runq", .width = 5, .rank = 4, .right = true, .sort = BY_RUNQ},
	{.title = "TICKS/S",
	 .key = "schedticks_per_s",
	 .width = 8,
	 .rank = 2,
	 .right = true,
	 .sort = BY_TICKS},
	{.title = "GOID", .key = "goid", .width = 8, .right = true, .sort = BY_GOID},
	{.title = "DOES", .key = "does", .width = 18, .grows = 1, .sort = BY_DOING},
};

struct sched_row {
	uint64_t p, m, runq, goid;
	double ticks; /* a second; negative: unknown */
	pid_t tid;
	const char *state;
	enum style style;
	size_t index; /* of the goroutine, or SIZE_MAX */
	char *doing;
};

struct sched_view {
	struct view view;
	VEC(struct sched_row) rows;
};

static void rows_clear(struct sched_view *sched)
{
	for (size_t i = 0; i < sched->rows.len; i++)
		free(sched->rows.at[i].doing);
	sched->rows.len = 0;
}

static void p_state(struct sched_row *row, enum gospy_p_status status)
{
	switch (status) {
	case GOSPY_P_IDLE:
		row->state = "idle";
		row->style = LOOK_DIM;
		return;
	case GOSPY_P_RUNNING:
		row->state = "running";
		row->style = LOOK_GOOD;
		return;
	case GOSPY_P_SYSCALL:
		row->state = "syscall";
		row->style = LOOK_SYSCALL;
		return;
	case GOSPY_P_GCSTOP:
		row->state = "GC stop";
		row->style = LOOK_GC;
		return;
	case GOSPY_P_DEAD:
		row->state = "dead";
		row->style = LOOK_DIM;
		return;
	}
	row->state = "?";
	row->style = LOOK_WARN;
}

static const char *role_text(enum gospy_thread_role role)
{
	switch (role) {
	case GOSPY_THREAD_GOROUTINE:
		return "";
	case GOSPY_THREAD_LOCKED:
		return "waits for its locked goroutine";
	case GOSPY_THREAD_IDLE:
		return "parked until there is work";
	case GOSPY_THREAD_SCHEDULER:
		return "looks for work, or polls the network";
	case GOSPY_THREAD_SYSMON:
		return "runtime.sysmon";
	case GOSPY_THREAD_TEMPLATE:
		return "runtime.templateThread";
	case GOSPY_THREAD_NO_M:
		return "C code, or a thread that begins or ends";
	}
	return "?";
}

/* What the thread says about the goroutine, or about itself. */
static void add_thread(struct sched_row *row, struct gospy_snapshot *snapshot,
		       const struct gospy_thread *thread)
{
	row->tid = thread->tid;
	row->m = thread->m_id;
	row->index = thread->goroutine;
	struct cell_value value = {0};
	if (thread->goroutine == SIZE_MAX) {
		strbuf_puts(&value.text, role_text(thread->role));
	} else {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, thread->goroutine, &g);
		row->goid = g.goid;
		if (thread->role == GOSPY_THREAD_LOCKED)
			strbuf_printf(&value.text, "%s: ", role_text(thread->role));
		cell_location(&value, g.user ? g.user : g.current ? g.current : g.start);
	}
	free(row->doing);
	row->doing = value.text.s ? value.text.s : strdup("");
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
		.index = SIZE_MAX,
		.state = "-",
		.style = LOOK_DIM,
	};
}

static void push(struct sched_view *sched, struct sched_row row)
{
	if (!row.doing)
		row.doing = strdup("");
	if (!row.doing || !vec_push(&sched->rows, row))
		abort();
}

static void add_ps(struct sched_view *sched, struct app *app, struct gospy_snapshot *snapshot)
{
	size_t n;
	const struct model_p *ps = model_ps(app->model, &n);
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
			add_thread(&row, snapshot, thread);
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

static void add_threads(struct sched_view *sched, struct gospy_snapshot *snapshot)
{
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(snapshot, &n);
	for (size_t i = 0; i < n; i++) {
		if (has_p(sched, threads[i].m_id))
			continue;
		struct sched_row row = empty_row();
		const char *state = report_thread_state(threads[i].state);
		row.state = state ? state : "?";
		row.style = threads[i].role == GOSPY_THREAD_GOROUTINE ? LOOK_SYSCALL : LOOK_DIM;
		add_thread(&row, snapshot, &threads[i]);
		push(sched, row);
	}
}

static void sched_update(struct view *view, struct app *app)
{
	struct sched_view *sched = (struct sched_view *)view;
	struct gospy_snapshot *snapshot = model_sample(app->model)->snapshot;
	rows_clear(sched);
	add_ps(sched, app, snapshot);
	add_threads(sched, snapshot);
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

static void sched_cell(struct view *view, const struct app *app, size_t at, size_t column,
		       struct cell_value *value)
{
	const struct sched_row *row = &((struct sched_view *)view)->rows.at[at];
	(void)app;
	switch (column) {
	case 0:
		value->style = LOOK_STRONG;
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
		number_or_dash(value, row->runq);
		break;
	case 5:
		if (row->ticks < 0)
			strbuf_putc(&value->text, '-');
		else
			strbuf_printf(&value->text, "%.0f", row->ticks);
		break;
	case 6:
		value->style = LOOK_STRONG;
		number_or_dash(value, row->goid);
		break;
	default:
		value->end = row->index != SIZE_MAX;
		value->style = value->end ? LOOK_FUNC : LOOK_DIM;
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

static bool sched_act(struct view *view, struct app *app, enum action action)
{
	size_t at = table_selected(view);
	if (action != ACT_OPEN)
		return false;
	if (at == SIZE_MAX)
		return true;
	const struct sched_row *row = &((struct sched_view *)view)->rows.at[at];
	if (row->index == SIZE_MAX || row->goid == GOSPY_UNKNOWN)
		app_say(app, LOOK_WARN, "it runs no goroutine");
	else
		app_push(app, view_stack_open(row->index, row->goid));
	return true;
}

static void sched_needs(const struct view *view, struct sampler_options *options)
{
	(void)view;
	options->threads = options->stacks = true;
}

static void sched_title(const struct view *view, const struct app *app, struct strbuf *text)
{
	(void)app;
	size_t ps = 0;
	const struct sched_view *sched = (const struct sched_view *)view;
	for (size_t i = 0; i < sched->rows.len; i++)
		ps += sched->rows.at[i].p != GOSPY_UNKNOWN;
	strbuf_printf(text, "%zu Ps and %zu other threads", ps, sched->rows.len - ps);
}

static void sched_close(struct view *view)
{
	struct sched_view *sched = (struct sched_view *)view;
	rows_clear(sched);
	vec_free(&sched->rows);
}

const struct view_ops view_sched = {
	.name = "Scheduler",
	.size = sizeof(struct sched_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.sort = BY_P,
	.needs = sched_needs,
	.update = sched_update,
	.total = sched_total,
	.id = sched_id,
	.cell = sched_cell,
	.compare = sched_compare,
	.act = sched_act,
	.title = sched_title,
	.close = sched_close,
};
