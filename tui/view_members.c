/* Goroutines: those of a group, or all that wait for the same object. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "render/select.h"
#include "render/units.h"
#include "tui/app_state.h"

enum {
	/* Goroutines that are listed; sorting and filtering more would be felt. */
	MEMBERS_MAX = 10000,
};
static const uint64_t STEP_NS = 5000000;

enum { BY_GOID, BY_STATE, BY_WAIT, BY_THREAD, BY_LOCATION, BY_LABEL };

static const struct column columns[] = {
	{.title = "GOID", .key = "goid", .width = 9, .right = true, .sort = BY_GOID},
	{.title = "STATE", .key = "state", .width = 14, .grows = 1, .most = 24, .sort = BY_STATE},
	{.title = "WAIT", .key = "wait_ns", .width = 7, .rank = 1, .right = true, .sort = BY_WAIT},
	{.title = "THREAD", .key = "tid", .width = 8, .rank = 4, .right = true, .sort = BY_THREAD},
	{.title = "LOCATION",
	 .key = "location",
	 .width = 30,
	 .grows = 4,
	 .rank = 2,
	 .sort = BY_LOCATION},
	{.title = "LABELS", .key = "labels", .width = 12, .grows = 1, .rank = 3, .sort = BY_LABEL},
};

/* What is shown of one; copied, since it outlives its snapshot. */
struct member {
	size_t index;
	uint64_t goid, wait_ns, object;
	enum gospy_object_kind object_kind;
	pid_t tid;
	const char *state;
	char *location, *labels;
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
	char *title;
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
	strbuf_puts(&text, g->wait_reason ? g->wait_reason : select_state_name(g->status));
	if (g->soundness == GOSPY_SOUND_TORN)
		strbuf_puts(&text, " (torn)");
	char *s = copy(arena, &text);
	strbuf_deinit(&text);
	return s;
}

static void take_one(struct member_list *list, const struct gospy_goroutine *g, size_t index)
{
	struct cell_value value = {0};
	cell_location(&value, g->user ? g->user : g->current);
	struct member member = {
		.index = index,
		.goid = g->goid,
		.wait_ns = g->wait_ns,
		.object = g->object,
		.object_kind = g->object_kind,
		.tid = g->tid,
		.state = state_text(&list->arena, g),
		.location = copy(&list->arena, &value.text),
		.labels = labels_text(&list->arena, g),
	};
	strbuf_deinit(&value.text);
	if (!vec_push(&list->at, member))
		abort();
}

/* Those that were found since the last time. */
static void take_found(struct members_view *members, struct app *app)
{
	struct gospy_snapshot *snapshot = model_sample(app->model)->snapshot;
	for (; members->taken < members->search.indexes.len; members->taken++) {
		struct gospy_goroutine g;
		if (members->next.at.len >= MEMBERS_MAX)
			continue;
		uint32_t index = members->search.indexes.at[members->taken];
		gospy_snapshot_goroutine(snapshot, index, &g);
		take_one(&members->next, &g, index);
	}
}

static bool members_work(struct view *view, struct app *app)
{
	struct members_view *members = (struct members_view *)view;
	if (!members->begun || !model_sample(app->model))
		return false;
	members_step(&members->search, app->model, STEP_NS);
	take_found(members, app);
	if (!members->search.done)
		return true;
	members->next.found = members->search.indexes.len;
	list_free(&members->list);
	members->list = members->next;
	memset(&members->next, 0, sizeof(members->next));
	members->begun = false;
	table_update(view, app);
	return false;
}

static void members_update(struct view *view, struct app *app)
{
	struct members_view *members = (struct members_view *)view;
	vec_free(&members->search.indexes);
	members->search.scanned = 0;
	members->search.done = false;
	list_free(&members->next);
	members->taken = 0;
	members->begun = true;
	members_work(view, app);
}

static size_t members_total(const struct view *view)
{
	return ((const struct members_view *)view)->list.at.len;
}

static uint64_t members_id(const struct view *view, size_t row)
{
	return ((const struct members_view *)view)->list.at.at[row].goid;
}

static void members_cell(struct view *view, const struct app *app, size_t row, size_t column,
			 struct cell_value *value)
{
	const struct member *member = &((struct members_view *)view)->list.at.at[row];
	(void)app;
	switch (columns[column].sort) {
	case BY_GOID:
		value->style = LOOK_STRONG;
		cell_number(value, member->goid);
		break;
	case BY_STATE:
		strbuf_puts(&value->text, member->state);
		break;
	case BY_WAIT:
		value->number = member->wait_ns;
		strbuf_puts(&value->text,
			    member->wait_ns == GOSPY_UNKNOWN ? "-" : units_age(member->wait_ns).s);
		break;
	case BY_THREAD:
		if (member->tid)
			cell_number(value, (uint64_t)member->tid);
		else
			strbuf_putc(&value->text, '-');
		break;
	case BY_LOCATION:
		value->style = LOOK_FUNC;
		value->end = true;
		strbuf_puts(&value->text, member->location);
		break;
	case BY_LABEL:
		value->style = LOOK_LABEL;
		strbuf_puts(&value->text, member->labels);
		break;
	}
}

static int descending(uint64_t a, uint64_t b)
{
	return a > b ? -1 : a < b;
}

/* The longest first; what is unknown last. */
static int compare_wait(uint64_t a, uint64_t b)
{
	if (a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN)
		return (a == GOSPY_UNKNOWN) - (b == GOSPY_UNKNOWN);
	return descending(a, b);
}

static int members_compare(struct view *view, int sort, size_t left, size_t right)
{
	const struct member *list = ((struct members_view *)view)->list.at.at;
	const struct member *a = &list[left], *b = &list[right];
	switch (sort) {
	case BY_STATE:
		return strcmp(a->state, b->state);
	case BY_WAIT:
		return compare_wait(a->wait_ns, b->wait_ns);
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

static bool members_act(struct view *view, struct app *app, enum action action)
{
	struct members_view *members = (struct members_view *)view;
	size_t row = table_selected(view);
	if (action != ACT_OPEN && action != ACT_OBJECT)
		return false;
	if (row == SIZE_MAX)
		return true;
	const struct member *member = &members->list.at.at[row];
	if (member->goid == GOSPY_UNKNOWN)
		app_say(app, LOOK_WARN, "it could not be read");
	else if (action == ACT_OPEN)
		app_push(app, view_stack_open(member->index, member->goid));
	else if (!member->object_kind)
		app_say(app, LOOK_WARN, "goroutine %lu waits for no channel or lock that is known",
			member->goid);
	else if (members->search.what == MEMBERS_OF_OBJECT && members->search.id == member->object)
		app_say(app, LOOK_NORMAL, "these are all that wait for it");
	else
		app_push(app, view_members_open_object(member->object_kind, member->object));
	return true;
}

static void members_needs(const struct view *view, struct sampler_options *options)
{
	(void)view;
	options->objects = options->labels = options->stacks = true;
}

static void members_title(const struct view *view, const struct app *app, struct strbuf *text)
{
	const struct members_view *members = (const struct members_view *)view;
	(void)app;
	strbuf_puts(text, members->title);
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
	free(members->title);
}

const struct view_ops view_members = {
	.name = "Goroutines",
	.size = sizeof(struct members_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.sort = BY_WAIT,
	.needs = members_needs,
	.update = members_update,
	.step = members_work,
	.total = members_total,
	.id = members_id,
	.cell = members_cell,
	.compare = members_compare,
	.act = members_act,
	.title = members_title,
	.close = members_close,
};

struct view *view_members_open_row(const struct app *app, const struct model_row *row)
{
	struct members_view *members = view_open(&view_members);
	struct strbuf text = {0};
	members->search.what = MEMBERS_OF_ROW;
	members->search.id = row->id;
	strbuf_puts(&text, "goroutines of ");
	model_cell(row, model_key(app->model) == GROUP_STATE ? COLUMN_STATE : COLUMN_LOCATION,
		   app->canvas.utf8, &text);
	if (text.failed)
		abort();
	members->title = text.s;
	return &members->view;
}

struct view *view_members_open_object(enum gospy_object_kind kind, uint64_t object)
{
	static const char *const names[] = {
		[GOSPY_OBJECT_NONE] = "object",
		[GOSPY_OBJECT_CHANNEL] = "channel",
		[GOSPY_OBJECT_SEMAPHORE] = "lock",
		[GOSPY_OBJECT_NOTIFY_LIST] = "condition",
	};
	struct members_view *members = view_open(&view_members);
	struct strbuf text = {0};
	members->search.what = MEMBERS_OF_OBJECT;
	members->search.id = object;
	strbuf_printf(&text, "waiting for %s 0x%lx", names[kind], object);
	if (text.failed)
		abort();
	members->title = text.s;
	return &members->view;
}
