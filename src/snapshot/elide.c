#include "snapshot/elide.h"

/* Which calls of a stack a traceback prints, and what it says of the others. The runtime prints
 * while it walks, and this file counts in the same way: src/runtime/traceback.go. */
#include <inttypes.h>
#include <stdio.h>

enum {
	SPLIT_SINCE = 21,   /* Go 1.21+: the innermost and the outermost calls, not the first */
	PHYSICAL_MAX = 100, /* _TracebackMaxFrames, up to Go 1.20 */
	INNER = 50,         /* tracebackInnerFrames, tracebackOuterFrames */
	OUTER = 50,
};

/* A place between two physical frames. */
struct cursor {
	size_t at;              /* of the first call of the frame above */
	enum pcln_known callee; /* what the call below it was */
};

/* One of the runtime's passes over a stack. */
struct pass {
	struct stack_view *view;
	bool all; /* hide nothing */
	uint64_t skip, max;
	/* Results: calls skipped and printed, those of the last physical frame, where the last one
	 * that was printed ends, and the frame before which the pass ended. */
	uint64_t n, last_n;
	uint64_t lost; /* that it would have printed, but they are not there */
	size_t printed_to;
	struct cursor end;
};

/* The calls of a physical frame; false: it was one too many, and the pass ends before it. */
static bool print_frame(struct pass *pass, struct cursor *u)
{
	struct stack_view *view = pass->view;
	bool physical = false;
	pass->last_n = 0;
	for (size_t i = u->at; !physical && i < view->frames.len; i++) {
		struct gospy_frame *frame = &view->frames.at[i];
		const struct frame_call *call = view->calls.at[i];
		enum pcln_known callee = u->callee;
		u->callee = call->known;
		physical = !frame->inlined;
		if (!pass->all && !frame_is_shown(call, callee, pass->n == 0))
			continue;
		if (!pass->skip && !pass->max)
			return false;
		pass->n++;
		pass->last_n++;
		if (pass->skip) {
			pass->skip--;
			continue;
		}
		pass->max--;
		frame->elided = false;
		pass->printed_to = i + 1;
	}
	return true;
}

static size_t next_physical(const struct stack_view *view, size_t at)
{
	while (at < view->frames.len && view->frames.at[at].inlined)
		at++;
	return at < view->frames.len ? at + 1 : at;
}

/* Calls that were counted and not kept. False: the pass, which is to print them, ends there. */
static bool pass_gap(struct pass *pass, struct cursor *u)
{
	const struct stack_view *view = pass->view;
	uint64_t calls = pass->all ? view->gap_calls : view->gap_shown;
	if (u->at != view->gap_at || !calls)
		return true;
	pass->last_n = 0;
	if (!pass->skip)
		return false;
	u->callee = view->gap_callee;
	pass->n += calls;
	pass->lost = calls > pass->skip ? calls - pass->skip : 0;
	pass->skip -= calls - pass->lost;
	return true;
}

/* traceback2 */
static void print_from(struct pass *pass, struct cursor u)
{
	for (; u.at < pass->view->frames.len; u.at = next_physical(pass->view, u.at)) {
		if (!pass_gap(pass, &u) || !print_frame(pass, &u)) {
			pass->end = u;
			return;
		}
	}
	pass->last_n = 0;
	pass->end = u;
}

/* traceback1. Where a pass goes on, the runtime has forgotten what was called from there, and takes
 * the call for the first one. That matters for few calls, and is done in the same way here. */
static uint64_t print_split(struct stack_view *view, bool all, struct gospy_stack *ret)
{
	struct cursor begin = {.at = view->native, .callee = PCLN_NORMAL};
	struct pass inner = {.view = view, .all = all, .max = INNER};
	print_from(&inner, begin);
	if (inner.end.at >= view->frames.len)
		return 0;
	struct pass rest = {.view = view, .all = all, .skip = UINT64_MAX};
	print_from(&rest, inner.end);
	uint64_t shown = inner.last_n + OUTER;
	uint64_t elided = rest.n > shown ? rest.n - shown : 0;
	struct pass outer = {.view = view, .all = all, .skip = inner.last_n + elided, .max = OUTER};
	print_from(&outer, inner.end);
	ret->elision_at = inner.printed_to;
	return elided + outer.lost;
}

/* gentraceback, which prints "...additional frames elided..." if it has printed just as many. */
static bool print_first(struct stack_view *view, bool all, uint64_t *elided_ret)
{
	struct cursor u = {.at = view->native, .callee = PCLN_NORMAL};
	struct pass first = {.view = view, .all = all, .max = UINT64_MAX};
	for (size_t i = 0; i < PHYSICAL_MAX && u.at < view->frames.len; i++) {
		print_frame(&first, &u);
		u.at = next_physical(view, u.at);
	}
	struct pass rest = {.view = view, .all = all, .skip = UINT64_MAX, .n = first.n};
	print_from(&rest, u);
	*elided_ret = rest.n - first.n;
	return first.n == PHYSICAL_MAX;
}

/* The calls that are the runtime's own, or wrappers; returns how many others there are among those
 * that the runtime looks at. */
static uint64_t hide(struct stack_view *view, int minor)
{
	enum pcln_known callee = PCLN_NORMAL;
	uint64_t shown = 0;
	size_t physical = 0;
	for (size_t i = view->native; i < view->frames.len; i++) {
		struct gospy_frame *frame = &view->frames.at[i];
		const struct frame_call *call = view->calls.at[i];
		if (i == view->gap_at) {
			callee = view->gap_callee;
			shown += minor >= SPLIT_SINCE ? view->gap_shown : 0;
		}
		frame->hidden = !frame_is_shown(call, callee, shown == 0);
		shown += !frame->hidden && (minor >= SPLIT_SINCE || physical < PHYSICAL_MAX);
		physical += !frame->inlined;
		callee = call->known;
	}
	return shown;
}

void stack_elide(struct stack_view *view, int minor, bool system, struct gospy_stack *ret)
{
	// "By default, omits runtime frames. If that means we print nothing at all, repeat forcing
	// all frames printed."
	bool none = !hide(view, minor);
	bool all = system || none;
	for (size_t i = view->native; i < view->frames.len; i++) {
		view->frames.at[i].elided = true;
		view->frames.at[i].hidden &= !none;
	}
	ret->elision_at = view->frames.len;
	bool cut = false;
	if (minor >= SPLIT_SINCE)
		ret->elided = print_split(view, all, ret);
	else
		cut = print_first(view, all, &ret->elided);
	for (size_t i = view->native; !all && i < view->frames.len; i++)
		view->frames.at[i].elided &= !view->frames.at[i].hidden;
	if (cut) {
		ret->elision = "...additional frames elided...";
	} else if (minor >= SPLIT_SINCE && ret->elided) {
		snprintf(view->elision, sizeof(view->elision), "...%" PRIu64 " frames elided...",
			 ret->elided);
		ret->elision = view->elision;
	}
}
