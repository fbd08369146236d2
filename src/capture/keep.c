#include "capture/keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
	/* A table of stacks is looked through for those that no goroutine has any more when it has
	 * more than twice as many as were left the last time, and at least so many. */
	STACKS_FEW = 1024,
	STACKS_GROWTH = 2,
	/* Room that there has to be for goroutines born before the stop. */
	NEWBORN_LEAST = 1 << 15,
	RESTS_MAX = 63,
};

bool keep_init(struct keep *keep)
{
	*keep = (struct keep){.pool = store_pool_create(), .small_pool = store_pool_create()};
	if (keep->pool && keep->small_pool)
		return true;
	store_pool_close(keep->pool);
	store_pool_close(keep->small_pool);
	return false;
}

void keep_drop(struct keep *keep)
{
	store_unref(keep->last);
	symbols_release(keep->symbols);
	keep->last = NULL;
	keep->symbols = NULL;
	keep->quiet = keep->changed_known = false;
	keep->changed.len = keep->stacks_left = 0;
}

void keep_deinit(struct keep *keep)
{
	keep_drop(keep);
	store_pool_close(keep->pool);
	store_pool_close(keep->small_pool);
	bulk_room_destroy(keep->room);
	vec_free(&keep->ms);
	vec_free(&keep->changed);
	vec_free(&keep->threads);
	source_forget(keep->source);
	source_forget(keep->small_source);
}

static size_t bytes_of(const struct stack_table *table)
{
	return table->pcs.cap * sizeof(*table->pcs.at) + table->recs.cap * sizeof(*table->recs.at) +
	       table->by_hash.cap * sizeof(*table->by_hash.entries);
}

static bool has_room(const struct store *store, size_t listed, size_t count, uint64_t allglen)
{
	return allglen >= listed && allglen - listed + NEWBORN_LEAST <= store->cap - count;
}

bool keep_has_room(const struct capture *c)
{
	return has_room(c->store, c->listed, c->count, c->sched.allglen);
}

/* Are the records what this capture would have read? Arguments, and the choice of goroutines whose
 * stacks are read, may differ from capture to capture. */
static bool is_of_use(const struct keep *keep, const struct capture *c,
		      const struct gospy_snapshot_options *options, size_t stacks_bytes_max)
{
	return keep->last && keep->symbols == c->symbols && keep->stacks == options->stacks &&
	       keep->stack_states == options->stack_states && !options->arguments &&
	       !options->stack_goid_count &&
	       has_room(keep->last, keep->listed, keep->count, c->sched.allglen) &&
	       bytes_of(&keep->last->stacks) <= stacks_bytes_max;
}

static void copy_changed(struct store *to, const struct keep *keep)
{
	const struct store *from = keep->last;
	for (size_t i = 0; i < keep->changed.len; i++) {
		uint32_t at = keep->changed.at[i];
		to->recs[at] = from->recs[at];
		to->by_index[from->recs[at].index] = at;
	}
}

/* Make a store with what the last one holds, because others still read that. NULL: out of memory.
 */
static struct store *copy_last(const struct keep *keep)
{
	const struct store *from = keep->last;
	struct store *to = store_pool_take(keep->pool, keep->count);
	if (to && to->cap < from->cap) {
		store_unref(to); // it would not have the room that is_of_use() has found
		to = NULL;
	}
	if (!to && !(to = store_create(keep->count, keep->pool)))
		return NULL;
	if (!stack_table_copy(&to->stacks, &from->stacks)) {
		store_unref(to);
		return NULL;
	}
	if (keep->changed_known && to->number + 1 == from->number) {
		copy_changed(to, keep);
		to->extras |= from->extras;
	} else {
		memcpy(to->recs, from->recs, keep->count * sizeof(*to->recs));
		memcpy(to->by_index, from->by_index, keep->count * sizeof(*to->by_index));
		to->extras = from->extras;
	}
	to->number = from->number;
	return to;
}

/* Let go of stacks that no goroutine has any more. */
static bool shrink(struct keep *keep, struct store *store, bool *shrunk_ret)
{
	struct stack_table *table = &store->stacks;
	size_t n = table->recs.len;
	if (n <= STACKS_FEW + keep->stacks_left * STACKS_GROWTH)
		return true;
	CLEANUP_FREE uint32_t *numbers = calloc(n, sizeof(*numbers));
	if (!numbers)
		return false;
	for (size_t i = 0; i < keep->count; i++) {
		if (store->recs[i].stack)
			numbers[store->recs[i].stack - 1] = 1;
	}
	if (!stack_table_shrink(table, numbers))
		return false;
	for (size_t i = 0; i < keep->count; i++) {
		if (store->recs[i].stack)
			store->recs[i].stack = numbers[store->recs[i].stack - 1];
	}
	keep->stacks_left = table->recs.len;
	*shrunk_ret = true;
	return true;
}

/* Forget what each capture reads anew if it is asked for it. */
static void forget_extras(const struct keep *keep, struct store *store)
{
	for (size_t i = 0; store->extras && i < keep->count; i++)
		store->recs[i].chan = store->recs[i].label_set = 0;
	store->extras = false;
}

enum gospy_code keep_begin(struct keep *keep, struct capture *c,
			   const struct gospy_snapshot_options *options, size_t stacks_bytes_max,
			   struct gospy_error *err)
{
	if (!is_of_use(keep, c, options, stacks_bytes_max)) {
		keep_drop(keep);
		return GOSPY_OK;
	}
	if (!store_is_mine(keep->last)) {
		struct store *copy = copy_last(keep);
		if (!copy)
			return err_nomem(err);
		store_unref(keep->last);
		keep->last = copy;
	}
	forget_extras(keep, keep->last);
	if (!shrink(keep, keep->last, &c->rearranged))
		return err_nomem(err);
	// Until keep_end() the records are in no state to be kept.
	c->store = keep->last;
	keep->last = NULL;
	c->recs = c->store->recs;
	c->cap = c->store->cap;
	c->kept = true;
	c->count = keep->count;
	c->sorted = keep->sorted;
	c->listed = c->listed_first = keep->listed;
	c->missing.entries = keep->entries;
	return GOSPY_OK;
}

bool keep_is_still(const struct keep *keep, const struct moment *moment, bool *same_ret)
{
	bool same = true;
	if (!keep->quiet || !keep->sound || moment->threads.len != keep->threads.len)
		return false;
	for (size_t i = 0; i < moment->threads.len; i++) {
		const struct moment_thread *now = &moment->threads.at[i];
		const struct keep_thread *then = &keep->threads.at[i];
		if (now->state != MOMENT_STILL || now->tid != then->tid ||
		    now->arrivals != then->arrivals)
			return false;
		same &= now->same;
	}
	*same_ret = same;
	return true;
}

void keep_note_try(struct keep *keep, bool spent, bool done)
{
	if (keep->rest)
		keep->rest--;
	if (!spent)
		return;
	unsigned more = 2 * keep->rests + 1;
	keep->rests = done ? 0 : more < RESTS_MAX ? more : RESTS_MAX;
	keep->rest = keep->rests;
}

void keep_note_threads(struct keep *keep, const struct moment *moment)
{
	keep->threads.len = 0;
	keep->quiet = !moment->interrupted && !moment->moved &&
		      vec_reserve(&keep->threads, moment->threads.len);
	for (size_t i = 0; keep->quiet && i < moment->threads.len; i++) {
		const struct moment_thread *thread = &moment->threads.at[i];
		keep->quiet = thread->state == MOMENT_STILL && thread->arrivals;
		keep->threads.at[keep->threads.len++] =
			(struct keep_thread){thread->tid, thread->arrivals};
	}
}

bool keep_note_ms(struct keep *keep, const struct schedstate *sched)
{
	if (!vec_reserve(&keep->ms, sched->ms.len))
		return false;
	keep->ms.len = sched->ms.len;
	for (size_t i = 0; i < sched->ms.len; i++)
		keep->ms.at[i] = sched->ms.at[i].addr;
	return true;
}

bool keep_note_changed(struct keep *keep, const uint32_t *positions, size_t n)
{
	if (!vec_reserve(&keep->changed, keep->changed.len + n))
		return false;
	if (n)
		memcpy(keep->changed.at + keep->changed.len, positions, n * sizeof(*positions));
	keep->changed.len += n;
	return true;
}

void keep_end(struct keep *keep, const struct capture *c,
	      const struct gospy_snapshot_options *options, const struct gospy_snapshot_info *sums)
{
	struct store *store = c->store;
	// If stacks did not fit, the next capture tries all of them.
	if (c->missing.stacks || c->gave_up || options->arguments || options->stack_goid_count) {
		bool quiet = keep->quiet;
		keep_drop(keep);
		keep->quiet = quiet;
		return;
	}
	symbols_release(keep->symbols);
	keep->symbols = symbols_ref(c->symbols);
	keep->last = store_ref(store);
	store->number = ++keep->number;
	store->extras = options->channels || options->objects || options->labels;
	keep->count = c->count;
	keep->sorted = c->sorted;
	keep->listed = c->listed;
	keep->entries = c->missing.entries;
	keep->stacks = options->stacks;
	keep->stack_states = options->stack_states;
	keep->fing = c->sched.fing;
	keep->sums = *sums;
	keep->sound = sums->consistent == c->count;
	keep->changed_known = c->kept && !c->rearranged;
}
