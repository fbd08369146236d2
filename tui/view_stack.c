/* One goroutine: what is known of it, and its stack. */
#include <string.h>

#include "render/select.h"
#include "render/units.h"
#include "tui/app_state.h"
#include "tui/lines.h"

static const struct column columns[] = {
	{.title = "", .key = "line", .width = 10, .grows = 1, .sort = COLUMN_UNSORTED},
};

struct stack_view {
	struct view view;
	size_t index;
	uint64_t goid;
	struct lines lines;
	enum gospy_object_kind object_kind;
	uint64_t object;
	bool seen, ended;
};

static void status_line(struct lines *lines, const struct gospy_goroutine *g)
{
	const char *state = g->wait_reason ? g->wait_reason : select_state_name(g->status);
	struct strbuf text = {0};
	strbuf_printf(&text, "goroutine %lu [%s", g->goid, state);
	if (g->wait_ns != GOSPY_UNKNOWN)
		strbuf_printf(&text, ", %s", units_age(g->wait_ns).s);
	strbuf_puts(&text, g->locked ? ", locked to thread]" : "]");
	lines_add(lines, LOOK_STRONG, text.s ? text.s : "");
	strbuf_deinit(&text);
}

static void object_line(struct lines *lines, const struct gospy_goroutine *g)
{
	if (g->channel_known && g->channel.addr)
		lines_printf(lines, LOOK_LABEL,
			     "  waits for  channel 0x%lx, cap %lu len %lu%s   (o: who else)",
			     g->channel.addr, g->channel.cap, g->channel.len,
			     g->channel.closed ? ", closed" : "");
	else if (g->object_kind != GOSPY_OBJECT_NONE)
		lines_printf(lines, LOOK_LABEL, "  waits for  %s 0x%lx   (o: who else)",
			     g->object_kind == GOSPY_OBJECT_SEMAPHORE ? "lock" : "object",
			     g->object);
}

static void fact_lines(struct lines *lines, const struct gospy_goroutine *g)
{
	object_line(lines, g);
	if (g->tid)
		lines_printf(lines, LOOK_LABEL, "  thread     %d", (int)g->tid);
	if (g->parent_goid && g->parent_goid != GOSPY_UNKNOWN)
		lines_printf(lines, LOOK_LABEL, "  started by goroutine %lu", g->parent_goid);
	for (size_t i = 0; i < g->label_count; i++)
		lines_printf(lines, LOOK_LABEL, "  label      %s=%s", g->label_list[i].key,
			     g->label_list[i].value);
}

static void frame_lines(struct lines *lines, const struct gospy_frame *frame)
{
	const char *args = frame->args ? frame->args : frame->native ? "" : "...";
	if (frame->func)
		lines_printf(lines, LOOK_FUNC, "%s(%s)", frame->func, args);
	else
		lines_printf(lines, LOOK_FUNC, "0x%lx", frame->pc);
	if (frame->file)
		lines_printf(lines, LOOK_FILE, "        %s:%u +0x%lx", frame->file, frame->line,
			     frame->pc - frame->entry);
	else if (frame->module)
		lines_printf(lines, LOOK_FILE, "        %s", frame->module);
	else
		lines_printf(lines, LOOK_FILE, "        0x%lx", frame->pc);
}

static void stack_lines(struct lines *lines, const struct gospy_stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct gospy_frame *frame = &stack->frames[i];
		if (!frame->hidden && !frame->elided)
			frame_lines(lines, frame);
	}
	if (stack->elision)
		lines_add(lines, LOOK_DIM, stack->elision);
	if (stack->problem)
		lines_printf(lines, LOOK_WARN, "the stack could not be followed further: %s",
			     stack->problem);
}

static void created_lines(struct lines *lines, const struct gospy_frame *created_by)
{
	if (!created_by || !created_by->func)
		return;
	lines_printf(lines, LOOK_NORMAL, "created by %s", created_by->func);
	if (created_by->file)
		lines_printf(lines, LOOK_FILE, "        %s:%u", created_by->file, created_by->line);
}

/* Ended: what was last seen of it stays. */
static void mark_ended(struct stack_view *stack)
{
	if (stack->ended)
		return;
	stack->ended = true;
	if (!stack->seen)
		lines_clear(&stack->lines);
	struct lines old = stack->lines;
	memset(&stack->lines, 0, sizeof(stack->lines));
	lines_printf(&stack->lines, LOOK_BAD, "goroutine %lu has ended%s", stack->goid,
		     stack->seen ? "; this is where it was last seen:" : "");
	for (size_t i = 0; i < old.at.len; i++)
		lines_add(&stack->lines, old.at.at[i].style, old.at.at[i].text);
	lines_deinit(&old);
}

static void show(struct stack_view *stack, struct gospy_snapshot *snapshot,
		 const struct gospy_goroutine *g)
{
	struct gospy_error err;
	struct gospy_stack calls = {0};
	lines_clear(&stack->lines);
	stack->object_kind = g->object_kind;
	stack->object = g->object;
	status_line(&stack->lines, g);
	fact_lines(&stack->lines, g);
	lines_add(&stack->lines, LOOK_NORMAL, "");
	enum gospy_code code = gospy_snapshot_stack(snapshot, stack->index, &calls, &err);
	if (code == GOSPY_E_NOT_FOUND)
		lines_printf(&stack->lines, LOOK_WARN,
			     "its stack is not known: it runs, and was not stopped (b)");
	else if (code)
		lines_printf(&stack->lines, LOOK_WARN, "%s", err.msg);
	else
		stack_lines(&stack->lines, &calls);
	if (!code || code == GOSPY_E_NOT_FOUND)
		created_lines(&stack->lines, calls.created_by);
	stack->seen = true;
}

static void stack_update(struct view *view, struct app *app)
{
	struct stack_view *stack = (struct stack_view *)view;
	const struct sample *sample = model_sample(app->model);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(sample->snapshot);
	struct gospy_goroutine g = {0};
	if (stack->index < gospy_snapshot_goroutine_count(sample->snapshot))
		gospy_snapshot_goroutine(sample->snapshot, stack->index, &g);
	// If not, it will be known another time whether it is still the same one.
	bool readable = g.soundness != GOSPY_SOUND_UNREADABLE;
	bool dead = g.status == GOSPY_STATUS_DEAD || g.status == GOSPY_STATUS_DEADEXTRA;
	if (readable && (g.goid != stack->goid || dead)) {
		mark_ended(stack);
	} else if (readable && info->stacks && info->arguments) {
		stack->ended = false;
		show(stack, sample->snapshot, &g);
	} else if (!stack->seen && !stack->lines.at.len) {
		lines_add(&stack->lines, LOOK_DIM, "reading its stack ...");
	}
}

static size_t stack_total(const struct view *view)
{
	return ((const struct stack_view *)view)->lines.at.len;
}

static void stack_cell(struct view *view, const struct app *app, size_t row, size_t column,
		       struct cell_value *value)
{
	(void)app;
	(void)column;
	lines_cell(&((struct stack_view *)view)->lines, row, value);
}

static bool stack_act(struct view *view, struct app *app, enum action action)
{
	struct stack_view *stack = (struct stack_view *)view;
	if (action != ACT_OBJECT)
		return action == ACT_OPEN;
	if (stack->object_kind)
		app_push(app, view_members_open_object(stack->object_kind, stack->object));
	else
		app_say(app, LOOK_WARN, "goroutine %lu waits for no channel or lock that is known",
			stack->goid);
	return true;
}

static void stack_needs(const struct view *view, struct sampler_options *options)
{
	(void)view;
	options->stacks = options->arguments = options->objects = options->labels = true;
}

static void stack_title(const struct view *view, const struct app *app, struct strbuf *text)
{
	const struct stack_view *stack = (const struct stack_view *)view;
	strbuf_printf(text, "stack of goroutine %lu, %s", stack->goid,
		      stack->ended           ? "ended"
		      : app->sampling.paused ? "frozen"
					     : "live");
}

static void stack_close(struct view *view)
{
	lines_deinit(&((struct stack_view *)view)->lines);
}

const struct view_ops view_stack = {
	.name = "Stack",
	.size = sizeof(struct stack_view),
	.columns = columns,
	.column_count = 1,
	.untitled = true,
	.sort = COLUMN_UNSORTED,
	.needs = stack_needs,
	.update = stack_update,
	.total = stack_total,
	.cell = stack_cell,
	.act = stack_act,
	.title = stack_title,
	.close = stack_close,
};

struct view *view_stack_open(size_t index, uint64_t goid)
{
	struct stack_view *stack = view_open(&view_stack);
	stack->index = index;
	stack->goid = goid;
	return &stack->view;
}
