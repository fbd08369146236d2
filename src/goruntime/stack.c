/* From a goroutine's walked stack to its public frames, as traceback.go of that version prints
 * them: gentraceback up to Go 1.20, then traceback1 and traceback2. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "goruntime/snapshot.h"

enum {
	SPLIT_SINCE = 21,   /* Go 1.21+: the innermost and the outermost frames, not the first */
	PHYSICAL_MAX = 100, /* traceback.go:_TracebackMaxFrames, up to Go 1.20 */
	INNER = 50,         /* tracebackInnerFrames, tracebackOuterFrames */
	OUTER = 50,
};

void stack_view_deinit(struct stack_view *view)
{
	vec_free(&view->frames);
	vec_free(&view->args);
	strbuf_deinit(&view->text);
	vec_free(&view->ancestor_frames);
	vec_free(&view->ancestors);
}

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
		return "too many different stacks to keep";
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
	enum pcln_known callee;
	bool interrupted; /* the next frame was */
	size_t shown;     /* calls so far that are not hidden */
	const uint64_t *values;
	size_t value_count; /* left */
	bool values_gone;   /* some were missing: so are all further ones */
};

/* The arguments of a physical frame: its place in the text, or 0. */
static size_t add_args(struct walk *w, const struct frame_site *site)
{
	struct strbuf *text = &w->s->view.text;
	if (!site->args || w->values_gone || site->value_count > w->value_count) {
		w->values_gone = true;
		return 0;
	}
	size_t at = text->len;
	args_print(site->args, site->arg_count, w->values, text);
	strbuf_putc(text, '\0');
	w->values += site->value_count;
	w->value_count -= site->value_count;
	return at + 1;
}

static bool add_frames(struct walk *w, uint64_t pc, bool elided, bool certain)
{
	struct stack_view *view = &w->s->view;
	const struct frame_site *site = frame_site(w->s->image, pc, w->interrupted);
	if (!site || !vec_reserve(&view->frames, view->frames.len + site->call_count) ||
	    !vec_reserve(&view->args, view->args.len + site->call_count))
		return false;
	size_t args = add_args(w, site);
	for (size_t i = 0; i < site->call_count; i++) {
		const struct frame_call *call = &site->calls[i];
		struct gospy_frame frame = frame_of(site, call, pc, w->interrupted);
		frame.hidden = !frame_is_shown(call, w->callee, w->shown == 0);
		frame.elided = elided;
		frame.by_frame_pointer = !certain;
		w->shown += !frame.hidden && !elided;
		w->callee = call->known;
		view->frames.at[view->frames.len++] = frame;
		view->args.at[view->args.len++] = call->inlined ? 0 : args;
	}
	w->interrupted = site->interrupts;
	return true;
}

/* "By default, omits runtime frames. If that means we print nothing at all, repeat forcing all
 * frames printed." */
static size_t show_all(struct stack_view *view)
{
	size_t shown = 0;
	for (size_t i = view->native; i < view->frames.len; i++) {
		view->frames.at[i].hidden = false;
		shown += !view->frames.at[i].elided;
	}
	return shown;
}

static const char *elide(struct stack_view *view, size_t shown, int minor)
{
	if (minor < SPLIT_SINCE)
		return shown == PHYSICAL_MAX ? "...additional frames elided..." : NULL;
	if (shown <= INNER + OUTER)
		return NULL;
	size_t n = 0;
	for (size_t i = view->native; i < view->frames.len; i++) {
		struct gospy_frame *frame = &view->frames.at[i];
		if (frame->hidden)
			continue;
		frame->elided = n >= INNER && n < shown - OUTER;
		n++;
	}
	snprintf(view->elision, sizeof(view->elision), "...%zu frames elided...",
		 shown - INNER - OUTER);
	return view->elision;
}

/* `all`: hide nothing. */
static bool fill_frames(struct gospy_snapshot *s, const struct g_rec *rec, bool all,
			struct gospy_stack *ret)
{
	struct stack_view *view = &s->view;
	int minor = s->image->version.minor;
	const uint64_t *pcs;
	const struct stack_rec *stack = stacks_get(&s->capture.stacks, rec->stack, &pcs);
	struct walk w = {.s = s, .callee = PCLN_NORMAL, .interrupted = stack->interrupted};
	w.values = stacks_values(&s->capture.stacks, rec->values, &w.value_count);
	w.values_gone = !s->info.arguments;
	for (size_t i = 0; i < stack->count; i++) {
		bool elided = minor < SPLIT_SINCE && i >= PHYSICAL_MAX;
		if (!add_frames(&w, pcs[i], elided, i < stack->certain))
			return false;
	}
	if (view->text.failed)
		return false;
	for (size_t i = 0; i < view->frames.len; i++) {
		if (view->args.at[i])
			view->frames.at[i].args = view->text.s + view->args.at[i] - 1;
	}
	size_t shown = w.shown && !all ? w.shown : show_all(view);
	ret->frames = view->frames.at;
	ret->frame_count = view->frames.len;
	ret->elision = elide(view, shown, minor);
	ret->problem = problem_of((enum unwind_end)stack->end);
	ret->end_addr = stack->end_addr;
	ret->foreign_pc = stack->certain < stack->count ? stack->end_addr : 0;
	return true;
}

/* traceback.go:printcreatedby: the physical function of the go statement, except for goroutine 1.
 */
bool stack_creator(struct gospy_snapshot *s, uint64_t goid, const struct location *loc,
		   struct gospy_frame *ret, bool *shown_ret)
{
	*shown_ret = false;
	if (goid == 1 || !loc)
		return true;
	const struct frame_site *site = frame_site(s->image, loc->pub.pc, false);
	if (!site)
		return false;
	if (!site->call_count || !loc->pub.func)
		return true;
	const struct frame_call *call = &site->calls[site->call_count - 1];
	if (!frame_is_shown(call, PCLN_NORMAL, false))
		return true;
	// The line is that of the pc, even if the statement was inlined.
	*ret = frame_of(site, call, loc->pub.pc, false);
	ret->file = loc->pub.file;
	ret->line = loc->pub.line;
	*shown_ret = true;
	return true;
}

static bool fill_creator(struct gospy_snapshot *s, const struct g_rec *rec, struct gospy_stack *ret)
{
	bool shown;
	if (!stack_creator(s, rec->goid, rec->creator, &s->view.created_by, &shown))
		return false;
	ret->created_by = shown ? &s->view.created_by : NULL;
	return true;
}

static size_t directory_length(const char *file)
{
	const char *slash = strrchr(file, '/');
	return slash ? (size_t)(slash - file) + 1 : 0;
}

/* What the search for a stack's user frame carries from call to call. */
struct user_search {
	enum pcln_known callee;
	const char *runtime_file; /* one of package runtime's, or NULL */
	const struct frame_call *found;
	uint64_t pc; /* of found */
};

/* time.Sleep and many a function of package sync are the runtime's by another name: they tell by
 * where their file lies. */
static bool is_runtimes(struct user_search *search, const struct frame_call *call)
{
	if (!call->func || strncmp(call->func, "runtime/", 8) == 0 ||
	    strncmp(call->func, "internal/runtime/", 17) == 0)
		return true;
	if (call->known == PCLN_GOPANIC || strncmp(call->func, "runtime.", 8) == 0) {
		search->runtime_file = call->file;
		return true;
	}
	size_t len = search->runtime_file ? directory_length(search->runtime_file) : 0;
	return len && call->file && directory_length(call->file) == len &&
	       strncmp(call->file, search->runtime_file, len) == 0;
}

static void search_user(struct user_search *search, const struct frame_site *site, uint64_t pc)
{
	for (size_t i = 0; !search->found && i < site->call_count; i++) {
		const struct frame_call *call = &site->calls[i];
		if (!is_runtimes(search, call) && frame_is_shown(call, search->callee, false)) {
			search->found = call;
			search->pc = pc;
		}
		search->callee = call->known;
	}
}

/* A call has one place, whatever stacks it is found in. */
static bool place_user(struct gospy_snapshot *s, struct map *places,
		       const struct user_search *search, const struct gospy_location **ret)
{
	const struct frame_call *call = search->found;
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
		*place = (struct gospy_location){.pc = search->pc,
						 .func = call->func,
						 .file = call->file,
						 .line = call->line};
		*slot = (uint64_t)(uintptr_t)place;
	}
	*ret = place;
	return true;
}

static bool name_stack(struct gospy_snapshot *s, uint32_t number, struct user_search *search)
{
	const uint64_t *pcs;
	const struct stack_rec *stack = stacks_get(&s->capture.stacks, number, &pcs);
	bool interrupted = stack->interrupted;
	for (size_t i = 0; i < stack->count; i++) {
		const struct frame_site *site = frame_site(s->image, pcs[i], interrupted);
		if (!site)
			return false;
		interrupted = site->interrupts;
		search_user(search, site, pcs[i]);
	}
	return true;
}

static bool name_all_stacks(struct gospy_snapshot *s)
{
	size_t n = stacks_count(&s->capture.stacks);
	CLEANUP(map_deinit) struct map places = {0};
	s->users = arena_calloc(&s->arena, n + 1, sizeof(struct gospy_location *));
	if (!s->users)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct user_search search = {.callee = PCLN_NORMAL};
		if (!name_stack(s, (uint32_t)i + 1, &search) ||
		    !place_user(s, &places, &search, &s->users[i]))
			return false;
	}
	return true;
}

enum gospy_code snapshot_name_stacks(struct gospy_snapshot *s, struct gospy_error *err)
{
	return s->info.stacks && !name_all_stacks(s) ? err_nomem(err) : GOSPY_OK;
}

static bool add_native(struct stack_view *view, const struct native_stack *native,
		       struct gospy_stack *ret)
{
	if (!vec_reserve(&view->frames, native->count) || !vec_reserve(&view->args, native->count))
		return false;
	for (size_t i = 0; i < native->count; i++) {
		const struct native_frame *frame = &native->frames[i];
		view->frames.at[view->frames.len++] = (struct gospy_frame){
			.func = frame->func,
			.pc = frame->pc,
			.entry = frame->entry,
			.interrupted = frame->interrupted,
			.native = true,
			.module = frame->module,
			.module_base = frame->module_base,
		};
		view->args.at[view->args.len++] = 0;
	}
	view->native = native->count;
	ret->frames = view->frames.at;
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
	view->frames.len = view->args.len = view->native = 0;
	strbuf_clear(&view->text);
}

enum gospy_code snapshot_stack(struct gospy_snapshot *s, size_t index, struct gospy_stack *ret,
			       struct gospy_error *err)
{
	const struct g_rec *rec = &s->capture.recs[s->by_index[index]];
	*ret = (struct gospy_stack){0};
	clear_view(&s->view);
	if (rec->soundness != GOSPY_SOUND_UNREADABLE &&
	    (!fill_creator(s, rec, ret) || !stack_fill_ancestors(s, rec, ret)))
		return err_nomem(err);
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
		rec = &s->capture.recs[s->by_index[thread->goroutine]];
	// Without a goroutine, or where that is not known, all there is: none of it is user code.
	bool all = !rec || !rec->stack || rec->soundness != GOSPY_SOUND;
	if (all)
		rec = native ? &native->go : NULL;
	if (rec && rec->stack)
		return fill_frames(s, rec, all, ret) ? GOSPY_OK : err_nomem(err);
	if (native)
		return GOSPY_OK;
	return err_set(err, GOSPY_E_NOT_FOUND, "thread %d has no stack here", thread->tid);
}
