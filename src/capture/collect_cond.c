#include "capture/collect_cond.h"

#include <string.h>

#include "base/cleanup.h"
#include "capture/inner_calls.h"
#include "capture/sync_object.h"

/* src/runtime/sema.go: notifyList{wait, notify uint32; lock uintptr; head, tail *sudog}, the same
 * in Go 1.12 to 1.27. */
enum {
	LIST_HEAD = 16,
	LIST_BYTES = 32,
	/* Waiters of one list that are looked at until one is found that has named the list. */
	STEPS_MAX = 64,
};

struct job {
	struct passes *p;
	size_t first; /* of the chans that are its own */
};

static void name_lists(struct passes *p)
{
	struct capture *c = p->capture;
	for (size_t i = 0; i < c->chans.len; i++) {
		struct chan_rec *chan = &c->chans.at[i];
		if (!chan->known || chan->kind != GOSPY_OBJECT_NOTIFY_LIST)
			continue;
		const struct sync_object object =
			sync_object_of_notify_list(p->image->version.minor, chan->addr);
		chan->wait = (uint8_t)object.kind;
		chan->of.object = object.addr;
	}
}

static bool is_wanted(const struct capture *c, const struct g_rec *rec)
{
	return c->wait_kinds[rec->waitreason] == GOSPY_WAIT_COND && !rec->chan && grec_waits(rec) &&
	       rec->soundness <= GOSPY_SOUND_LATE;
}

/* src/sync/runtime.go: runtime_notifyListWait(l *notifyList, t uint32). */
static void visit_calls(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct job *job = ctx;
	struct chan_rec *chan = &job->p->capture->chans.at[index];
	struct inner_calls calls = inner_calls_of(job->p, &job->p->capture->recs[chan->g], bytes);
	struct inner_frame frame;
	while (inner_calls_next(&calls, &frame)) {
		const char *func = inner_frame_func(&frame);
		if (!func || strcmp(func, "sync.runtime_notifyListWait") != 0)
			continue;
		if (frame.first_arg && !inner_calls_word(&calls, frame.first_arg, &chan->addr))
			chan->addr = 0;
		return;
	}
}

/* Does the list hold a goroutine that has named it? */
static bool is_list(const struct job *job, uint64_t list, const struct map *named_by)
{
	struct passes *p = job->p;
	const __typeof__(p->image->layout.sudog) *L = &p->image->layout.sudog;
	uint64_t sudog, g;
	if (!budget_read(&p->budget, 1) ||
	    mem_read_u64(p->image->mem, list + LIST_HEAD, &sudog, NULL))
		return false;
	for (unsigned i = 0; sudog && i < STEPS_MAX && budget_read(&p->budget, 2); i++) {
		if (mem_read_u64(p->image->mem, sudog + L->g.off, &g, NULL))
			return false;
		const struct g_rec *rec = capture_g(p->capture, g);
		const uint64_t *named =
			rec ? map_get(named_by, (uint64_t)(rec - p->capture->recs)) : NULL;
		if (named && *named == list)
			return true;
		if (mem_read_u64(p->image->mem, sudog + L->next.off, &sudog, NULL))
			return false;
	}
	return false;
}

/* Each list is looked at once. */
static bool check_lists(const struct job *job)
{
	struct capture *c = job->p->capture;
	CLEANUP(map_deinit) struct map named_by = {0}; /* position of the g -> list */
	CLEANUP(map_deinit) struct map lists = {0};    /* -> 1: it is one, 2: not */
	for (size_t i = job->first; i < c->chans.len; i++) {
		uint64_t *list = map_put(&named_by, c->chans.at[i].g);
		if (!list)
			return false;
		*list = c->chans.at[i].addr;
	}
	for (size_t i = job->first; i < c->chans.len; i++) {
		struct chan_rec *chan = &c->chans.at[i];
		const struct sync_object object =
			sync_object_of_notify_list(job->p->image->version.minor, chan->addr);
		uint64_t *is = map_put(&lists, chan->addr);
		if (!is)
			return false;
		if (!*is)
			*is = object.kind && is_list(job, chan->addr, &named_by) ? 1 : 2;
		if (*is != 1)
			continue;
		chan->wait = (uint8_t)object.kind;
		chan->of.object = object.addr;
		chan->known = true;
		c->recs[chan->g].chan = (uint32_t)i + 1;
	}
	return true;
}

enum gospy_code collect_conds(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	struct job job = {.p = p, .first = c->chans.len};
	CLEANUP(scatter_deinit) struct scatter stacks = {0};
	name_lists(p);
	if (!field_present(p->image->layout.sudog.next))
		return GOSPY_OK;
	for (size_t i = 0; i < c->count; i++) {
		if (!is_wanted(c, &c->recs[i]))
			continue;
		if (!inner_calls_add(&stacks, &c->recs[i], (uint32_t)c->chans.len) ||
		    !vec_push(&c->chans, ((struct chan_rec){.g = (uint32_t)i})))
			return err_nomem(err);
	}
	enum gospy_code code = inner_calls_read(&stacks, p, visit_calls, &job, err);
	if (!code && job.first < c->chans.len && !check_lists(&job))
		code = err_nomem(err);
	return code;
}
