#include "tui/view_members.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/status_name.h"
#include "render/escape.h"
#include "render/select.h"
#include "render/state.h"
#include "render/units.h"
#include "tui/members.h"
#include "tui/model_rows.h"
#include "tui/model_text.h"
#include "tui/table.h"

enum {
	/* So many goroutines are listed at most; the user would feel it if more were sorted and
	 * filtered. */
	MEMBERS_MAX = 10000,
};
static const uint64_t STEP_NS = 5000000;

enum { BY_GOID, BY_STATE, BY_WAIT, BY_THREAD, BY_LOCATION, BY_LABEL };

static const struct column columns[] = {
	{.title = "GOID", .key = "goid", .width = 7, .right = true, .sort = BY_GOID},
	{.title = "STATE", .key = "state", .good = 14, .sort = BY_STATE},
	{.title = "WAIT", .key = "wait_ns", .width = 7, .rank = 1, .right = true, .sort = BY_WAIT},
	{.title = "THREAD", .key = "tid", .width = 8, .rank = 4, .right = true, .sort = BY_THREAD},
	{.title = "LOCATION", .key = "location", .good = 38, .enough = 18, .sort = BY_LOCATION},
	{.title = "LABELS", .key = "labels", .width = 12, .rank = 3, .sort = BY_LABEL},
};

/* What is shown of one goroutine. It is copied, since it outlives its snapshot. */
struct member {
	size_t index;
	uint64_t goid, wait_ns, still_ns;
	bool wait_at_least;
	struct waited waited;
	pid_t tid;
	const char *state, *state_shown; /* the runtime's words, and those on the screen */
	char *location, *labels;
	bool named; /* the location is a place */
	struct name name;
};

struct member_list {
	VEC(struct member) at;
	struct arena arena;
	uint64_t found; /* with those that are not listed */
};

struct members_view {
	struct view view;
	struct members search;
	struct member_list list, next; /* what is shown; what is being put together */
	size_t taken;                  /* of search.indexes that are in `next` */
	bool begun;
	struct name subject;
	struct arena arena; /* of it, and of what is searched for */
};

static void list_free(struct member_list *list)
{
	vec_free(&list->at);
	arena_deinit(&list->arena);
	memset(list, 0, sizeof(*list));
}

static char *copy(struct arena *arena, const struct strbuf *text)
{
	char *s = arena_strndup(arena, text->s ? text->s : "", text->len);
	if (!s)
		abort();
	return s;
}

static char *labels_text(struct arena *arena, const struct gospy_goroutine *g)
{
	struct strbuf text = {0};
	for (size_t i = 0; i < g->label_count; i++) {
		strbuf_puts(&text, i ? ", " : "");
		strbuf_puts(&text, g->label_list[i].key);
		strbuf_putc(&text, '=');
		strbuf_puts(&text, g->label_list[i].value);
	}
	char *s = copy(arena, &text);
	strbuf_deinit(&text);
	return s;
}

static const char *state_text(struct arena *arena, const struct gospy_goroutine *g)
{
	if (g->soundness == GOSPY_SOUND_UNREADABLE)
		return "unreadable";
	struct strbuf text = {0};
	strbuf_puts(&text, g->wait_reason ? g->wait_reason : status_name(g->status));
	if (g->soundness == GOSPY_SOUND_TORN)
		strbuf_puts(&text, " (torn)");
	char *s = copy(arena, &text);
	strbuf_deinit(&text);
	return s;
}

static const char *shown_state(struct arena *arena, const char *state)
{
	struct strbuf text = {0};
	state_short(state, &text);
	char *s = copy(arena, &text);
	strbuf_deinit(&text);
	return s;
}

static void take_one(struct member_list *list, const struct gospy_goroutine *g, size_t index,
		     uint64_t still_ns)
{
	struct cell_value value = {0};
	cell_location(&value, select_where(g));
	struct member member = {
		.index = index,
		.goid = g->goid,
		.wait_ns = g->wait_ns,
		.wait_at_least = g->wait_at_least,
		.waited = waited_of(&list->arena, g),
		.still_ns = still_ns,
		.tid = g->tid,
		.state = state_text(&list->arena, g),
		.location = copy(&list->arena, &value.text),
		.labels = labels_text(&list->arena, g),
		.named = value.named,
	};
	member.state_shown = shown_state(&list->arena, member.state);
	if (!name_copy(&list->arena, &value.name, &member.name))
		abort();
	strbuf_deinit(&value.text);
	if (!vec_push(&list->at, member))
		abort();
}

/* Take those that were found since the last time. */
static void take_found(struct members_view *members, struct ui *ui)
{
	const struct sample *sample = model_sample(ui->model);
	for (; members->taken < members->search.indexes.len; members->taken++) {
		struct gospy_goroutine g;
		if (members->next.at.len >= MEMBERS_MAX)
			continue;
		uint32_t index = members->search.indexes.at[members->taken];
		gospy_snapshot_goroutine(sample->snapshot, index, &g);
		take_one(&members->next, &g, index, census_still_ns(&sample->census, index));
	}
}

static bool members_work(struct view *view, struct ui *ui)
{
	struct members_view *members = (struct members_view *)view;
	if (!members->begun || !model_sample(ui->model))
		return false;
	members_step(&members->search, ui->model, STEP_NS);
	take_found(members, ui);
	if (!members->search.done)
		return true;
	members->next.found = members->search.indexes.len;
	list_free(&members->list);
	members->list = members->next;
	memset(&members->next, 0, sizeof(members->next));
	members->begun = false;
	table_update(view, ui);
	return false;
}

static void members_update(struct view *view, struct ui *ui)
{
	struct members_view *members = (struct members_view *)view;
	vec_free(&members->search.indexes);
	members->search.scanned = 0;
	members->search.done = false;
	list_free(&members->next);
	members->taken = 0;
	members->begun = true;
	members_work(view, ui);
}

static size_t members_total(const struct view *view)
{
	return ((const struct members_view *)view)->list.at.len;
}

static uint64_t members_id(const struct view *view, size_t row)
{
	return ((const struct members_view *)view)->list.at.at[row].goid;
}

static void members_cell(struct view *view, const struct ui *ui, size_t row, size_t column,
			 struct cell_value *value)
{
	const struct member *member = &((struct members_view *)view)->list.at.at[row];
	switch (columns[column].sort) {
	case BY_GOID:
		value->style = STYLE_STRONG;
		cell_number(value, member->goid);
		break;
	case BY_STATE:
		cell_name(value, NAME_STATE, member->state);
		break;
	case BY_WAIT:
		value->number = member->wait_ns;
		model_wait(member->wait_ns, member->wait_at_least, member->still_ns,
			   ui->canvas.utf8, &value->text);
		break;
	case BY_THREAD:
		if (member->tid)
			cell_number(value, (uint64_t)member->tid);
		else
			strbuf_putc(&value->text, '-');
		break;
	case BY_LOCATION:
		value->style = STYLE_FUNC;
		strbuf_puts(&value->text, member->location);
		value->named = member->named;
		value->name = member->name;
		break;
	case BY_LABEL:
		value->style = STYLE_LABEL;
		strbuf_puts(&value->text, member->labels);
		break;
	}
}

static int descending(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

static int members_compare(struct view *view, int sort, size_t left, size_t right)
{
	const struct member *list = ((struct members_view *)view)->list.at.at;
	const struct member *a = &list[left], *b = &list[right];
	switch (sort) {
	case BY_STATE:
		return strcmp(a->state_shown, b->state_shown);
	case BY_WAIT:
		return select_compare_waits(wait_known(a->wait_ns, a->still_ns).ns,
					    wait_known(b->wait_ns, b->still_ns).ns);
	case BY_THREAD:
		return descending((uint64_t)a->tid, (uint64_t)b->tid);
	case BY_LOCATION:
		return strcmp(a->location, b->location);
	case BY_LABEL:
		return -strcmp(a->labels, b->labels);
	default:
		return descending(b->goid, a->goid);
	}
}

static void show_flame(const struct members_view *members, struct ui *ui)
{
	struct name subject = members->subject;
	subject.before =
		members->search.what == MEMBERS_OF_OBJECT ? "stacks waiting for " : "stacks of ";
	ui->ops->show_flame(ui, &members->search, &subject);
}

static bool members_act(struct view *view, struct ui *ui, enum action action)
{
	struct members_view *members = (struct members_view *)view;
	size_t row = table_selected(view);
	if (action == ACT_FLAME) {
		show_flame(members, ui);
		return true;
	}
	if (action != ACT_OPEN && action != ACT_OBJECT)
		return false;
	if (row == SIZE_MAX)
		return true;
	const struct member *member = &members->list.at.at[row];
	if (member->goid == GOSPY_UNKNOWN)
		ui_say(ui, STYLE_WARN, "it could not be read");
	else if (action == ACT_OPEN)
		ui->ops->show_goroutine(ui, member->index, member->goid);
	else if (!member->waited.kind)
		ui_say(ui, STYLE_WARN, "goroutine %lu waits for nothing that is known",
		       member->goid);
	else if (members->search.what == MEMBERS_OF_OBJECT &&
		 waited_same(&members->search.waited, &member->waited))
		ui_say(ui, STYLE_NORMAL, "these are all that wait for it");
	else
		ui->ops->show_waiters(ui, &member->waited);
	return true;
}

static void members_needs(const struct view *view, struct sampler_options *options)
{
	(void)view;
	options->objects = options->sockets = options->labels = options->stacks = true;
}

static const struct name *members_subject(const struct view *view)
{
	return &((const struct members_view *)view)->subject;
}

static void members_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	const struct members_view *members = (const struct members_view *)view;
	(void)ui;
	if (members->list.found > MEMBERS_MAX)
		strbuf_printf(text, ", the first %d of %lu", MEMBERS_MAX, members->list.found);
	else if (view->filter[0])
		strbuf_printf(text, ", %zu of %lu", view->list.count, members->list.found);
	else
		strbuf_printf(text, ", %lu", members->list.found);
}

static void members_close(struct view *view)
{
	struct members_view *members = (struct members_view *)view;
	members_deinit(&members->search);
	list_free(&members->list);
	list_free(&members->next);
	arena_deinit(&members->arena);
}

static const struct hint hints[] = {
	{ACT_OPEN, "open"},          {ACT_FILTER, "filter"}, {ACT_SORT_MENU, "sort"},
	{ACT_OBJECT, "same object"}, {ACT_FLAME, "flame"},   {ACT_SEARCH, "search"},
	{ACT_WRITE, "write"},
};

static const struct view_ops ops = {
	.name = "Goroutines",
	.size = sizeof(struct members_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.sort = BY_WAIT,
	.needs = members_needs,
	.update = members_update,
	.step = members_work,
	.hints = hints,
	.hint_count = sizeof(hints) / sizeof(hints[0]),
	.total = members_total,
	.id = members_id,
	.cell = members_cell,
	.compare = members_compare,
	.act = members_act,
	.subject = members_subject,
	.title = members_title,
	.close = members_close,
};

struct view *view_members_open_row(const struct ui *ui, const struct model_row *row)
{
	struct members_view *members = view_open(&ops);
	const struct name subject =
		model_subject(row, model_key(ui->model), ui->canvas.utf8, "goroutines of ");
	members->search.what = MEMBERS_OF_ROW;
	members->search.id = row->id;
	if (!name_copy(&members->arena, &subject, &members->subject))
		abort();
	return &members->view;
}

struct view *view_members_open_object(const struct waited *waited)
{
	struct members_view *members = view_open(&ops);
	members->search.what = MEMBERS_OF_OBJECT;
	members->search.waited = waited_copy(&members->arena, waited);
	members->subject = (struct name){
		.kind = NAME_OBJECT,
		.text = members->search.waited.name,
		.before = "waiting for ",
	};
	return &members->view;
}
