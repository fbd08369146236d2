#include "tui/view_waits.h"

#include <inttypes.h>
#include <string.h>

#include "render/waits_text.h"
#include "tui/alloc.h"
#include "tui/model_text.h"
#include "tui/table.h"

enum { BY_WAITING, BY_OLDEST, BY_OBJECT, BY_HOLDER, BY_PLACE };

/* Of more things none is shown: sorting them would be felt. */
enum { ROWS_MAX = 10000 };

static const struct column columns[] = {
	{.title = "WAITING",
	 .short_title = "N",
	 .key = "waiting",
	 .width = 7,
	 .right = true,
	 .sort = BY_WAITING},
	{.title = "OLDEST",
	 .key = "wait_ns",
	 .width = 7,
	 .rank = 2,
	 .right = true,
	 .sort = BY_OLDEST},
	{.title = "OBJECT", .key = "object", .width = 12, .good = 30, .sort = BY_OBJECT},
	{.title = "HOLDER", .key = "holder", .width = 10, .rank = 1, .sort = BY_HOLDER},
	{.title = "WAITS AT", .key = "at", .good = 38, .enough = 18, .rank = 3, .sort = BY_PLACE},
};

struct wait_row {
	uint64_t id, waiting, oldest_ns;
	const char *object, *holder;
	enum style style; /* of the holder */
	bool deadlock;    /* it is one, perhaps, and no object */
	struct waited waited;
	bool named; /* the place */
	struct name place;
	const char *place_text;
};

struct waits_view {
	struct view view;
	VEC(struct wait_row) rows;
	size_t goroutines, deadlocks, more;
	bool held; /* of one of them it is known who holds it */
	struct arena arena;
};

static const char *copy(struct waits_view *waits, struct strbuf *text)
{
	alloc_check(!text->failed);
	const char *s = arena_strndup(&waits->arena, text->s ? text->s : "", text->len);
	alloc_check(s);
	strbuf_deinit(text);
	return s;
}

/* Who has it; of several the first, and how many. */
static void add_holder(struct waits_view *view, const struct waits *w,
		       const struct waits_object *object, struct wait_row *row)
{
	struct strbuf text = {0};
	const struct gospy_object *state = object->state;
	row->style = STYLE_DIM;
	if (state && state->holder_count && waits_is_lock(object->kind)) {
		view->held = true;
		struct gospy_goroutine g;
		bool doubt = state->holders[0].doubt != GOSPY_DOUBT_NONE;
		gospy_snapshot_goroutine(w->snapshot, state->holders[0].goroutine, &g);
		strbuf_printf(&text, "%" PRIu64 "%s", g.goid, doubt ? "?" : "");
		if (state->holder_count > 1)
			strbuf_printf(&text, " +%zu", state->holder_count - 1);
		row->style = doubt ? STYLE_WARN : STYLE_STRONG;
	} else {
		strbuf_putc(&text, '-');
	}
	row->holder = copy(view, &text);
}

static void add_place(struct waits_view *view, const struct gospy_goroutine *g,
		      struct wait_row *row)
{
	struct cell_value value = {0};
	cell_location(&value, waits_place(g));
	row->named = value.named;
	alloc_check(name_copy(&view->arena, &value.name, &row->place));
	row->place_text = copy(view, &value.text);
}

static void add_object(struct waits_view *view, const struct waits *w, size_t index)
{
	const struct waits_object *object = &w->objects.at[index];
	const struct waits_waiter *first = &w->waiters.at[object->first];
	struct gospy_goroutine g;
	struct strbuf name = {0};
	gospy_snapshot_goroutine(w->snapshot, first->goroutine, &g);
	waits_object_name(w, object, &name);
	struct wait_row row = {
		.id = object->id ^ (uint64_t)object->kind << 56,
		.waiting = object->count,
		.oldest_ns = object->longest_ns,
		.object = copy(view, &name),
		.waited = waited_of(&view->arena, &g),
	};
	if (first->case_at != WAITS_NO_CASE) {
		// One of several that this goroutine waits for.
		uint64_t *channel = arena_calloc(&view->arena, 1, sizeof(*channel));
		alloc_check(channel);
		*channel = object->id;
		row.waited = (struct waited){.kind = GOSPY_WAIT_CHANNEL,
					     .id = object->id,
					     .channels = channel,
					     .channel_count = 1,
					     .name = row.object};
	}
	add_holder(view, w, object, &row);
	add_place(view, &g, &row);
	alloc_check(vec_push(&view->rows, row));
}

static void add_circle(struct waits_view *view, const struct waits *w,
		       const struct waits_circle *circle)
{
	const struct waits_edge *edge = &w->edges.at[w->circle_edges.at[circle->first]];
	struct gospy_goroutine g, holder;
	struct strbuf name = {0}, held = {0};
	gospy_snapshot_goroutine(w->snapshot, edge->waiter, &g);
	gospy_snapshot_goroutine(w->snapshot, edge->holder, &holder);
	strbuf_printf(&name, "%s of %zu", circle->certain ? "DEADLOCK" : "perhaps a deadlock",
		      circle->members);
	strbuf_printf(&held, "%" PRIu64, holder.goid);
	view->held = true;
	struct wait_row row = {
		.id = waits_circle_id(w, circle),
		.waiting = circle->members + circle->behind,
		.oldest_ns = w->objects.at[edge->object].longest_ns,
		.object = copy(view, &name),
		.holder = copy(view, &held),
		.style = circle->certain ? STYLE_BAD : STYLE_WARN,
		.deadlock = true,
		.waited = waited_of(&view->arena, &g),
	};
	view->deadlocks += circle->certain;
	add_place(view, &g, &row);
	alloc_check(vec_push(&view->rows, row));
}

static void waits_update(struct view *view, struct ui *ui)
{
	struct waits_view *own = (struct waits_view *)view;
	const struct waits *w = model_sample(ui->model)->waits;
	arena_deinit(&own->arena);
	own->rows.len = own->goroutines = own->deadlocks = own->more = 0;
	own->held = false;
	if (!w)
		return; // it is asked for, and comes with the next sample
	own->goroutines = w->goroutines;
	for (size_t i = 0; i < w->circles.len; i++)
		add_circle(own, w, &w->circles.at[i]);
	for (size_t i = 0; i < w->objects.len && i < ROWS_MAX; i++)
		add_object(own, w, i);
	own->more = w->objects.len > ROWS_MAX ? w->objects.len - ROWS_MAX : 0;
}

static size_t waits_total(const struct view *view)
{
	return ((const struct waits_view *)view)->rows.len;
}

static uint64_t waits_id(const struct view *view, size_t at)
{
	return ((const struct waits_view *)view)->rows.at[at].id;
}

static void waits_cell(struct view *view, const struct ui *ui, size_t at, size_t column,
		       struct cell_value *value)
{
	const struct waits_view *own = (struct waits_view *)view;
	const struct wait_row *row = &own->rows.at[at];
	switch (columns[column].sort) {
	case BY_WAITING:
		value->style = STYLE_STRONG;
		cell_number(value, row->waiting);
		break;
	case BY_OLDEST:
		value->number = row->oldest_ns;
		model_wait(row->oldest_ns, false, GOSPY_UNKNOWN, ui->canvas.utf8, &value->text);
		break;
	case BY_OBJECT:
		cell_name(value, row->deadlock ? NAME_TEXT : NAME_OBJECT, row->object);
		value->style = row->deadlock ? row->style : STYLE_NORMAL;
		break;
	case BY_HOLDER:
		value->style = row->style;
		// A column of nothing but dashes would only take room.
		strbuf_puts(&value->text, own->held ? row->holder : "");
		break;
	case BY_PLACE:
		value->style = STYLE_FUNC;
		value->named = row->named;
		value->name = row->place;
		strbuf_puts(&value->text, row->place_text);
		break;
	}
}

static int descending(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static int waits_compare(struct view *view, int sort, size_t left, size_t right)
{
	const struct wait_row *rows = ((struct waits_view *)view)->rows.at;
	const struct wait_row *a = &rows[left], *b = &rows[right];
	switch (sort) {
	case BY_OLDEST:
		return descending(a->oldest_ns + 1, b->oldest_ns + 1); // unknown: 0
	case BY_OBJECT:
		return strcmp(a->object, b->object);
	case BY_HOLDER:
		return strcmp(a->holder, b->holder);
	case BY_PLACE:
		return strcmp(a->place_text, b->place_text);
	default:
		// Deadlocks come first, whatever else there is.
		if (a->deadlock != b->deadlock)
			return a->deadlock ? -1 : 1;
		return descending(a->waiting, b->waiting);
	}
}

static bool waits_act(struct view *view, struct ui *ui, enum action action)
{
	size_t at = table_selected(view);
	if (action != ACT_OPEN)
		return false;
	if (at != SIZE_MAX)
		ui->ops->show_waiters(ui, &((struct waits_view *)view)->rows.at[at].waited);
	return true;
}

static void waits_needs(const struct view *view, struct sampler_options *options)
{
	(void)view;
	options->waits = true;
}

static void waits_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	const struct waits_view *own = (const struct waits_view *)view;
	const struct waits *w = model_sample(ui->model)->waits;
	if (!w) {
		strbuf_puts(text, "looking who holds what ...");
		return;
	}
	if (own->deadlocks)
		strbuf_printf(text, "%zu deadlock%s, ", own->deadlocks,
			      own->deadlocks == 1 ? "" : "s");
	strbuf_printf(text, "%zu wait for %zu thing%s", own->goroutines, w->objects.len,
		      w->objects.len == 1 ? "" : "s");
	if (own->more)
		strbuf_printf(text, ", the first %d", ROWS_MAX);
}

static void waits_close(struct view *view)
{
	struct waits_view *own = (struct waits_view *)view;
	arena_deinit(&own->arena);
	vec_free(&own->rows);
}

static const struct hint hints[] = {
	{ACT_OPEN, "open"},     {ACT_FILTER, "filter"}, {ACT_SORT_MENU, "sort"},
	{ACT_SEARCH, "search"}, {ACT_WRITE, "write"},
};

const struct view_ops view_waits = {
	.name = "Waits",
	.size = sizeof(struct waits_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.sort = BY_WAITING,
	.needs = waits_needs,
	.update = waits_update,
	.hints = hints,
	.hint_count = sizeof(hints) / sizeof(hints[0]),
	.total = waits_total,
	.id = waits_id,
	.cell = waits_cell,
	.compare = waits_compare,
	.act = waits_act,
	.title = waits_title,
	.close = waits_close,
};
