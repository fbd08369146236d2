#include "capture/stacks.h"

#include <string.h>

void stack_table_deinit(struct stack_table *table)
{
	vec_free(&table->pcs);
	vec_free(&table->recs);
	map_deinit(&table->by_hash);
}

bool stack_table_copy(struct stack_table *to, const struct stack_table *from)
{
	to->recs.len = to->pcs.len = 0;
	if (!vec_reserve(&to->pcs, from->pcs.len) || !vec_reserve(&to->recs, from->recs.len) ||
	    !map_copy(&to->by_hash, &from->by_hash))
		return false;
	if (from->pcs.len)
		memcpy(to->pcs.at, from->pcs.at, from->pcs.len * sizeof(*from->pcs.at));
	if (from->recs.len)
		memcpy(to->recs.at, from->recs.at, from->recs.len * sizeof(*from->recs.at));
	to->pcs.len = from->pcs.len;
	to->recs.len = from->recs.len;
	return true;
}

void stacks_init(struct stacks *stacks, struct stack_table *all, struct symbols *symbols,
		 bool want_values, struct budget *budget, size_t gs)
{
	*stacks = (struct stacks){.budget = budget, .all = all};
	for (unsigned i = 0; i < BULK_WORKERS; i++) {
		stacks->workers[i].frames = STACKS_FRAMES + gs * STACKS_FRAMES_EACH;
		stacks->workers[i].unwinder.symbols = symbols;
		stacks->workers[i].unwinder.want_values = want_values;
	}
}

void stacks_deinit(struct stacks *stacks)
{
	for (unsigned i = 0; i < BULK_WORKERS; i++) {
		struct stacks_worker *w = &stacks->workers[i];
		unwinder_deinit(&w->unwinder);
		stack_table_deinit(&w->own);
		vec_free(&w->values);
		vec_free(&w->merged);
	}
}

enum { GAP_WORDS = sizeof(struct unwind_gap) / sizeof(uint64_t) };

/* How many words the pcs and the gap behind them take. */
static size_t words_of(const struct stack_rec *rec)
{
	return rec->count + (rec->gap ? GAP_WORDS : 0);
}

static bool same_stack(const struct stack_table *t, const struct stack_rec *rec,
		       const struct stack_rec *wanted, const uint64_t *pcs)
{
	return rec->count == wanted->count && rec->end == wanted->end &&
	       rec->end_addr == wanted->end_addr && rec->interrupted == wanted->interrupted &&
	       rec->certain == wanted->certain && rec->lead == wanted->lead &&
	       rec->gap == wanted->gap &&
	       (!rec->count ||
		memcmp(t->pcs.at + rec->first, pcs, words_of(rec) * sizeof(*pcs)) == 0);
}

static const uint64_t *pcs_of(const struct stack_table *t, const struct stack_rec *rec)
{
	return rec->count ? t->pcs.at + rec->first : NULL; // pcs.at may be NULL
}

/* 1 + index of a stack that is known; 0: it is not. */
static uint32_t find(const struct stack_table *t, const struct stack_rec *wanted,
		     const uint64_t *pcs)
{
	const uint64_t *head = map_get(&t->by_hash, wanted->hash);
	for (uint32_t i = head ? (uint32_t)*head : 0; i; i = t->recs.at[i - 1].next) {
		if (same_stack(t, &t->recs.at[i - 1], wanted, pcs))
			return i;
	}
	return 0;
}

/* Does the budget hold one more stack? */
static bool has_room(const struct stacks *stacks, const struct stack_table *t, size_t pcs)
{
	enum { MAP_BYTES = 64 }; // of by_hash
	return budget_take(
		stacks->budget,
		budget_growth(t->recs.cap, t->recs.len + 1, sizeof(*t->recs.at) + MAP_BYTES) +
			budget_growth(t->pcs.cap, t->pcs.len + pcs, sizeof(*t->pcs.at)));
}

/* 1 + index of the stack; 0: out of memory. */
static uint32_t add(struct stack_table *t, struct stack_rec *wanted, const uint64_t *pcs)
{
	uint64_t *head = map_put(&t->by_hash, wanted->hash);
	if (!head)
		return 0;
	wanted->first = t->pcs.len;
	wanted->next = (uint32_t)*head;
	size_t words = words_of(wanted);
	if (!vec_reserve(&t->pcs, t->pcs.len + words) || !vec_push(&t->recs, *wanted))
		return 0;
	if (words)
		memcpy(t->pcs.at + t->pcs.len, pcs, words * sizeof(*pcs));
	t->pcs.len += words;
	*head = t->recs.len;
	return (uint32_t)t->recs.len;
}

bool stack_table_shrink(struct stack_table *table, uint32_t *numbers)
{
	struct stack_table left = {0};
	for (size_t i = 0; i < table->recs.len; i++) {
		struct stack_rec rec = table->recs.at[i];
		if (!numbers[i])
			continue;
		numbers[i] = add(&left, &rec, pcs_of(table, &rec));
		if (!numbers[i]) {
			stack_table_deinit(&left);
			return false;
		}
	}
	stack_table_deinit(table);
	*table = left;
	return true;
}

/* The same, added if it is new. If there is no room for the stack, `*wanted` becomes the one that
 * says so. */
static uint32_t intern(const struct stacks *stacks, struct stack_table *t, struct stack_rec *wanted,
		       const uint64_t *pcs)
{
	uint32_t found = find(t, wanted, pcs);
	if (found)
		return found;
	if (!has_room(stacks, t, words_of(wanted))) {
		*wanted = (struct stack_rec){.end = UNWIND_NO_MEMORY};
		if ((found = find(t, wanted, NULL)))
			return found;
	}
	return add(t, wanted, pcs);
}

void stacks_spend(struct stacks *stacks, unsigned worker, size_t frames)
{
	size_t *left = &stacks->workers[worker].frames;
	*left -= frames < *left ? frames : *left;
}

/* Until the tables are merged a number says whose it is, too. */
static uint32_t number(size_t index, unsigned worker)
{
	return (uint32_t)index * BULK_WORKERS + worker + 1;
}

static bool keep_values(const struct stacks *stacks, struct stacks_worker *w, unsigned worker,
			struct g_rec *rec)
{
	const struct unwinder *u = &w->unwinder;
	size_t at = w->values.len;
	rec->values = 0;
	if (!u->values.len)
		return true;
	if (at >= UINT32_MAX / BULK_WORKERS - 1 ||
	    !budget_take(stacks->budget, budget_growth(w->values.cap, at + 1 + u->values.len,
						       sizeof(*w->values.at)))) {
		rec->values = STACKS_NO_VALUES;
		return true;
	}
	if (!vec_reserve(&w->values, at + 1 + u->values.len))
		return false;
	w->values.at[at] = u->values.len;
	memcpy(w->values.at + at + 1, u->values.at, u->values.len * sizeof(*u->values.at));
	w->values.len = at + 1 + u->values.len;
	rec->values = number(at, worker);
	return true;
}

static struct stack_table *table_of(struct stacks *stacks, unsigned worker)
{
	return worker ? &stacks->workers[worker].own : stacks->all;
}

/* Put the gap behind the pcs. */
static bool add_gap(struct unwinder *u)
{
	if (!vec_reserve(&u->pcs, u->pcs.len + GAP_WORDS))
		return false;
	memcpy(u->pcs.at + u->pcs.len, &u->gap, sizeof(u->gap));
	return true;
}

static struct stack_rec walked(const struct unwinder *u)
{
	return (struct stack_rec){
		.hash = u->hash,
		.end_addr = u->end_addr,
		.count = (uint32_t)u->pcs.len,
		.end = (uint8_t)u->end,
		.certain = (uint32_t)u->certain,
		.interrupted = u->interrupted,
		.lead = u->lead,
		.gap = u->gap.frames != 0,
	};
}

bool stacks_walk(struct stacks *stacks, unsigned worker, struct unwind_bytes *bytes,
		 const struct unwind_start *start, struct g_rec *rec)
{
	struct stacks_worker *w = &stacks->workers[worker];
	struct unwinder *u = &w->unwinder;
	rec->stack = rec->values = 0;
	u->frames_max = w->frames;
	if (!w->frames)
		unwind_nothing(u);
	else if (!unwind(u, bytes, start))
		return false;
	stacks_spend(stacks, worker, u->pcs.len + u->gap.frames + 1);
	struct stack_rec wanted = walked(u);
	if (wanted.gap && !add_gap(u))
		return false;
	uint32_t stack = intern(stacks, table_of(stacks, worker), &wanted, u->pcs.at);
	if (!stack || (wanted.count && !keep_values(stacks, w, worker, rec)))
		return false;
	rec->stack = number(stack - 1, worker);
	return true;
}

bool stacks_merge(struct stacks *stacks)
{
	bool ok = true;
	for (unsigned w = 0; w < BULK_WORKERS; w++) {
		struct stacks_worker *worker = &stacks->workers[w];
		const struct stack_table *table = table_of(stacks, w);
		ok = ok && vec_reserve(&worker->merged, table->recs.len);
		for (size_t i = 0; ok && i < table->recs.len; i++) {
			struct stack_rec rec = table->recs.at[i];
			uint32_t stack =
				w == 0 ? (uint32_t)i + 1
				       : intern(stacks, stacks->all, &rec, pcs_of(table, &rec));
			worker->merged.at[worker->merged.len++] = stack;
			ok = stack != 0;
		}
		stack_table_deinit(&worker->own);
	}
	return ok;
}

size_t stacks_count(const struct stacks *stacks)
{
	return stacks->all ? stacks->all->recs.len : 0;
}

const struct stack_rec *stacks_get(const struct stacks *stacks, uint32_t stack,
				   const uint64_t **pcs_ret)
{
	const struct stack_rec *rec = &stacks->all->recs.at[stack - 1];
	*pcs_ret = pcs_of(stacks->all, rec);
	return rec;
}

struct unwind_gap stacks_gap(const struct stacks *stacks, const struct stack_rec *stack)
{
	struct unwind_gap gap;
	memcpy(&gap, pcs_of(stacks->all, stack) + stack->count, sizeof(gap));
	return gap;
}

const uint64_t *stacks_values(const struct stacks *stacks, uint32_t values, size_t *count_ret)
{
	if (!values || values == STACKS_NO_VALUES) {
		*count_ret = 0;
		return NULL;
	}
	const struct stacks_worker *w = &stacks->workers[(values - 1) % BULK_WORKERS];
	const uint64_t *at = w->values.at + (values - 1) / BULK_WORKERS;
	*count_ret = (size_t)at[0];
	return at + 1;
}
