#include "capture/collect_sync.h"

#include <string.h>

#include "base/cleanup.h"
#include "capture/inner_calls.h"
#include "capture/sync_object.h"

enum {
	/* So many of those that wait at a word are looked at, until one of them has not moved. */
	WAITERS = 4,
	/* What an entry of the map takes; it may be half empty. */
	MAP_BYTES = 2 * sizeof(struct map_entry),
};

/* A word that somebody waits at. */
struct word {
	uint64_t addr;
	uint32_t waiters[WAITERS]; /* positions in recs */
	uint32_t waiter_count;
	bool proved; /* by the call that waits: it is for this word */
	struct sync_object object;
};

struct job {
	struct passes *p;
	VEC(struct word) words;
	struct map by_addr; /* -> 1 + index of the word */
	size_t bytes;       /* taken from the budget */
	unsigned round;
};

static void job_deinit(struct job *job)
{
	vec_free(&job->words);
	map_deinit(&job->by_addr);
	budget_give(&job->p->budget, job->bytes);
}

/* NULL: out of memory, or of budget: `*ok_ret` says. */
static struct word *word_at(struct job *job, uint64_t addr, bool *ok_ret)
{
	enum { BYTES = sizeof(struct word) + MAP_BYTES };
	uint64_t *slot = map_get(&job->by_addr, addr);
	if (slot)
		return &job->words.at[*slot - 1];
	if (!budget_take(&job->p->budget, BYTES))
		return NULL;
	job->bytes += BYTES;
	slot = map_put(&job->by_addr, addr);
	*ok_ret = slot && vec_push(&job->words, ((struct word){.addr = addr}));
	if (!*ok_ret)
		return NULL;
	*slot = job->words.len;
	return &job->words.at[job->words.len - 1];
}

static bool is_semaphore(const struct capture *c, size_t i)
{
	const struct chan_rec *chan = &c->chans.at[i];
	return chan->known && chan->kind == GOSPY_OBJECT_SEMAPHORE &&
	       c->recs[chan->g].chan == i + 1;
}

static bool list_words(struct job *job)
{
	const struct capture *c = job->p->capture;
	struct word *word = NULL;
	for (size_t i = 0; i < c->chans.len; i++) {
		bool ok = true;
		if (!is_semaphore(c, i))
			continue;
		if (!word || word->addr != c->chans.at[i].addr)
			word = word_at(job, c->chans.at[i].addr, &ok);
		if (!ok)
			return false;
		if (word && word->waiter_count < WAITERS)
			word->waiters[word->waiter_count++] = c->chans.at[i].g;
	}
	return true;
}

static void name_by_reason(const struct job *job)
{
	const struct image *image = job->p->image;
	for (size_t i = 0; i < job->words.len; i++) {
		struct word *word = &job->words.at[i];
		const struct g_rec *rec = &job->p->capture->recs[word->waiters[0]];
		word->object = sync_object_by_reason(image->version.minor,
						     image_wait_reason(image, rec->waitreason),
						     word->addr);
	}
}

static const struct g_rec *waiter_of(const struct job *job, const struct word *word)
{
	return &job->p->capture->recs[word->waiters[job->round]];
}

/* Is the word that the runtime was called with this one? */
static bool is_called_with(const struct inner_calls *calls, const struct inner_frame *frame,
			   uint64_t word)
{
	uint64_t arg;
	const char *func = inner_frame_func(frame);
	return func && sync_is_semacquire(func) && frame->first_arg &&
	       inner_calls_word(calls, frame->first_arg, &arg) && arg == word;
}

static void visit_calls(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct job *job = ctx;
	struct word *word = &job->words.at[index];
	struct inner_calls calls = inner_calls_of(job->p, waiter_of(job, word), bytes);
	struct inner_frame frame;
	struct sync_calls found = {0};
	bool done = false;
	word->proved = false;
	while (!done && inner_calls_next(&calls, &frame)) {
		word->proved |= is_called_with(&calls, &frame, word->addr);
		for (size_t i = 0; i < frame.site->call_count && !done; i++) {
			const char *func = frame.site->calls[i].func;
			done = !func || sync_calls_take(&found, func);
		}
	}
	word->object = sync_object_by_calls(job->p->image->version.minor, &found, word->addr);
}

/* If the goroutine moved meanwhile, its calls may be those of another wait. Before Go 1.17 no
 * counter tells, but then the argument of the call is there. */
static void visit_g(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct job *job = ctx;
	struct word *word = &job->words.at[index];
	const struct layout *layout = &job->p->image->layout;
	if (!bytes || !grec_is_still(layout, bytes, waiter_of(job, word)) ||
	    (!word->proved && !field_present(layout->g.trackingSeq)))
		word->object = (struct sync_object){0};
}

static enum gospy_code name_by_calls(struct job *job, struct gospy_error *err)
{
	CLEANUP(scatter_deinit) struct scatter stacks = {0};
	CLEANUP(scatter_deinit) struct scatter gs = {0};
	uint32_t window = (uint32_t)grec_window(&job->p->image->layout);
	for (size_t i = 0; i < job->words.len; i++) {
		const struct word *word = &job->words.at[i];
		if (word->object.kind || word->waiter_count <= job->round)
			continue;
		const struct g_rec *rec = waiter_of(job, word);
		if (!inner_calls_add(&stacks, rec, (uint32_t)i) ||
		    !scatter_add(&gs, rec->addr, window, (uint32_t)i))
			return err_nomem(err);
	}
	enum gospy_code code = inner_calls_read(&stacks, job->p, visit_calls, job, err);
	if (code)
		return code;
	mem_record(job->p->image->mem, false);
	code = scatter_read(&gs, job->p, visit_g, job, err);
	mem_record(job->p->image->mem, true);
	return code;
}

/* Whoever is seen in its w does not say so if it is another one that was looked at. */
static bool unite(const struct job *job)
{
	CLEANUP(map_deinit) struct map rwmutexes = {0};
	for (size_t i = 0; i < job->words.len; i++) {
		const struct sync_object *object = &job->words.at[i].object;
		if (object->kind == GOSPY_WAIT_RWMUTEX && !map_put(&rwmutexes, object->addr))
			return false;
	}
	for (size_t i = 0; i < job->words.len && rwmutexes.len; i++) {
		struct sync_object *object = &job->words.at[i].object;
		if (object->kind == GOSPY_WAIT_MUTEX && map_get(&rwmutexes, object->addr))
			object->kind = GOSPY_WAIT_RWMUTEX;
	}
	return true;
}

static void note(const struct job *job)
{
	struct capture *c = job->p->capture;
	const uint64_t *slot = NULL;
	for (size_t i = 0; i < c->chans.len; i++) {
		struct chan_rec *chan = &c->chans.at[i];
		if (!is_semaphore(c, i))
			continue;
		if (!slot || job->words.at[*slot - 1].addr != chan->addr)
			slot = map_get(&job->by_addr, chan->addr);
		const struct sync_object *object = slot ? &job->words.at[*slot - 1].object : NULL;
		bool named = object && object->kind;
		chan->wait = (uint8_t)(named ? object->kind : GOSPY_WAIT_SEMAPHORE);
		chan->of.object = named ? object->addr : chan->addr;
	}
}

enum gospy_code collect_sync(struct passes *p, struct gospy_error *err)
{
	CLEANUP(job_deinit) struct job job = {.p = p};
	if (!list_words(&job))
		return err_nomem(err);
	name_by_reason(&job);
	enum gospy_code code = GOSPY_OK;
	for (; job.round < WAITERS && !code; job.round++)
		code = name_by_calls(&job, err);
	if (code)
		return code;
	if (!unite(&job))
		return err_nomem(err);
	note(&job);
	return GOSPY_OK;
}
