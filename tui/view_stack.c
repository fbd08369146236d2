#include "tui/view_stack.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/status_name.h"
#include "render/select.h"
#include "render/units.h"
#include "render/wait.h"
#include "tui/alloc.h"
#include "tui/lines.h"

static const struct column columns[] = {
	{.title = "", .key = "line", .width = 10, .sort = COLUMN_UNSORTED},
};

struct stack_view {
	struct view view;
	size_t index;
	uint64_t goid;
	struct lines lines;
	struct waited waited;
	struct arena arena; /* its own */
	bool seen, ended;
};

/* A line, or as many as it takes. */
__attribute__((format(printf, 4, 5))) static void
add_lines(struct lines *lines, const struct canvas *canvas, enum style style, const char *fmt, ...)
{
	char *text;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	alloc_check(n >= 0);
	lines_wrapped(lines, style, text, canvas->cols, canvas->utf8);
	free(text);
}

static void status_line(struct lines *lines, const struct gospy_goroutine *g,
			const struct canvas *canvas)
{
	const char *state = g->wait_reason ? g->wait_reason : status_name(g->status);
	struct strbuf text = {0};
	strbuf_printf(&text, "goroutine %lu [%s", g->goid, state);
	if (g->wait_ns != GOSPY_UNKNOWN)
		strbuf_printf(&text, ", %s%s", g->wait_at_least ? "at least " : "",
			      units_age(g->wait_ns).s);
	strbuf_puts(&text, g->locked ? ", locked to thread]" : "]");
	add_lines(lines, canvas, STYLE_STRONG, "%s", text.s ? text.s : "");
	strbuf_deinit(&text);
}

/* "  waits for  channel 0xc000012345, cap 0 len 0", over as many lines as that takes. */
static void object_line(struct lines *lines, const struct waited *waited,
			const struct gospy_goroutine *g, const struct canvas *canvas)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	strbuf_puts(&text, "  waits for  ");
	if (g->channel_known && g->channel.addr)
		wait_channel(&g->channel, &text);
	else if (g->select_case_count)
		strbuf_printf(&text, "select of %s%zu channel%s", g->cases_cut ? "more than " : "",
			      g->select_case_count, g->select_case_count == 1 ? "" : "s");
	else if (waited->kind)
		strbuf_puts(&text, wait_on_terminal(waited->name));
	else
		return;
	lines_wrapped(lines, STYLE_LABEL, text.s ? text.s : "", canvas->cols, canvas->utf8);
	for (size_t i = 0; i < g->select_case_count; i++) {
		strbuf_clear(&text);
		strbuf_printf(&text, "%*s", (int)strlen("  waits for  "), "");
		wait_case(&g->select_cases[i], &text);
		lines_wrapped(lines, STYLE_LABEL, text.s ? text.s : "", canvas->cols, canvas->utf8);
	}
}

static void fact_lines(struct lines *lines, const struct waited *waited,
		       const struct gospy_goroutine *g, const struct canvas *canvas)
{
	object_line(lines, waited, g, canvas);
	if (g->due_known)
		lines_printf(lines, STYLE_LABEL, "  goes on    in %s", units_age(g->due_ns).s);
	if (g->tid)
		lines_printf(lines, STYLE_LABEL, "  thread     %d", (int)g->tid);
	if (g->parent_goid && g->parent_goid != GOSPY_UNKNOWN)
		lines_printf(lines, STYLE_LABEL, "  started by goroutine %lu", g->parent_goid);
	for (size_t i = 0; i < g->label_count; i++)
		add_lines(lines, canvas, STYLE_LABEL, "  label      %s=%s", g->label_list[i].key,
			  g->label_list[i].value);
}

/* As gospy stack has it: the user's own code stands out, what everybody has does not. */
static enum style func_style(enum gospy_origin origin)
{
	switch (origin) {
	case GOSPY_ORIGIN_UNKNOWN:
	case GOSPY_ORIGIN_DEPENDENCY:
		break;
	case GOSPY_ORIGIN_RUNTIME:
	case GOSPY_ORIGIN_STANDARD:
		return STYLE_DIM;
	case GOSPY_ORIGIN_OWN:
		return STYLE_FUNC;
	}
	return STYLE_NORMAL;
}

static void frame_lines(struct lines *lines, const struct gospy_frame *frame,
			enum gospy_origin origin)
{
	struct strbuf args = {0};
	strbuf_printf(&args, "(%s)", frame->args ? frame->args : frame->native ? "" : "...");
	if (args.failed)
		abort();
	// What is not Go's may have dots and slashes anywhere.
	if (frame->func && frame->native)
		lines_printf(lines, STYLE_FUNC, "%s%s", frame->func, args.s);
	else if (frame->func)
		lines_call(lines, func_style(origin), NULL, frame->func, args.s);
	else
		lines_printf(lines, STYLE_FUNC, "0x%lx", frame->pc);
	strbuf_deinit(&args);
	if (frame->file)
		lines_printf(lines, STYLE_FILE, "        %s:%u +0x%lx", frame->file, frame->line,
			     frame->pc - frame->entry);
	else if (frame->module)
		lines_printf(lines, STYLE_FILE, "        %s", frame->module);
	else
		lines_printf(lines, STYLE_FILE, "        0x%lx", frame->pc);
}

static void stack_lines(struct lines *lines, const struct gospy_stack *stack,
			const struct canvas *canvas)
{
	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct gospy_frame *frame = &stack->frames[i];
		if (i == stack->elision_at && stack->elision)
			lines_add(lines, STYLE_DIM, stack->elision);
		if (!frame->hidden && !frame->elided)
			frame_lines(lines, frame, stack->origins[i]);
	}
	if (stack->elision_at == stack->frame_count && stack->elision)
		lines_add(lines, STYLE_DIM, stack->elision);
	if (stack->problem)
		add_lines(lines, canvas, STYLE_WARN, "the stack could not be followed further: %s",
			  stack->problem);
}

static void created_lines(struct lines *lines, const struct gospy_frame *created_by)
{
	if (!created_by || !created_by->func || created_by->hidden)
		return;
	lines_call(lines, STYLE_NORMAL, "created by ", created_by->func, NULL);
	if (created_by->file)
		lines_printf(lines, STYLE_FILE, "        %s:%u", created_by->file,
			     created_by->line);
}

/* The goroutine has ended: what was last seen of it stays. */
static void mark_ended(struct stack_view *stack, const struct canvas *canvas)
{
	if (stack->ended)
		return;
	stack->ended = true;
	if (!stack->seen)
		lines_clear(&stack->lines);
	struct lines old = stack->lines;
	memset(&stack->lines, 0, sizeof(stack->lines));
	add_lines(&stack->lines, canvas, STYLE_BAD, "goroutine %lu has ended%s", stack->goid,
		  stack->seen ? "; this is where it was last seen:" : "");
	lines_take(&stack->lines, &old);
}

static void show(struct stack_view *stack, struct gospy_snapshot *snapshot,
		 const struct gospy_goroutine *g, const struct canvas *canvas)
{
	struct gospy_error err;
	struct gospy_stack calls = {0};
	lines_clear(&stack->lines);
	arena_deinit(&stack->arena);
	stack->waited = waited_of(&stack->arena, g);
	status_line(&stack->lines, g, canvas);
	fact_lines(&stack->lines, &stack->waited, g, canvas);
	lines_add(&stack->lines, STYLE_NORMAL, "");
	enum gospy_code code = gospy_snapshot_stack(snapshot, stack->index, &calls, &err);
	if (code == GOSPY_E_NOT_FOUND)
		lines_printf(&stack->lines, STYLE_WARN,
			     "its stack is not known: it runs, and was not stopped (b)");
	else if (code)
		lines_printf(&stack->lines, STYLE_WARN, "%s", err.msg);
	else
		stack_lines(&stack->lines, &calls, canvas);
	if (!code || code == GOSPY_E_NOT_FOUND)
		created_lines(&stack->lines, calls.created_by);
	stack->seen = true;
}

static void stack_update(struct view *view, struct ui *ui)
{
	struct stack_view *stack = (struct stack_view *)view;
	const struct sample *sample = model_sample(ui->model);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(sample->snapshot);
	struct gospy_goroutine g = {0};
	if (stack->index < gospy_snapshot_goroutine_count(sample->snapshot))
		gospy_snapshot_goroutine(sample->snapshot, stack->index, &g);
	// If it is not, a later sample will tell whether it is still the same one.
	bool readable = g.soundness != GOSPY_SOUND_UNREADABLE;
	bool dead = g.status == GOSPY_STATUS_DEAD || g.status == GOSPY_STATUS_DEADEXTRA;
	if (readable && (g.goid != stack->goid || dead)) {
		mark_ended(stack, &ui->canvas);
	} else if (readable && info->stacks && info->arguments) {
		stack->ended = false;
		show(stack, sample->snapshot, &g, &ui->canvas);
	} else if (!stack->seen && !stack->lines.at.len) {
		lines_add(&stack->lines, STYLE_DIM, "reading its stack ...");
	}
}

static size_t stack_total(const struct view *view)
{
	return ((const struct stack_view *)view)->lines.at.len;
}

static void stack_cell(struct view *view, const struct ui *ui, size_t row, size_t column,
		       struct cell_value *value)
{
	(void)ui;
	(void)column;
	lines_cell(&((struct stack_view *)view)->lines, row, value);
}

static bool stack_act(struct view *view, struct ui *ui, enum action action)
{
	struct stack_view *stack = (struct stack_view *)view;
	if (action != ACT_OBJECT)
		return action == ACT_OPEN;
	if (stack->waited.kind)
		ui->ops->show_waiters(ui, &stack->waited);
	else
		ui_say(ui, STYLE_WARN, "goroutine %lu waits for nothing that is known",
		       stack->goid);
	return true;
}

static void stack_needs(const struct view *view, struct sampler_options *options)
{
	(void)view;
	options->stacks = options->arguments = options->objects = options->sockets =
		options->labels = true;
}

static void stack_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	const struct stack_view *stack = (const struct stack_view *)view;
	strbuf_printf(text, "stack of goroutine %lu%s", stack->goid,
		      stack->ended ? ", ended"
		      : ui->core   ? ""
		      : ui->frozen ? ", frozen"
				   : ", live");
}

static void stack_close(struct view *view)
{
	struct stack_view *stack = (struct stack_view *)view;
	lines_deinit(&stack->lines);
	arena_deinit(&stack->arena);
}

static bool stack_can(const struct view *view, const struct ui *ui, enum action action)
{
	(void)ui;
	if (action == ACT_OBJECT)
		return ((const struct stack_view *)view)->waited.kind != 0;
	return action != ACT_MATCH_NEXT || view->searched[0];
}

static const struct hint hints[] = {
	{ACT_OBJECT, "same object"},
	{ACT_SEARCH, "search"},
	{ACT_MATCH_NEXT, "next match"},
	{ACT_WRITE, "write"},
};

static const struct view_ops ops = {
	.name = "Stack",
	.size = sizeof(struct stack_view),
	.columns = columns,
	.column_count = 1,
	.untitled = true,
	.sort = COLUMN_UNSORTED,
	.needs = stack_needs,
	.update = stack_update,
	.hints = hints,
	.hint_count = sizeof(hints) / sizeof(hints[0]),
	.can = stack_can,
	.total = stack_total,
	.cell = stack_cell,
	.act = stack_act,
	.title = stack_title,
	.close = stack_close,
};

struct view *view_stack_open(size_t index, uint64_t goid)
{
	struct stack_view *stack = view_open(&ops);
	stack->index = index;
	stack->goid = goid;
	return &stack->view;
}
