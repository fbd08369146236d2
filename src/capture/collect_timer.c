#include "capture/collect_timer.h"

#include <string.h>

#include "base/cleanup.h"
#include "capture/scatter.h"

struct job {
	struct passes *p;
	size_t chans; /* what follows is the index of a case of a select */
};

/* src/runtime/time.go:timeSleep. The sleeps of the runtime itself have no g.timer. */
static bool is_wanted(const struct passes *p, const struct g_rec *rec)
{
	return p->capture->wait_kinds[rec->waitreason] == GOSPY_WAIT_SLEEP &&
	       grec_status(rec) == GOSPY_STATUS_WAITING && rec->soundness <= GOSPY_SOUND_LATE &&
	       passes_wants_object(p, rec);
}

static void visit_g(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct job *job = ctx;
	struct chan_rec *chan = &job->p->capture->chans.at[index];
	if (bytes)
		memcpy(&chan->addr, bytes, sizeof(chan->addr));
	if (!chan->addr)
		return;
	chan->wait = GOSPY_WAIT_SLEEP;
	chan->known = true;
	chan->when = chan->addr;
	job->p->capture->recs[chan->g].chan = index + 1;
}

static enum gospy_code find_sleeps(const struct job *job, struct scatter *scatter,
				   struct gospy_error *err)
{
	struct capture *c = job->p->capture;
	const struct field timer = job->p->image->layout.g.timer;
	if (timer.size != sizeof(uint64_t))
		return GOSPY_OK;
	for (size_t i = 0; i < c->count; i++) {
		if (!is_wanted(job->p, &c->recs[i]))
			continue;
		if (!scatter_add(scatter, c->recs[i].addr + timer.off, timer.size,
				 (uint32_t)c->chans.len) ||
		    !vec_push(&c->chans, ((struct chan_rec){.g = (uint32_t)i})))
			return err_nomem(err);
	}
	return scatter_read(scatter, job->p, visit_g, (void *)(uintptr_t)job, err);
}

static uint64_t *when_at(const struct job *job, uint32_t index)
{
	struct capture *c = job->p->capture;
	return index < job->chans ? &c->chans.at[index].when
				  : &c->select_cases.at[index - job->chans].when;
}

/* A timer that is stopped has a `when` of 0: src/runtime/time.go, (*timer).stop. */
static void visit_timer(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct job *job = ctx;
	const __typeof__(job->p->image->layout.timer) *L = &job->p->image->layout.timer;
	bool real = bytes && !field_load(bytes, L->isFake);
	int64_t when = real ? (int64_t)field_load(bytes, L->when) : 0;
	*when_at(job, index) = when > 0 ? (uint64_t)when : 0;
}

static bool add_timer(const struct job *job, struct scatter *scatter, uint32_t index)
{
	const __typeof__(job->p->image->layout.timer) *L = &job->p->image->layout.timer;
	uint32_t end = L->when.off + L->when.size, fake_end = L->isFake.off + L->isFake.size;
	uint64_t *timer = when_at(job, index);
	if (!field_present(L->when))
		*timer = 0;
	return !*timer || scatter_add(scatter, *timer, end > fake_end ? end : fake_end, index);
}

enum gospy_code collect_timers(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	struct job job = {.p = p};
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	enum gospy_code code = find_sleeps(&job, &scatter, err);
	if (code)
		return code;
	job.chans = c->chans.len;
	for (size_t i = 0; i < job.chans + c->select_cases.len; i++) {
		bool poll = i < job.chans && c->chans.at[i].wait == GOSPY_WAIT_FD;
		if (!poll && !add_timer(&job, &scatter, (uint32_t)i))
			return err_nomem(err);
	}
	return scatter_read(&scatter, p, visit_timer, &job, err);
}
