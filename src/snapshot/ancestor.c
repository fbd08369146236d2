#include "snapshot/ancestor.h"

/* The ancestors of goroutines: src/runtime/traceback.go:printAncestorTraceback. The runtime kept
 * only the pcs of their frames, and prints less of them than of a stack. */
#include "snapshot/creator.h"

enum {
	CALLEE_SINCE = 21, /* Go 1.21+: wrappers are left out */
	KEPT = 50,         /* pcs at most: tracebackInnerFrames */
	KEPT_BEFORE = 100, /* _TracebackMaxFrames */
};

/* The kept pc itself names the call, not the instruction before it. */
static const struct frame_site *site_of(struct gospy_snapshot *s, uint64_t pc)
{
	return symbols_frames(s->capture.symbols, pc, true);
}

static void find_creator(struct gospy_snapshot *s, const struct ancestor_rec *rec,
			 struct gospy_frame *ret, bool *found_ret)
{
	const struct location *creator =
		rec->gopc ? symbols_location(s->capture.symbols, rec->gopc, LOCATION_CREATOR)
			  : NULL;
	stack_creator(s, rec->goid, creator, ret, found_ret);
}

static bool is_shown(const struct frame_site *site, bool first, int minor)
{
	const struct frame_call *physical = &site->calls[site->call_count - 1];
	if (minor >= CALLEE_SINCE)
		return frame_is_shown(physical, PCLN_NORMAL, first);
	return physical->visible || (physical->panics && !first);
}

/* Its frames, and then the one of its creator, are known to have room. */
static bool add_ancestor(struct gospy_snapshot *s, const struct ancestor_rec *rec)
{
	struct stack_view *view = &s->view;
	int minor = s->image->version.minor;
	struct gospy_ancestor ancestor = {
		.goid = rec->goid,
		.frames = view->ancestor_frames.at + view->ancestor_frames.len,
		.elided = rec->count == (minor >= CALLEE_SINCE ? KEPT : KEPT_BEFORE),
	};
	for (size_t i = 0; i < rec->count; i++) {
		uint64_t pc = s->capture.ancestor_pcs.at[rec->first + i];
		const struct frame_site *site = site_of(s, pc);
		if (!site->call_count)
			continue;
		view->ancestor_frames.at[view->ancestor_frames.len++] = (struct gospy_frame){
			.func = site->calls[0].func,
			.file = site->calls[0].file,
			.line = site->calls[0].line,
			.pc = pc,
			.entry = site->entry,
			.hidden = !is_shown(site, i == 0, minor),
		};
		ancestor.frame_count++;
	}
	struct gospy_frame *creator = view->ancestor_frames.at + view->ancestor_frames.len;
	bool found;
	find_creator(s, rec, creator, &found);
	if (found) {
		ancestor.created_by = creator;
		view->ancestor_frames.len++;
	}
	return vec_push(&view->ancestors, ancestor);
}

bool stack_fill_ancestors(struct gospy_snapshot *s, const struct g_rec *rec,
			  struct gospy_stack *ret)
{
	struct stack_view *view = &s->view;
	const struct rare *rare = capture_rare(&s->capture, rec);
	view->ancestors.len = view->ancestor_frames.len = 0;
	if (!rare)
		return true;
	const struct ancestor_rec *ancestors = s->capture.ancestors.at + rare->ancestors;
	size_t frames = 0;
	for (size_t i = 0; i < rare->ancestor_count; i++)
		frames += ancestors[i].count + 1;
	if (!vec_reserve(&view->ancestor_frames, frames))
		return false;
	for (size_t i = 0; i < rare->ancestor_count; i++) {
		if (!add_ancestor(s, &ancestors[i]))
			return false;
	}
	ret->ancestors = view->ancestors.at;
	ret->ancestor_count = view->ancestors.len;
	ret->ancestors_unread = rare->ancestors_unread;
	return true;
}

void snapshot_name_ancestors(struct gospy_snapshot *s)
{
	const struct capture *c = &s->capture;
	for (size_t i = 0; i < c->ancestor_pcs.len; i++)
		site_of(s, c->ancestor_pcs.at[i]);
	for (size_t i = 0; i < c->ancestors.len; i++) {
		struct gospy_frame frame;
		bool found;
		find_creator(s, &c->ancestors.at[i], &frame, &found);
	}
}
