#include "snapshot/stack.h"

/* From a goroutine's walked stack to its public frames, as traceback.go of that version prints
 * them: gentraceback up to Go 1.20, then traceback1 and traceback2. */
#include <inttypes.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "snapshot/ancestor.h"
#include "snapshot/creator.h"
#include "snapshot/elide.h"

static const char *problem_of(enum unwind_end end)
{
	switch (end) {
	case UNWIND_DONE:
		return NULL;
	case UNWIND_UNKNOWN_PC:
		return "no Go function is there";
	case UNWIND_BAD_FRAME:
		return "the frame size makes no sense";
	case UNWIND_OUTSIDE:
		return "the frame reaches beyond the stack";
	case UNWIND_UNREADABLE:
		return "not copied";
	case UNWIND_TOO_DEEP:
		return "more frames than are walked";
	case UNWIND_NO_MEMORY:
		return "all stacks together are too much to read";
	}
	return NULL;
}

static const char *native_problem_of(enum native_end end)
{
	switch (end) {
	case NATIVE_DONE:
		return NULL;
	case NATIVE_NO_INFO:
		return "no unwind information is there";
	case NATIVE_NO_FILE:
		return "the core does not hold this file, and it is not at hand (--root)";
	case NATIVE_BAD_INFO:
		return "its unwind information makes no sense";
	case NATIVE_UNREADABLE:
	case NATIVE_NOT_COPIED:
		return "not copied";
	case NATIVE_ASTRAY:
		return "the frame is not above its callee's";
	case NATIVE_TOO_DEEP:
		return "more frames than are walked";
	case NATIVE_TOO_LONG:
		return "its unwind information takes too long";
	}
	return NULL;
}

static struct gospy_frame frame_of(const struct frame_site *site, const struct frame_call *call,
				   uint64_t pc, bool interrupted)
{
	return (struct gospy_frame){
		.func = call->func,
		.file = call->file,
		.line = call->line,
		.pc = pc,
		.entry = site->entry,
		.inlined = call->inlined,
		.interrupted = interrupted,
	};
}

/* What is carried from frame to frame. */
struct walk {
	struct gospy_snapshot *s;
	bool interrupted; /* the next frame was */
	uint64_t sp;      /* of the next frame; 0: not known */
	const uint64_t *values;
	size_t value_count; /* left */
	bool values_gone;   /* some were missing: so are all further ones */
};

/* Of stacks of which only addresses were kept nothing tells a zero from what was not. */
static void print_redacted(const struct frame_site *site, const uint64_t *values,
			   struct strbuf *text)
{
	struct args_item items[ARGS_INFO_MAX];
	uint64_t kept[ARGS_VALUES_MAX];
	size_t n = 0;
	if (site->arg_count > ARGS_INFO_MAX || site->value_count > ARGS_VALUES_MAX)
		return;
	for (size_t i = 0; i < site->arg_count; i++) {
		items[i] = site->args[i];
		if (items[i].kind != ARGS_VALUE)
			continue;
		if (*values)
			kept[n++] = *values;
		else
			items[i].kind = ARGS_TOO_FAR;
		values++;
	}
	args_print(items, site->arg_count, kept, text);
}

/* The arguments of a physical frame: its place in the text, or 0. */
static size_t add_args(struct walk *w, const struct frame_site *site)
{
	struct strbuf *text = &w->s->view.text;
	if (!site->args || w->values_gone || site->value_count > w->value_count) {
		w->values_gone = true;
		return 0;
	}
	size_t at = text->len;
	if (w->s->redacted)
		print_redacted(site, w->values, text);
	else
		args_print(site->args, site->arg_count, w->values, text);
	strbuf_putc(text, '\0');
	w->values += site->value_count;
	w->value_count -= site->value_count;
	return at + 1;
}

/* Room for the frames, and what belongs to each, of `n` calls more. */
static bool reserve(struct stack_view *view, size_t n)
{
	return vec_reserve(&view->frames, view->frames.len + n) &&
	       vec_reserve(&view->calls, view->calls.len + n) &&
	       vec_reserve(&view->origins, view->origins.len + n) &&
	       vec_reserve(&view->start_lines, view->start_lines.len + n) &&
	       vec_reserve(&view->args, view->args.len + n);
}

static void add_call(struct stack_view *view, const struct gospy_frame *frame,
		     const struct frame_call *call, size_t args)
{
	view->frames.at[view->frames.len++] = *frame;
	view->calls.at[view->calls.len++] = call;
	view->origins.at[view->origins.len++] = call ? call->origin : GOSPY_ORIGIN_UNKNOWN;
	view->start_lines.at[view->start_lines.len++] = call ? call->start_line : 0;
	view->args.at[view->args.len++] = args;
}

static bool add_frames(struct walk *w, uint64_t pc, bool certain)
{
	struct stack_view *view = &w->s->view;
	const struct frame_site *site = symbols_frames(w->s->capture.symbols, pc, w->interrupted);
	int64_t size = symbols_site(w->s->capture.symbols, pc)->size;
	if (!reserve(view, site->call_count))
		return false;
	size_t args = add_args(w, site);
	if (!certain || !size)
		w->sp = 0;
	for (size_t i = 0; i < site->call_count; i++) {
		const struct frame_call *call = &site->calls[i];
		struct gospy_frame frame = frame_of(site, call, pc, w->interrupted);
		frame.by_frame_pointer = !certain;
		frame.sp = w->sp;
		frame.fp = w->sp ? w->sp + (uint64_t)size : 0;
		add_call(view, &frame, call, call->inlined ? 0 : args);
	}
	w->sp = w->sp ? w->sp + (uint64_t)size : 0;
	w->interrupted = site->interrupts;
	return true;
}

/* `sp`: of the innermost frame. */
static void add_gap(struct walk *w, const struct stack_rec *stack, uint64_t sp)
{
	struct stack_view *view = &w->s->view;
	struct unwind_gap gap = stacks_gap(&w->s->capture.stacks, stack);
	const struct frame_site *callee = symbols_frames(w->s->capture.symbols, gap.callee, false);
	view->gap_at = view->frames.len;
	view->gap_calls = gap.calls;
	view->gap_shown = gap.shown;
	view->gap_callee =
		callee->call_count ? callee->calls[callee->call_count - 1].known : PCLN_NORMAL;
	w->interrupted = callee->interrupts;
	w->sp = w->sp ? sp + gap.bytes : 0;
}

/* `all`: none of it is user code. */
static bool fill_frames(struct gospy_snapshot *s, const struct g_rec *rec, bool all,
			struct gospy_stack *ret)
{
	struct stack_view *view = &s->view;
	const uint64_t *pcs;
	const struct stack_rec *stack = stacks_get(&s->capture.stacks, rec->stack, &pcs);
	struct walk w = {
		.s = s,
		.interrupted = stack->interrupted,
		.sp = rec->sp + stack->lead,
	};
	w.values = stacks_values(&s->capture.stacks, rec->values, &w.value_count);
	w.values_gone = !s->info.arguments;
	for (size_t i = 0; i < stack->count; i++) {
		if (stack->gap && i == UNWIND_INNER)
			add_gap(&w, stack, rec->sp + stack->lead);
		if (!add_frames(&w, pcs[i], i < stack->certain))
			return false;
	}
	if (view->text.failed)
		return false;
	for (size_t i = 0; i < view->frames.len; i++) {
		if (view->args.at[i])
			view->frames.at[i].args = view->text.s + view->args.at[i] - 1;
	}
	stack_elide(view, s->image->version.minor, s->system || all, ret);
	ret->left_out = s->system || all ? view->gap_calls : view->gap_shown;
	ret->left_out_at = view->gap_at;
	for (size_t i = view->native; all && i < view->frames.len; i++)
		view->frames.at[i].hidden = false;
	ret->frames = view->frames.at;
	ret->origins = view->origins.at;
	ret->start_lines = view->start_lines.at;
	ret->frame_count = view->frames.len;
	ret->problem = problem_of((enum unwind_end)stack->end);
	ret->end_addr = stack->end_addr;
	ret->foreign_pc = stack->certain < stack->count ? stack->end_addr : 0;
	return true;
}

static void fill_creator(struct gospy_snapshot *s, const struct g_rec *rec, struct gospy_stack *ret)
{
	bool found;
	stack_creator(s, rec->goid, rec->creator, &s->view.created_by, &found);
	ret->created_by = found ? &s->view.created_by : NULL;
}

/* The search for the calls that tell where a stack is. */
struct place_search {
	enum pcln_known callee;
	/* The innermost of each kind. */
	struct place_found {
		const struct frame_call *call; /* NULL: there is none */
		uint64_t pc;
	} own, dependency, stub, call, runtime;
};

static void find(struct place_found *found, const struct frame_call *call, uint64_t pc)
{
	if (!found->call)
		*found = (struct place_found){call, pc};
}

/* What cgo makes of each C function, for the user to call. It is in the user's package, but nobody
 * has written it. */
static bool is_stub(const struct frame_call *call)
{
	static const char stubs[] = "_cgo_gotypes.go";
	size_t len = call->file ? strlen(call->file) : 0, n = sizeof(stubs) - 1;
	return len >= n && strcmp(call->file + len - n, stubs) == 0;
}

static void search_call(struct place_search *search, const struct frame_call *call, uint64_t pc)
{
	switch (call->origin) {
	case GOSPY_ORIGIN_UNKNOWN:
		return;
	case GOSPY_ORIGIN_RUNTIME:
		if (!origin_is_parking(call->func))
			find(&search->runtime, call, pc);
		return;
	case GOSPY_ORIGIN_STANDARD:
		break;
	case GOSPY_ORIGIN_DEPENDENCY:
		find(is_stub(call) ? &search->stub : &search->dependency, call, pc);
		break;
	case GOSPY_ORIGIN_OWN:
		find(is_stub(call) ? &search->stub : &search->own, call, pc);
		break;
	}
	find(&search->call, call, pc);
}

static void search_site(struct place_search *search, const struct frame_site *site, uint64_t pc)
{
	for (size_t i = 0; !search->own.call && i < site->call_count; i++) {
		const struct frame_call *call = &site->calls[i];
		bool shown = frame_is_shown(call, search->callee, false);
		if (call->func && (shown || call->origin == GOSPY_ORIGIN_RUNTIME))
			search_call(search, call, pc);
		search->callee = call->known;
	}
}

/* A call has one place, whatever stacks it is found in. */
static bool place_call(struct gospy_snapshot *s, struct map *places,
		       const struct place_found *found, const struct gospy_location **ret)
{
	const struct frame_call *call = found->call;
	if (!call)
		return true;
	uint64_t *slot = map_put(places, (uint64_t)(uintptr_t)call);
	if (!slot)
		return false;
	struct gospy_location *place = (struct gospy_location *)(uintptr_t)*slot;
	if (!place) {
		place = arena_alloc(&s->arena, sizeof(*place));
		if (!place)
			return false;
		*place = (struct gospy_location){.pc = found->pc,
						 .func = call->func,
						 .file = call->file,
						 .line = call->line};
		*slot = (uint64_t)(uintptr_t)place;
	}
	*ret = place;
	return true;
}

/* Does the function at a return address interrupt its caller? */
static bool interrupts(struct gospy_snapshot *s, uint64_t pc)
{
	return symbols_frames(s->capture.symbols, pc, false)->interrupts;
}

static void search_stack(struct gospy_snapshot *s, uint32_t number, struct place_search *search)
{
	const uint64_t *pcs;
	const struct stack_rec *stack = stacks_get(&s->capture.stacks, number, &pcs);
	bool interrupted = stack->interrupted;
	for (size_t i = 0; i < stack->count; i++) {
		if (stack->gap && i == UNWIND_INNER)
			interrupted = interrupts(s, stacks_gap(&s->capture.stacks, stack).callee);
		// Those that nobody looks for are named, too: they may be asked for later.
		const struct frame_site *site =
			symbols_frames(s->capture.symbols, pcs[i], interrupted);
		interrupted = site->interrupts;
		search_site(search, site, pcs[i]);
	}
}

static bool place_stack(struct gospy_snapshot *s, struct map *places, uint32_t number,
			struct stack_places *ret)
{
	struct place_search search = {.callee = PCLN_NORMAL};
	search_stack(s, number, &search);
	const struct place_found *user = search.own.call          ? &search.own
					 : search.dependency.call ? &search.dependency
								  : &search.stub;
	if (user->call)
		ret->user_origin = user->call->origin;
	return place_call(s, places, user, &ret->user) &&
	       place_call(s, places, search.call.call ? &search.call : &search.runtime, &ret->call);
}

static bool place_all_stacks(struct gospy_snapshot *s)
{
	size_t n = stacks_count(&s->capture.stacks);
	CLEANUP(map_deinit) struct map places = {0};
	s->places = arena_calloc(&s->arena, n + 1, sizeof(*s->places));
	if (!s->places)
		return false;
	for (size_t i = 0; i < n && !cancel_asked(); i++) {
		if (!place_stack(s, &places, (uint32_t)i + 1, &s->places[i]))
			return false;
	}
	return true;
}

enum gospy_code snapshot_name_stacks(struct gospy_snapshot *s, struct gospy_error *err)
{
	return s->info.stacks && !place_all_stacks(s) ? err_nomem(err) : cancel_check(err);
}

static bool add_native(struct stack_view *view, const struct native_stack *native,
		       struct gospy_stack *ret)
{
	if (!reserve(view, native->count))
		return false;
	for (size_t i = 0; i < native->count; i++) {
		const struct native_frame *frame = &native->frames[i];
		struct gospy_frame shown = {
			.func = frame->func,
			.pc = frame->pc,
			.entry = frame->entry,
			.interrupted = frame->interrupted,
			.native = true,
			.module = frame->module,
			.module_base = frame->module_base,
		};
		add_call(view, &shown, NULL, 0);
	}
	view->native = native->count;
	ret->frames = view->frames.at;
	ret->origins = view->origins.at;
	ret->start_lines = view->start_lines.at;
	ret->frame_count = ret->native_count = native->count;
	ret->native_problem = native_problem_of(native->end);
	ret->native_end_addr = native->end_addr;
	return true;
}

/* The C code that a goroutine has called: src/runtime/cgocall.go. Its thread is in it. */
static bool add_called(struct gospy_snapshot *s, const struct g_rec *rec, struct gospy_stack *ret)
{
	static const struct native_stack missing = {.end = NATIVE_NOT_COPIED};
	const struct m_rec *m = schedstate_m(&s->capture.sched, rec->m);
	if (!s->info.native || rec->soundness != GOSPY_SOUND || !m || m->curg != rec->addr ||
	    !m->incgo || grec_status(rec) != GOSPY_STATUS_SYSCALL)
		return true;
	const struct native_rec *native = capture_native(&s->capture, m->tid);
	return add_native(&s->view, native ? &native->stack : &missing, ret);
}

static void clear_view(struct stack_view *view)
{
	view->frames.len = view->calls.len = view->origins.len = view->args.len = 0;
	view->start_lines.len = 0;
	view->native = 0;
	view->gap_at = SIZE_MAX;
	view->gap_calls = view->gap_shown = 0;
	strbuf_clear(&view->text);
}

enum gospy_code snapshot_stack(struct gospy_snapshot *s, size_t index, struct gospy_stack *ret,
			       struct gospy_error *err)
{
	const struct g_rec *rec = &s->capture.recs[s->capture.store->by_index[index]];
	*ret = (struct gospy_stack){0};
	clear_view(&s->view);
	if (rec->soundness != GOSPY_SOUND_UNREADABLE) {
		fill_creator(s, rec, ret);
		if (!stack_fill_ancestors(s, rec, ret))
			return err_nomem(err);
	}
	if (!add_called(s, rec, ret))
		return err_nomem(err);
	if (!rec->stack)
		return err_set(err, GOSPY_E_NOT_FOUND, "goroutine %" PRIu64 " has no stack here",
			       rec->goid);
	return fill_frames(s, rec, false, ret) ? GOSPY_OK : err_nomem(err);
}

enum gospy_code snapshot_thread_stack(struct gospy_snapshot *s, size_t index,
				      struct gospy_stack *ret, struct gospy_error *err)
{
	const struct gospy_thread *thread = &s->threads[index];
	const struct native_rec *native = capture_native(&s->capture, thread->tid);
	*ret = (struct gospy_stack){0};
	clear_view(&s->view);
	if (native && !add_native(&s->view, &native->stack, ret))
		return err_nomem(err);
	const struct g_rec *rec = NULL;
	if (thread->role == GOSPY_THREAD_GOROUTINE && thread->goroutine != SIZE_MAX)
		rec = &s->capture.recs[s->capture.store->by_index[thread->goroutine]];
	// If it is in C code, it says what is missing.
	if (!native && rec && !add_called(s, rec, ret))
		return err_nomem(err);
	// Without a goroutine, or where that is not known, all frames are shown: none of it is user
	// code.
	bool all = !rec || !rec->stack || rec->soundness != GOSPY_SOUND;
	if (all)
		rec = native ? &native->go : NULL;
	if (rec && rec->stack)
		return fill_frames(s, rec, all, ret) ? GOSPY_OK : err_nomem(err);
	if (native)
		return GOSPY_OK;
	return err_set(err, GOSPY_E_NOT_FOUND, "thread %d has no stack here", thread->tid);
}
