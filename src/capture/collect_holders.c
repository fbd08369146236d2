#include "capture/collect_holders.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "capture/collect_sema.h"
#include "capture/held_locks.h"
#include "capture/object_state.h"
#include "capture/scatter.h"

enum {
	/* Objects that are looked at: a million goroutines may wait for as many. */
	OBJECTS_MAX = 1 << 16, /* of those that can be held, and of the others */
	HOLDERS_MAX = 1 << 16,
	RELEASERS_MAX = 64,
	RELEASED_MAX = 8, /* by the calls of one stack, for callers */
	COND_LOCKER = 8,  /* src/sync/cond.go: L is an interface, whose second word is the lock */
};

/* ---- words around those that are waited at */

static bool wants_holders(const struct passes *p)
{
	return p->options->holder_limit && p->options->objects && p->options->stacks &&
	       p->options->scope == GOSPY_SCOPE_ALL;
}

enum gospy_code collect_semas_prepare(struct passes *p, struct gospy_error *err)
{
	if (!wants_holders(p))
		return GOSPY_OK;
	mem_record(p->image->mem, false);
	enum gospy_code code = collect_sema_words(p, err);
	mem_record(p->image->mem, true);
	return code;
}

/* Others keep things next to them: what of it belongs to an object is said later. */
void collect_semas_stopped(struct passes *p, uint64_t deadline_ns)
{
	enum { AT_ONCE = 256 };
	struct capture *c = p->capture;
	struct mem_req reqs[AT_ONCE];
	size_t done = 0, kept = 0;
	for (size_t n; done < c->semas.len && clock_mono_ns() < deadline_ns; done += n) {
		n = c->semas.len - done < AT_ONCE ? c->semas.len - done : AT_ONCE;
		for (size_t i = 0; i < n; i++) {
			struct sema_words *words = &c->semas.at[done + i];
			reqs[i] = (struct mem_req){words->sema - SEMA_BEFORE, words->bytes,
						   SEMA_BYTES, 0, MEM_RUN};
		}
		enum gospy_code code = mem_readv(p->image->mem, reqs, n, NULL);
		if (code && code != GOSPY_E_FAULT)
			break;
		for (size_t i = 0; i < n; i++) {
			if (reqs[i].done == SEMA_BYTES)
				c->semas.at[kept++] = c->semas.at[done + i];
		}
	}
	c->semas.len = kept;
}

static const struct sema_words *find_words(const struct capture *c, uint64_t sema)
{
	size_t lo = 0, hi = c->semas.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (c->semas.at[mid].sema < sema)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->semas.len && c->semas.at[lo].sema == sema ? &c->semas.at[lo] : NULL;
}

/* ---- objects */

struct job {
	struct passes *p;
	const struct stopped_stacks *stopped;
	struct map by_addr; /* -> 1 + index in .objects */
	struct held_locks held;
	/* Of the goroutine that is looked at: what its steps read of the stack. */
	uint64_t words[2 * HELD_STEPS_MAX];
	bool there[2 * HELD_STEPS_MAX];
	struct released {
		uint64_t addr;
		bool perhaps;
	} released[RELEASED_MAX];
	unsigned released_count;
	bool is_known; /* what is read now was read before, and is what it should be */
};

static void job_deinit(struct job *job)
{
	map_deinit(&job->by_addr);
	held_locks_deinit(&job->held);
}

static void take_words(struct passes *p, struct object_rec *object, uint64_t sema)
{
	const struct sema_words *words = find_words(p->capture, sema);
	uint64_t off = object->addr - (sema - SEMA_BEFORE);
	size_t len = object_state_bytes((enum gospy_wait_kind)object->kind);
	if (!words || object->read || off > SEMA_BYTES || len > SEMA_BYTES - off)
		return;
	memcpy(object->bytes, words->bytes + off, len);
	object->read = object->at_instant = true;
	mem_seen(p->image->mem, object->addr, object->bytes, len, MEM_DATA);
}

static bool is_object(const struct chan_rec *chan)
{
	return chan->known && object_state_bytes((enum gospy_wait_kind)chan->wait);
}

/* Is it something that one can hold? */
static bool is_held(const struct chan_rec *chan)
{
	return chan->wait != GOSPY_WAIT_COND && chan->wait != GOSPY_WAIT_WAITGROUP;
}

/* The objects that somebody waits for, with what was read of them at the instant. */
static bool list_objects(struct job *job)
{
	struct capture *c = job->p->capture;
	size_t locks = 0;
	for (size_t i = 0; i < c->chans.len; i++) {
		const struct chan_rec *chan = &c->chans.at[i];
		if (!is_object(chan) || c->recs[chan->g].chan != i + 1)
			continue;
		uint64_t addr = chan->of.object, *at = map_get(&job->by_addr, addr);
		// Those that nobody holds take no room from those that somebody does.
		bool held = is_held(chan);
		if (!at && (held ? locks : c->objects.len - locks) == OBJECTS_MAX) {
			c->holders_cut |= held;
			continue;
		}
		locks += !at && held;
		if (!at) {
			struct object_rec object = {.addr = addr, .kind = chan->wait};
			at = map_put(&job->by_addr, addr);
			if (!at || !vec_push(&c->objects, object))
				return false;
			*at = c->objects.len;
		}
		struct object_rec *object = &c->objects.at[*at - 1];
		object->writer_waits |= object_is_writer_sem(object->kind, chan->addr - addr);
		take_words(job->p, object, chan->addr);
	}
	return true;
}

static void visit_object(void *ctx, uint32_t index, const uint8_t *bytes)
{
	struct job *job = ctx;
	struct object_rec *object = &job->p->capture->objects.at[index];
	size_t len = object_state_bytes((enum gospy_wait_kind)object->kind);
	if (!bytes)
		return;
	memcpy(object->bytes, bytes, len);
	object->read = true;
	object->at_instant = job->p->source->frozen;
}

/* Those that were not read at the instant, now. */
static enum gospy_code read_objects(struct job *job, struct gospy_error *err)
{
	const struct capture *c = job->p->capture;
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	for (size_t i = 0; i < c->objects.len; i++) {
		const struct object_rec *object = &c->objects.at[i];
		size_t len = object_state_bytes((enum gospy_wait_kind)object->kind);
		if (!object->read &&
		    !scatter_add(&scatter, object->addr, (uint32_t)len, (uint32_t)i))
			return err_nomem(err);
	}
	return scatter_read(&scatter, job->p, visit_object, job, err);
}

/* ---- what one goroutine holds */

/* A bundle without an instant has no two things of the same moment. */
static bool has_instants(const struct source *source)
{
	return !source->frozen || !source->taken.non_blocking || source->taken.instant;
}

static bool is_looked_at(const struct passes *p, const struct g_rec *rec)
{
	bool sound = rec->soundness == GOSPY_SOUND ||
		     (p->validates && rec->soundness == GOSPY_SOUND_RETRIED);
	return sound && rec->stack && !grec_is_dead(rec);
}

static uint32_t stack_of(const struct capture *c, const struct g_rec *rec)
{
	return rec->flags & G_NAMED ? rec->stack : stacks_number(&c->stacks, rec->stack);
}

static bool reads_slot(const struct lock_recipe *recipe)
{
	return recipe->kind == RECIPE_SLOT;
}

static void take_copied(struct job *job, size_t at, const uint8_t *bytes, size_t len, uint64_t off)
{
	job->there[at] = len >= sizeof(job->words[at]) && off <= len - sizeof(job->words[at]);
	if (job->there[at])
		memcpy(&job->words[at], bytes + off, sizeof(job->words[at]));
}

/* Read the words of the stack that the steps take. They were recorded with the stack. */
static void read_words(struct job *job, const struct g_rec *rec, const struct held_plan *plan)
{
	const struct held_step *steps = job->held.steps.at + plan->first;
	struct mem_req reqs[2 * HELD_STEPS_MAX];
	size_t len = 0, n = 0;
	const uint8_t *bytes = stopped_stacks_bytes(job->stopped, rec, &len);
	uint8_t places[2 * HELD_STEPS_MAX];
	memset(job->there, 0, sizeof(job->there));
	for (unsigned i = 0; i < 2 * plan->count; i++) {
		const struct lock_recipe *recipe = i % 2 ? &steps[i / 2].via : &steps[i / 2].at;
		uint64_t off = (uint64_t)(steps[i / 2].entry + recipe->slot);
		uint64_t addr = rec->sp + off;
		if (!reads_slot(recipe) || addr < rec->sp || addr >= rec->stack_hi)
			continue;
		if (bytes) {
			take_copied(job, i, bytes, len, off);
			continue;
		}
		places[n] = (uint8_t)i;
		reqs[n++] = (struct mem_req){addr, &job->words[i], sizeof(uint64_t), 0, MEM_STACK};
	}
	if (!n)
		return;
	mem_record(job->p->image->mem, false);
	enum gospy_code code = mem_readv(job->p->image->mem, reqs, n, NULL);
	mem_record(job->p->image->mem, true);
	for (size_t i = 0; i < n && (!code || code == GOSPY_E_FAULT); i++)
		job->there[places[i]] = reqs[i].done == sizeof(uint64_t);
}

/* If it is not what it should be nobody knows what it is: until then it is not recorded. */
static bool load(const struct job *job, uint64_t addr, uint64_t *ret)
{
	mem_record(job->p->image->mem, job->is_known);
	enum gospy_code code = mem_read_u64(job->p->image->mem, addr, ret, NULL);
	mem_record(job->p->image->mem, true);
	return !code;
}

/* The address that the recipe leads to; false: it leads nowhere. */
static bool follow(const struct job *job, const struct g_rec *rec, const struct held_step *step,
		   const struct lock_recipe *recipe, size_t word, uint64_t *ret)
{
	uint64_t addr = 0;
	switch (recipe->kind) {
	case RECIPE_NONE:
		return false;
	case RECIPE_CONST:
		addr = job->held.bias;
		break;
	case RECIPE_STACK:
		addr = rec->sp + (uint64_t)step->entry;
		break;
	case RECIPE_SLOT:
		if (!job->there[word])
			return false;
		addr = job->words[word];
		break;
	}
	addr += (uint64_t)recipe->add[0];
	for (unsigned i = 0; i < recipe->loads; i++) {
		uint64_t next;
		if (!load(job, addr, &next))
			return false;
		addr = next + (uint64_t)recipe->add[i + 1];
	}
	*ret = addr;
	return true;
}

/* A lock that was taken by a method of an interface is one if that method takes it. */
static bool is_lock_method(struct job *job, const struct g_rec *rec, const struct held_step *step,
			   size_t word, bool *reader)
{
	uint64_t entry;
	if (!follow(job, rec, step, &step->via, word, &entry))
		return false;
	enum lock_callee_kind kind = lock_sites_method(&job->held.sites, entry);
	*reader = kind == CALLEE_RLOCK;
	if (kind == CALLEE_OTHER)
		return false;
	// What led there were addresses, in a table that never changes: for a bundle, too.
	job->is_known = true;
	bool found = follow(job, rec, step, &step->via, word, &entry);
	job->is_known = false;
	return found;
}

/* Was it, by a call further in? NULL: no. */
static const struct released *was_released(const struct job *job, uint64_t addr)
{
	const struct released *found = NULL;
	for (unsigned i = 0; i < job->released_count; i++) {
		const struct released *released = &job->released[i];
		if (released->addr == addr && (!found || found->perhaps))
			found = released;
	}
	return found;
}

/* False: there is no room to remember it. */
static bool release(struct job *job, uint64_t addr, bool perhaps)
{
	if (job->released_count == RELEASED_MAX)
		return false;
	job->released[job->released_count++] = (struct released){addr, perhaps};
	return true;
}

/* One that was released on some paths only puts no other one in doubt, if it is known which one it
 * is: not by words of memory, which may have changed. */
static bool release_for_caller(struct job *job, const struct g_rec *rec,
			       const struct held_step *step, size_t word)
{
	uint64_t addr;
	return !step->at.loads && follow(job, rec, step, &step->at, word, &addr) &&
	       release(job, addr, step->doubt != GOSPY_DOUBT_NONE);
}

/* The lock of the sync.Cond that the goroutine waits for; false: it is not known. */
static bool lock_of_cond(const struct job *job, const struct g_rec *rec, uint64_t *ret)
{
	const struct capture *c = job->p->capture;
	const struct chan_rec *chan = rec->chan ? &c->chans.at[rec->chan - 1] : NULL;
	return chan && chan->known && chan->wait == GOSPY_WAIT_COND &&
	       !mem_read_u64(job->p->image->mem, chan->of.object + COND_LOCKER, ret, NULL);
}

static bool add_holder(struct job *job, struct holder_rec holder)
{
	struct capture *c = job->p->capture;
	for (size_t i = c->holders.len; i && c->holders.at[i - 1].g == holder.g; i--) {
		struct holder_rec *known = &c->holders.at[i - 1];
		if (known->object != holder.object || known->reader != holder.reader)
			continue;
		// Once is enough, but the one that is certain.
		if (known->doubt && !holder.doubt)
			*known = holder;
		return true;
	}
	if (c->holders.len == HOLDERS_MAX) {
		c->holders_cut = true;
		return true;
	}
	return vec_push(&c->holders, holder);
}

static bool take_lock(struct job *job, const struct g_rec *rec, const struct held_step *step,
		      size_t word, enum gospy_doubt doubt)
{
	const struct capture *c = job->p->capture;
	uint64_t addr, *at;
	bool reader = step->mode == LOCK_READ;
	if (!follow(job, rec, step, &step->at, word, &addr) || !(at = map_get(&job->by_addr, addr)))
		return true;
	const struct released *released = was_released(job, addr);
	if (released && !doubt)
		doubt = GOSPY_DOUBT_CALLEE;
	if ((released && !released->perhaps) ||
	    (step->has_via && !is_lock_method(job, rec, step, word + 1, &reader)))
		return true;
	const struct object_rec *object = &c->objects.at[*at - 1];
	if (object->kind == GOSPY_WAIT_WAITGROUP || (reader && object->kind != GOSPY_WAIT_RWMUTEX))
		return true;
	return add_holder(job, (struct holder_rec){
				       .object = (uint32_t)(*at - 1),
				       .g = (uint32_t)(rec - c->recs),
				       .pc = step->pc,
				       .reader = reader,
				       .doubt = (uint8_t)(step->doubt ? step->doubt : doubt),
			       });
}

/* False: out of memory. */
static bool take_steps(struct job *job, const struct g_rec *rec, const struct held_plan *plan)
{
	enum gospy_doubt doubt = GOSPY_DOUBT_NONE; // of the calls that follow
	job->released_count = 0;
	for (unsigned i = 0; i < plan->count; i++) {
		const struct held_step *step = &job->held.steps.at[plan->first + i];
		uint64_t addr;
		bool known = true;
		switch (step->kind) {
		case HELD_LOCK:
			if (!take_lock(job, rec, step, 2 * (size_t)i, doubt))
				return false;
			break;
		case HELD_RELEASED:
			known = release_for_caller(job, rec, step, 2 * (size_t)i);
			break;
		case HELD_COND_WAIT:
			known = lock_of_cond(job, rec, &addr) && release(job, addr, false);
			break;
		case HELD_DOUBT:
			known = false;
			break;
		}
		if (!known)
			doubt = GOSPY_DOUBT_CALLEE;
	}
	return true;
}

static enum gospy_code look_at_all(struct job *job, struct gospy_error *err)
{
	struct capture *c = job->p->capture;
	uint64_t looked_at = 0;
	for (size_t i = 0; i < c->count; i++) {
		const struct g_rec *rec = &c->recs[i];
		if (!is_looked_at(job->p, rec))
			continue;
		const struct held_plan *plan = held_locks_plan(&job->held, stack_of(c, rec));
		if (!plan)
			return err_nomem(err);
		if (cancel_asked())
			return cancel_check(err);
		if (plan->releases && c->releasers.len < RELEASERS_MAX &&
		    !vec_push(&c->releasers, (uint32_t)i))
			return err_nomem(err);
		if (!plan->locks)
			continue;
		if (looked_at++ >= job->p->options->holder_limit ||
		    !budget_read(&job->p->budget, 1)) {
			c->holders_cut = true;
			break;
		}
		const struct held_plan copy = *plan;
		read_words(job, rec, &copy);
		if (!take_steps(job, rec, &copy))
			return err_nomem(err);
	}
	c->holders_cut |= job->held.sites.table.cut;
	return GOSPY_OK;
}

/* ---- was it so at one instant? */

/* Does what was read of a stack after the instant belong to it? */
static void visit_g(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct job *job = ctx;
	struct holder_rec *holder = &job->p->capture->holders.at[index];
	const struct g_rec *rec = &job->p->capture->recs[holder->g];
	holder->held = bytes && collect_is_proved_by_g(job->p, rec) && grec_is_parked(rec) &&
		       grec_is_still(&job->p->image->layout, bytes, rec);
}

static enum gospy_code check_still(struct job *job, struct gospy_error *err)
{
	struct capture *c = job->p->capture;
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	uint32_t window = (uint32_t)grec_window(&job->p->image->layout);
	for (size_t i = 0; i < c->holders.len; i++) {
		const struct g_rec *rec = &c->recs[c->holders.at[i].g];
		c->holders.at[i].held = job->p->source->frozen;
		if (!job->p->source->frozen &&
		    !scatter_add(&scatter, rec->addr, window, (uint32_t)i))
			return err_nomem(err);
	}
	mem_record(job->p->image->mem, false);
	enum gospy_code code = scatter_read(&scatter, job->p, visit_g, job, err);
	mem_record(job->p->image->mem, true);
	return code;
}

/* Leave out those whose stacks may be of another moment than their goroutines. */
static void drop_moved(const struct job *job)
{
	struct capture *c = job->p->capture;
	size_t kept = 0, len;
	for (size_t i = 0; i < c->holders.len; i++) {
		const struct holder_rec *holder = &c->holders.at[i];
		if (holder->held || stopped_stacks_bytes(job->stopped, &c->recs[holder->g], &len))
			c->holders.at[kept++] = *holder;
	}
	c->holders.len = kept;
}

static int compare_holders(const void *a, const void *b)
{
	const struct holder_rec *x = a, *y = b;
	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	return (x->g > y->g) - (x->g < y->g);
}

static void judge(struct capture *c)
{
	if (c->holders.len)
		qsort(c->holders.at, c->holders.len, sizeof(*c->holders.at), compare_holders);
	for (size_t i = 0, at = 0; i < c->objects.len; i++) {
		struct object_rec *object = &c->objects.at[i];
		object->first = at;
		while (at < c->holders.len && c->holders.at[at].object == i)
			at++;
		object->count = at - object->first;
		object_judge(object, c->holders.at + object->first);
	}
}

static void doubt_all(struct capture *c)
{
	for (size_t i = 0; i < c->holders.len; i++) {
		if (!c->holders.at[i].doubt)
			c->holders.at[i].doubt = GOSPY_DOUBT_STATE;
	}
}

enum gospy_code collect_holders(struct passes *p, const struct stopped_stacks *stopped,
				struct gospy_error *err)
{
	struct capture *c = p->capture;
	CLEANUP(job_deinit) struct job job = {.p = p, .stopped = stopped};
	if (!wants_holders(p))
		return GOSPY_OK;
	held_locks_init(&job.held, c, &p->image->symbolizer);
	if (!list_objects(&job))
		return err_nomem(err);
	enum gospy_code code = c->objects.len ? look_at_all(&job, err) : GOSPY_OK;
	// In this order: whoever stands still afterwards has held it when the lock was read.
	if (!code)
		code = read_objects(&job, err);
	if (!code)
		code = check_still(&job, err);
	if (code)
		return code;
	drop_moved(&job);
	judge(c);
	if (!has_instants(p->source))
		doubt_all(c);
	return GOSPY_OK;
}
