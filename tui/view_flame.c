#include "tui/view_flame.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "render/profile_stack.h"
#include "render/wrap.h"
#include "tui/alloc.h"
#include "tui/flame_draw.h"
#include "tui/flame_place.h"
#include "tui/flame_stacks.h"
#include "tui/table.h"

static const uint64_t STEP_NS = 5000000;
/* Of a tree, those that are looked at between two looks at the clock. */
enum { SLICE = 1024 };

/* What `w` writes of a tree: a row for each node. */
enum { ROW_CALLER, ROW_FUNCTION, ROW_SELF, ROW_TOTAL };

static const struct column columns[] = {
	{.title = "", .key = "caller", .sort = COLUMN_UNSORTED},
	{.title = "", .key = "function", .sort = COLUMN_UNSORTED},
	{.title = "", .key = "self", .sort = COLUMN_UNSORTED},
	{.title = "", .key = "total", .sort = COLUMN_UNSORTED},
};

struct flame_view {
	struct view view;
	bool heap;
	/* Goroutines: those that are wanted, and whether they or all of them are shown. */
	struct members scope;
	struct name subject;
	struct arena arena; /* of both, of .packages and .callers_of */
	bool whole;
	struct flame_stacks stacks; /* of the sample that is shown, until it is done */
	struct flame goroutines;
	bool known;                /* there is a tree */
	const struct flame *calls; /* of goroutines, or of the sample's heap */
	size_t column;             /* of .calls */
	bool column_chosen;
	/* Who calls a function, instead. */
	const char *callers_of; /* NULL: it is not asked for */
	struct flame callers;   /* what is shown */
	bool callers_known;
	struct flame next_callers; /* what is being put together, up to .callers_at of .calls */
	size_t callers_at;
	bool callers_begun;
	struct flame_place places[2]; /* [1]: among callers */
	struct flame_layout layout;
	size_t top;
	int first_y, rows; /* of the screen */
	struct intern packages;
	/* Of what is searched for: by number of a name, whether it matches. */
	VEC(bool) found;
	VEC(uint32_t) matches; /* nodes, in the order in which one reads them */
	int64_t found_total;
};

static bool is_inverted(const struct flame_view *flame)
{
	return flame->known && flame->callers_of && flame->callers_known;
}

/* The tree that is shown, if there is one. */
static const struct flame *shown(const struct flame_view *flame)
{
	return is_inverted(flame) ? &flame->callers : flame->calls;
}

static struct flame_place *place_of(struct flame_view *flame)
{
	return &flame->places[is_inverted(flame)];
}

static struct flame_sight sight_of(struct flame_view *flame, const struct ui *ui)
{
	struct flame_sight sight = {
		.flame = shown(flame),
		.column = flame->column,
		.width = ui->canvas.cols,
	};
	flame_place_find(place_of(flame), &sight);
	return sight;
}

static const struct sample_heap *heap_of(const struct ui *ui)
{
	return model_sample(ui->model)->heap;
}

static const char *unit_of(const struct flame_view *flame, const struct ui *ui)
{
	if (!flame->heap)
		return "goroutines";
	const char *unit = heap_of(ui)->profile->types[flame->column].unit;
	return strcmp(unit, "count") == 0 ? "objects" : unit;
}

/* ---- searching */

/* Go through all nodes that have any of the column, callers before callees. */
static uint32_t next_node(const struct flame *flame, uint32_t node)
{
	uint32_t next = flame->nodes.at[node].child;
	while (!next && node != FLAME_ROOT) {
		next = flame->nodes.at[node].next;
		node = flame->nodes.at[node].parent;
	}
	return next;
}

static void add_match(struct flame_view *flame, const struct flame *tree, uint32_t node)
{
	int64_t total = flame_value(tree, node, flame->column)->total;
	if (total <= 0 || !flame->found.at[tree->nodes.at[node].name])
		return;
	alloc_check(vec_push(&flame->matches, node));
	// What is counted already is not counted once more.
	while ((node = tree->nodes.at[node].parent) != FLAME_ROOT) {
		if (flame->found.at[tree->nodes.at[node].name])
			return;
	}
	flame->found_total += total;
}

static void find_matches(struct flame_view *flame)
{
	const struct flame *tree = shown(flame);
	flame->found.len = flame->matches.len = 0;
	flame->found_total = 0;
	if (!flame->view.filter[0] || !flame->known)
		return;
	for (size_t i = 0; i < tree->names.all.len; i++) {
		bool matches = pattern_matches(&flame->view.filter_pattern, tree->names.all.at[i]);
		alloc_check(vec_push(&flame->found, matches));
	}
	for (uint32_t node = FLAME_ROOT; (node = next_node(tree, node)) != FLAME_ROOT;)
		add_match(flame, tree, node);
}

/* The selected one is a match, or the largest one becomes it. */
static void go_to_largest(struct flame_view *flame, const struct ui *ui)
{
	struct flame_sight sight = sight_of(flame, ui);
	uint32_t best = FLAME_ROOT;
	int64_t most = 0;
	for (size_t i = 0; i < flame->matches.len; i++) {
		uint32_t node = flame->matches.at[i];
		int64_t total = flame_value(sight.flame, node, sight.column)->total;
		if (node == sight.selected)
			return;
		if (total > most) {
			best = node;
			most = total;
		}
	}
	if (best != FLAME_ROOT)
		flame_place_select(place_of(flame), &sight, best);
}

static void go_to_next(struct flame_view *flame, struct ui *ui, bool forward)
{
	struct flame_sight sight = sight_of(flame, ui);
	size_t n = flame->matches.len, before = 0;
	uint32_t node = FLAME_ROOT;
	if (!n) {
		ui_say(ui, STYLE_WARN, "no call matches: / begins a search");
		return;
	}
	// Matches up to the selected one; it may be none itself.
	bool among = false;
	while (node != sight.selected && (node = next_node(sight.flame, node)) != FLAME_ROOT) {
		among = before < n && flame->matches.at[before] == node;
		before += among;
	}
	size_t to = forward ? before : before + n - 1 - among;
	flame_place_select(place_of(flame), &sight, flame->matches.at[to % n]);
}

/* ---- who calls a function */

static void begin_callers(struct flame_view *flame)
{
	flame_deinit(&flame->next_callers);
	flame->next_callers = (struct flame){0};
	flame->callers_at = 0;
	flame->callers_begun = flame->callers_of && flame->known;
	if (flame->callers_begun)
		alloc_check(flame_init(&flame->next_callers, flame->calls->columns));
}

/* The number of a name in a tree; SIZE_MAX: it is not there. */
static size_t find_name(const struct flame *tree, const char *name)
{
	for (size_t i = 0; i < tree->names.all.len; i++) {
		if (strcmp(tree->names.all.at[i], name) == 0)
			return i;
	}
	return SIZE_MAX;
}

static bool step_callers(struct flame_view *flame, uint64_t until)
{
	const struct flame *calls = flame->calls;
	size_t name = find_name(calls, flame->callers_of), n = calls->nodes.len;
	while (name != SIZE_MAX && flame->callers_at < n) {
		if (clock_mono_ns() >= until)
			return true;
		size_t left = n - flame->callers_at;
		alloc_check(flame_add_callers(&flame->next_callers, calls, (uint32_t)name,
					      &flame->callers_at,
					      flame->callers_at + (left < SLICE ? left : SLICE)));
	}
	alloc_check(flame_end(&flame->next_callers));
	flame_deinit(&flame->callers);
	flame->callers = flame->next_callers;
	flame->next_callers = (struct flame){0};
	flame->callers_known = true;
	flame->callers_begun = false;
	return false;
}

static void stop_callers(struct flame_view *flame)
{
	flame->callers_of = NULL;
	flame->callers_known = false;
	begin_callers(flame);
}

/* ---- what is shown */

static bool flame_step(struct view *view, struct ui *ui)
{
	struct flame_view *flame = (struct flame_view *)view;
	uint64_t until = clock_mono_ns() + STEP_NS;
	if (flame->stacks.begun) {
		if (flame_stacks_step(&flame->stacks, ui->model, STEP_NS))
			return true;
		flame_deinit(&flame->goroutines);
		flame->goroutines = flame->stacks.flame;
		flame->stacks.flame = (struct flame){0};
		flame->calls = &flame->goroutines;
		flame->known = true;
		begin_callers(flame);
		find_matches(flame);
	} else if (!flame->callers_begun) {
		return false;
	}
	if (flame->callers_begun && step_callers(flame, until))
		return true;
	find_matches(flame);
	table_update(view, ui);
	return false;
}

static void take_heap(struct flame_view *flame, const struct ui *ui)
{
	struct gospy_error err;
	const struct sample_heap *heap = heap_of(ui);
	flame->known = heap && heap->profile;
	flame->calls = flame->known ? &heap->tree : NULL;
	// Of what is gone no callers can be shown until they are put together anew.
	begin_callers(flame);
	if (flame->known && !flame->column_chosen)
		flame->column_chosen =
			!profile_find_type(heap->profile, NULL, &flame->column, &err);
}

static void flame_update(struct view *view, struct ui *ui)
{
	struct flame_view *flame = (struct flame_view *)view;
	if (flame->heap) {
		take_heap(flame, ui);
	} else if (sample_has_stacks(model_sample(ui->model))) {
		flame->stacks.members.what = flame->whole ? MEMBERS_ALL : flame->scope.what;
		flame->stacks.members.id = flame->scope.id;
		flame->stacks.members.waited = flame->scope.waited;
		flame_stacks_begin(&flame->stacks);
	}
	flame_step(view, ui);
	find_matches(flame);
}

static void flame_needs(const struct view *view, struct sampler_options *options)
{
	const struct flame_view *flame = (const struct flame_view *)view;
	options->heap = flame->heap;
	options->stacks |= !flame->heap;
	options->objects |= flame->scope.what == MEMBERS_OF_OBJECT;
	options->sockets |= flame->scope.what == MEMBERS_OF_OBJECT;
}

/* ---- drawing */

/* The selected row is in sight, and as many of those below it as those above. */
static void scroll(struct flame_view *flame, size_t row, int height)
{
	size_t page = height > 0 ? (size_t)height : 1, rows = flame->layout.rows.len;
	if (row < flame->top)
		flame->top = row;
	if (row >= flame->top + page)
		flame->top = row - page + 1;
	if (flame->top + page > rows)
		flame->top = rows > page ? rows - page : 0;
}

static void lay_out(struct flame_view *flame, const struct flame_sight *sight)
{
	alloc_check(flame_layout(&flame->layout, sight));
}

/* Why there is nothing to draw. */
static void draw_reason(const struct flame_view *flame, struct ui *ui, int y, int height)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	const struct sample_heap *heap = heap_of(ui);
	const char *why = "reading the stacks ...";
	if (flame->heap)
		why = heap ? heap->error.msg : "reading the heap profile ...";
	wrap_lines(&text, why, strlen(why), ui->canvas.cols, ui->canvas.utf8);
	char *rest = text.s;
	for (char *line; height-- > 0 && (line = strsep(&rest, "\n"));)
		canvas_text(&ui->canvas, y++, 0, ui->canvas.cols,
			    flame->heap && heap ? STYLE_WARN : STYLE_DIM, line);
}

static void flame_draw_view(struct view *view, struct ui *ui, int y, int height)
{
	struct flame_view *flame = (struct flame_view *)view;
	size_t row = 0;
	if (!flame->known) {
		draw_reason(flame, ui, y, height);
		return;
	}
	const struct flame_sight sight = sight_of(flame, ui);
	lay_out(flame, &sight);
	flame_layout_find(&flame->layout, sight.selected, &row);
	int details = height > 1 ? 1 : 0;
	flame->first_y = y;
	flame->rows = height - details;
	scroll(flame, row, flame->rows);
	const struct flame_picture picture = {
		.sight = sight,
		.layout = &flame->layout,
		.top = flame->top,
		.all = flame_value(flame->calls, FLAME_ROOT, flame->column)->total,
		.unit = unit_of(flame, ui),
		.inverted = is_inverted(flame),
		.found = flame->found.len ? flame->found.at : NULL,
		.packages = &flame->packages,
		.arena = &flame->arena,
	};
	flame_draw(&ui->canvas, y, flame->rows, &picture);
	if (details)
		flame_draw_details(&ui->canvas, y + flame->rows, &picture);
}

static const struct name *flame_subject(const struct view *view)
{
	static const struct name all = {.kind = NAME_TEXT, .text = "stacks of all"};
	static const struct name heap = {.kind = NAME_TEXT, .text = "heap"};
	const struct flame_view *flame = (const struct flame_view *)view;
	return flame->heap ? &heap : flame->whole ? &all : &flame->subject;
}

static void flame_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	const struct flame_view *flame = (const struct flame_view *)view;
	const struct flame *tree = shown(flame);
	if (!flame->known)
		return;
	int64_t all = flame_value(tree, FLAME_ROOT, flame->column)->total;
	if (flame->heap)
		strbuf_printf(text, ", %s", heap_of(ui)->profile->types[flame->column].type);
	if (is_inverted(flame))
		strbuf_puts(text, ", callers");
	if (view->filter[0]) {
		strbuf_puts(text, ", ");
		flame_share(flame->found_total, all, text);
		strbuf_puts(text, " found");
	}
}

/* ---- keys */

static void toggle_callers(struct flame_view *flame, struct ui *ui)
{
	const struct flame_sight sight = sight_of(flame, ui);
	if (flame->callers_of) {
		stop_callers(flame);
	} else if (sight.selected == FLAME_ROOT) {
		ui_say(ui, STYLE_WARN, "i shows who calls what is selected: choose a call first");
	} else {
		const struct flame *calls = flame->calls;
		flame->callers_of = arena_strdup(
			&flame->arena, calls->names.all.at[calls->nodes.at[sight.selected].name]);
		alloc_check(flame->callers_of);
		flame_place_deinit(&flame->places[1]);
		flame->places[1] = (struct flame_place){0};
		begin_callers(flame);
	}
	flame_step(&flame->view, ui);
	find_matches(flame);
}

static void change_column(struct flame_view *flame, struct ui *ui, bool forward)
{
	size_t n = shown(flame)->columns;
	flame->column = (flame->column + (forward ? 1 : n - 1)) % n;
	find_matches(flame);
	ui_say(ui, STYLE_NORMAL, "%s", heap_of(ui)->profile->types[flame->column].type);
}

static bool go_back(struct flame_view *flame, struct ui *ui)
{
	struct flame_sight sight = sight_of(flame, ui);
	if (flame->view.filter[0])
		return false; // it is cleared first
	if (flame_place_back(place_of(flame), &sight))
		return true;
	if (!flame->callers_of)
		return false;
	toggle_callers(flame, ui);
	return true;
}

static bool show_other(struct flame_view *flame, struct ui *ui)
{
	if (flame->heap || !flame->subject.text)
		return true;
	flame->whole = !flame->whole;
	flame->known = false;
	flame_update(&flame->view, ui);
	return true;
}

static bool flame_act(struct view *view, struct ui *ui, enum action action)
{
	struct flame_view *flame = (struct flame_view *)view;
	if (action == ACT_FLAME)
		return show_other(flame, ui);
	if (!flame->known)
		return flame->heap && (action == ACT_KEY_NEXT || action == ACT_KEY_BEFORE);
	struct flame_sight sight = sight_of(flame, ui);
	lay_out(flame, &sight);
	if (flame_place_move(place_of(flame), &sight, &flame->layout, action, flame->rows))
		return true;
	switch ((int)action) {
	case ACT_OPEN:
		flame_place_zoom(place_of(flame), &sight);
		return true;
	case ACT_BACK:
		return go_back(flame, ui);
	case ACT_CALLERS:
		toggle_callers(flame, ui);
		return true;
	case ACT_KEY_NEXT:
	case ACT_KEY_BEFORE:
		if (flame->heap)
			change_column(flame, ui, action == ACT_KEY_NEXT);
		return flame->heap;
	case ACT_MATCH_NEXT:
	case ACT_MATCH_BEFORE:
		go_to_next(flame, ui, action == ACT_MATCH_NEXT);
		return true;
	case ACT_FILTERED:
		find_matches(flame);
		go_to_largest(flame, ui);
		return true;
	default:
		return false;
	}
}

static bool flame_click(struct view *view, struct ui *ui, const struct pointer *pointer)
{
	struct flame_view *flame = (struct flame_view *)view;
	size_t n, row = flame->top + (size_t)(pointer->y - flame->first_y);
	if (!flame->known)
		return false;
	struct flame_sight sight = sight_of(flame, ui);
	lay_out(flame, &sight);
	if (pointer->what == POINTER_WHEEL_UP || pointer->what == POINTER_WHEEL_DOWN) {
		flame_place_move(place_of(flame), &sight, &flame->layout,
				 pointer->what == POINTER_WHEEL_UP ? ACT_UP : ACT_DOWN,
				 flame->rows);
		return false;
	}
	if (pointer->y < flame->first_y || pointer->y >= flame->first_y + flame->rows ||
	    row >= flame->layout.rows.len)
		return false;
	const struct flame_cell *cells = flame_layout_row(&flame->layout, row, &n);
	for (size_t i = 0; i < n; i++) {
		if (cells[i].merged || pointer->x < cells[i].x ||
		    pointer->x >= cells[i].x + cells[i].width)
			continue;
		flame_place_select(place_of(flame), &sight, cells[i].node);
		return pointer->what == POINTER_DOUBLE;
	}
	return false;
}

static bool flame_can(const struct view *view, const struct ui *ui, enum action action)
{
	const struct flame_view *flame = (const struct flame_view *)view;
	(void)ui;
	switch ((int)action) {
	case ACT_KEY_NEXT:
		return flame->heap;
	case ACT_FLAME:
		return flame->subject.text;
	case ACT_MATCH_NEXT:
		return view->filter[0];
	default:
		return true;
	}
}

/* ---- as rows, for a file */

static size_t flame_total(const struct view *view)
{
	const struct flame_view *flame = (const struct flame_view *)view;
	return flame->known ? shown(flame)->nodes.len : 0;
}

static void flame_cell(struct view *view, const struct ui *ui, size_t row, size_t column,
		       struct cell_value *value)
{
	const struct flame_view *flame = (const struct flame_view *)view;
	const struct flame *tree = shown(flame);
	const struct flame_node *node = &tree->nodes.at[row];
	const struct flame_value *values = flame_value(tree, (uint32_t)row, flame->column);
	(void)ui;
	switch (column) {
	case ROW_CALLER:
		if (row != FLAME_ROOT)
			cell_number(value, node->parent);
		break;
	case ROW_FUNCTION:
		if (row != FLAME_ROOT)
			strbuf_puts(&value->text, tree->names.all.at[node->name]);
		break;
	case ROW_SELF:
		cell_number(value, values->self > 0 ? (uint64_t)values->self : 0);
		break;
	case ROW_TOTAL:
		cell_number(value, values->total > 0 ? (uint64_t)values->total : 0);
		break;
	}
}

static void flame_close(struct view *view)
{
	struct flame_view *flame = (struct flame_view *)view;
	flame_stacks_deinit(&flame->stacks);
	flame_deinit(&flame->goroutines);
	flame_deinit(&flame->callers);
	flame_deinit(&flame->next_callers);
	flame_place_deinit(&flame->places[0]);
	flame_place_deinit(&flame->places[1]);
	flame_layout_deinit(&flame->layout);
	intern_deinit(&flame->packages);
	vec_free(&flame->found);
	vec_free(&flame->matches);
	arena_deinit(&flame->arena);
}

static const struct hint hints[] = {
	{ACT_OPEN, "zoom"},       {ACT_FILTER, "search"},       {ACT_MATCH_NEXT, "next match"},
	{ACT_CALLERS, "callers"}, {ACT_FLAME, "all, or group"}, {ACT_KEY_NEXT, "values"},
	{ACT_WRITE, "write"},
};

static const struct view_ops ops = {
	.name = "Flame",
	.size = sizeof(struct flame_view),
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.presorted = true,
	.sort = COLUMN_UNSORTED,
	.hints = hints,
	.hint_count = sizeof(hints) / sizeof(hints[0]),
	.can = flame_can,
	.needs = flame_needs,
	.update = flame_update,
	.step = flame_step,
	.total = flame_total,
	.cell = flame_cell,
	.act = flame_act,
	.draw = flame_draw_view,
	.searches = true,
	.click = flame_click,
	.subject = flame_subject,
	.title = flame_title,
	.close = flame_close,
};

struct view *view_flame_open(const struct members *members, const struct name *subject)
{
	struct flame_view *flame = view_open(&ops);
	flame->whole = !members;
	if (members) {
		flame->scope.what = members->what;
		flame->scope.id = members->id;
		flame->scope.waited = waited_copy(&flame->arena, &members->waited);
		alloc_check(name_copy(&flame->arena, subject, &flame->subject));
	}
	return &flame->view;
}

struct view *view_flame_open_heap(void)
{
	struct flame_view *flame = view_open(&ops);
	flame->heap = true;
	return &flame->view;
}
