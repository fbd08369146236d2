#include "capture/collect_select.h"

#include <string.h>

#include "base/cleanup.h"
#include "capture/scatter.h"

/* Cases of one select that are listed. Programs write some ten; reflect.Select takes 65,536. */
enum { CASES_MAX = 1024 };

/* A sudog of a select. */
struct found {
	uint64_t sudog, channel;
	uint64_t next;  /* sudog of its next case, 0: there is none */
	uint32_t owner; /* position in chans */
	bool ok;
};

struct job {
	struct passes *p;
	VEC(struct found)
	found;        /* case by case: the first ones of all selects, the second ones ... */
	size_t first; /* of the chans that are its own */
	size_t bytes; /* taken from the budget for `found` */
};

static void job_deinit(struct job *job)
{
	vec_free(&job->found);
	budget_give(&job->p->budget, job->bytes);
}

#define FIELD_END_(member, path, required)                                                         \
	if (L->member.off + L->member.size > end)                                                  \
		end = L->member.off + L->member.size;

static uint32_t sudog_window(const struct layout *layout)
{
	const __typeof__(layout->sudog) *L = &layout->sudog;
	uint32_t end = 0;
	LAYOUT_SUDOG(FIELD_END_)
	return end;
}

static uint32_t hchan_window(const struct layout *layout)
{
	const __typeof__(layout->hchan) *L = &layout->hchan;
	uint32_t end = 0;
	LAYOUT_HCHAN(FIELD_END_)
	return end;
}

/* A select without cases has no g.waiting. */
static bool is_wanted(const struct passes *p, const struct g_rec *rec)
{
	return p->capture->wait_kinds[rec->waitreason] == GOSPY_WAIT_SELECT && rec->waiting &&
	       grec_waits(rec) && rec->soundness <= GOSPY_SOUND_LATE && passes_wants_object(p, rec);
}

/* There is one more case; false: out of memory. */
static bool add_found(struct job *job, uint32_t owner, uint64_t sudog)
{
	enum { BYTES = sizeof(struct found) * 2 };
	struct passes *p = job->p;
	if (!budget_read(&p->budget, 2) ||
	    !budget_take(&p->budget, BYTES + sizeof(struct select_rec))) {
		p->capture->chans.at[owner].of.select.cut = true;
		return true;
	}
	job->bytes += BYTES;
	return vec_push(&job->found, ((struct found){.sudog = sudog, .owner = owner}));
}

static bool add_first(struct job *job)
{
	struct capture *c = job->p->capture;
	for (size_t i = 0; i < c->count; i++) {
		const struct g_rec *rec = &c->recs[i];
		if (!is_wanted(job->p, rec))
			continue;
		struct chan_rec chan = {.g = (uint32_t)i, .wait = GOSPY_WAIT_SELECT, .known = true};
		if (!vec_push(&c->chans, chan) ||
		    !add_found(job, (uint32_t)c->chans.len - 1, rec->waiting))
			return false;
	}
	return true;
}

static void visit_sudog(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct job *job = ctx;
	const struct capture *c = job->p->capture;
	const __typeof__(job->p->image->layout.sudog) *L = &job->p->image->layout.sudog;
	struct found *found = &job->found.at[index];
	const struct chan_rec *owner = &c->chans.at[found->owner];
	// The sudog must be this goroutine's own, and in a select.
	if (!bytes || field_load(bytes, L->g) != c->recs[owner->g].addr ||
	    !field_load(bytes, L->isSelect))
		return;
	found->channel = field_load(bytes, L->c);
	found->next = field_load(bytes, L->waitlink);
	found->ok = found->channel != 0;
}

static enum gospy_code follow(struct job *job, struct gospy_error *err)
{
	struct capture *c = job->p->capture;
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	const uint32_t window = sudog_window(&job->p->image->layout);
	size_t done = 0;
	for (unsigned round = 0; done < job->found.len; round++) {
		size_t end = job->found.len;
		for (size_t i = done; i < end; i++) {
			if (!scatter_add(&scatter, job->found.at[i].sudog, window, (uint32_t)i))
				return err_nomem(err);
		}
		enum gospy_code code = scatter_read(&scatter, job->p, visit_sudog, job, err);
		if (code)
			return code;
		for (; done < end; done++) {
			const struct found found = job->found.at[done];
			struct chan_rec *owner = &c->chans.at[found.owner];
			owner->known &= found.ok;
			owner->of.select.count += found.ok;
			if (!found.ok || !found.next)
				continue;
			if (round + 1 == CASES_MAX)
				owner->of.select.cut = true;
			else if (!add_found(job, found.owner, found.next))
				return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

/* Put the cases of each select one behind the other. */
static bool place_cases(const struct job *job)
{
	struct capture *c = job->p->capture;
	size_t total = c->select_cases.len;
	for (size_t i = job->first; i < c->chans.len; i++) {
		struct chan_rec *chan = &c->chans.at[i];
		if (!chan->known)
			continue;
		chan->of.select.first = total;
		total += chan->of.select.count;
		chan->of.select.count = 0;
		c->recs[chan->g].chan = (uint32_t)i + 1;
	}
	if (!vec_reserve(&c->select_cases, total))
		return false;
	c->select_cases.len = total;
	for (size_t i = 0; i < job->found.len; i++) {
		const struct found *found = &job->found.at[i];
		struct chan_rec *chan = &c->chans.at[found->owner];
		if (!chan->known)
			continue;
		c->select_cases.at[chan->of.select.first + chan->of.select.count++] =
			(struct select_rec){.sudog = found->sudog, .addr = found->channel};
	}
	return true;
}

/* In which queue is the sudog? Mostly one of them is empty; where both are not it may be the first
 * of one. */
static enum gospy_direction direction_of(uint64_t sudog, uint64_t recvq, uint64_t sendq)
{
	if (recvq == sudog || (recvq && !sendq))
		return GOSPY_RECEIVE;
	if (sendq == sudog || (sendq && !recvq))
		return GOSPY_SEND;
	return GOSPY_DIRECTION_UNKNOWN;
}

static void visit_hchan(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct job *job = ctx;
	const __typeof__(job->p->image->layout.hchan) *L = &job->p->image->layout.hchan;
	struct select_rec *rec = &job->p->capture->select_cases.at[index];
	if (!bytes)
		return;
	rec->cap = field_load(bytes, L->dataqsiz);
	rec->len = field_load(bytes, L->qcount);
	rec->elem_size = (uint16_t)field_load(bytes, L->elemsize);
	rec->closed = field_load(bytes, L->closed) != 0;
	rec->known = rec->len <= rec->cap;
	rec->when = field_load(bytes, L->timer);
	rec->direction = (uint8_t)direction_of(rec->sudog, field_load(bytes, L->recvq),
					       field_load(bytes, L->sendq));
}

enum gospy_code collect_selects(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	CLEANUP(job_deinit) struct job job = {.p = p, .first = c->chans.len};
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	if (!add_first(&job))
		return err_nomem(err);
	enum gospy_code code = follow(&job, err);
	if (code)
		return code;
	size_t first = c->select_cases.len;
	if (!place_cases(&job))
		return err_nomem(err);
	const uint32_t window = hchan_window(&p->image->layout);
	for (size_t i = first; i < c->select_cases.len; i++) {
		if (!scatter_add(&scatter, c->select_cases.at[i].addr, window, (uint32_t)i))
			return err_nomem(err);
	}
	return scatter_read(&scatter, p, visit_hchan, &job, err);
}
