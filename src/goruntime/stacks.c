#include "goruntime/stacks.h"

#include <string.h>

void stacks_init(struct stacks *stacks, struct pclntab *pcln, bool want_values)
{
	*stacks = (struct stacks){0};
	unwind_sites_init(&stacks->sites, pcln);
	for (unsigned i = 0; i < BULK_WORKERS; i++) {
		stacks->workers[i].unwinder.sites = &stacks->sites;
		stacks->workers[i].unwinder.want_values = want_values;
	}
}

void stacks_deinit(struct stacks *stacks)
{
	for (unsigned i = 0; i < BULK_WORKERS; i++) {
		struct stacks_worker *w = &stacks->workers[i];
		unwinder_deinit(&w->unwinder);
		vec_free(&w->pcs);
		vec_free(&w->recs);
		map_deinit(&w->by_hash);
		vec_free(&w->values);
		vec_free(&w->merged);
	}
	unwind_sites_deinit(&stacks->sites);
}

static bool same_stack(const struct stacks_worker *w, const struct stack_rec *rec,
		       const struct stack_rec *wanted, const uint64_t *pcs)
{
	return rec->count == wanted->count && rec->end == wanted->end &&
	       rec->end_addr == wanted->end_addr && rec->interrupted == wanted->interrupted &&
	       rec->certain == wanted->certain &&
	       (!rec->count || memcmp(w->pcs.at + rec->first, pcs, rec->count * sizeof(*pcs)) == 0);
}

static const uint64_t *pcs_of(const struct stacks_worker *w, const struct stack_rec *rec)
{
	return rec->count ? w->pcs.at + rec->first : NULL; // pcs.at may be NULL
}

/* 1 + index of the stack, added if it is new; 0: out of memory. */
static uint32_t intern(struct stacks_worker *w, struct stack_rec *wanted, const uint64_t *pcs)
{
	uint64_t *head = map_put(&w->by_hash, wanted->hash);
	if (!head)
		return 0;
	for (uint32_t i = (uint32_t)*head; i; i = w->recs.at[i - 1].next) {
		if (same_stack(w, &w->recs.at[i - 1], wanted, pcs))
			return i;
	}
	wanted->first = w->pcs.len;
	wanted->next = (uint32_t)*head;
	if (!vec_reserve(&w->pcs, w->pcs.len + wanted->count) || !vec_push(&w->recs, *wanted))
		return 0;
	if (wanted->count)
		memcpy(w->pcs.at + w->pcs.len, pcs, wanted->count * sizeof(*pcs));
	w->pcs.len += wanted->count;
	*head = w->recs.len;
	return (uint32_t)w->recs.len;
}

/* Until the tables are merged a number says whose it is, too. */
static uint32_t number(size_t index, unsigned worker)
{
	return (uint32_t)index * BULK_WORKERS + worker + 1;
}

static bool keep_values(struct stacks_worker *w, unsigned worker, struct g_rec *rec)
{
	const struct unwinder *u = &w->unwinder;
	rec->values = 0;
	if (!u->values.len || w->values.len >= UINT32_MAX / BULK_WORKERS - 1)
		return true;
	size_t at = w->values.len;
	if (!vec_reserve(&w->values, at + 1 + u->values.len))
		return false;
	w->values.at[at] = u->values.len;
	memcpy(w->values.at + at + 1, u->values.at, u->values.len * sizeof(*u->values.at));
	w->values.len = at + 1 + u->values.len;
	rec->values = number(at, worker);
	return true;
}

bool stacks_walk(struct stacks *stacks, unsigned worker, struct unwind_bytes *bytes,
		 const struct unwind_start *start, struct g_rec *rec)
{
	struct stacks_worker *w = &stacks->workers[worker];
	struct unwinder *u = &w->unwinder;
	rec->stack = rec->values = 0;
	if (!unwind(u, bytes, start))
		return false;
	struct stack_rec wanted = {
		.hash = u->hash,
		.end_addr = u->end_addr,
		.count = (uint32_t)u->pcs.len,
		.end = (uint8_t)u->end,
		.certain = (uint32_t)u->certain,
		.interrupted = u->interrupted,
	};
	if (w->pcs.len + u->pcs.len > STACKS_PCS_MAX)
		wanted = (struct stack_rec){.end = UNWIND_NO_MEMORY};
	uint32_t stack = intern(w, &wanted, u->pcs.at);
	if (!stack || (wanted.count && !keep_values(w, worker, rec)))
		return false;
	rec->stack = number(stack - 1, worker);
	return true;
}

bool stacks_merge(struct stacks *stacks)
{
	struct stacks_worker *all = &stacks->workers[0];
	bool ok = true;
	for (unsigned w = 0; w < BULK_WORKERS; w++) {
		struct stacks_worker *worker = &stacks->workers[w];
		ok = ok && vec_reserve(&worker->merged, worker->recs.len);
		for (size_t i = 0; ok && i < worker->recs.len; i++) {
			struct stack_rec rec = worker->recs.at[i];
			uint32_t stack = worker == all ? (uint32_t)i + 1
						       : intern(all, &rec, pcs_of(worker, &rec));
			worker->merged.at[worker->merged.len++] = stack;
			ok = stack != 0;
		}
		if (worker == all)
			continue;
		vec_free(&worker->pcs);
		vec_free(&worker->recs);
		map_deinit(&worker->by_hash);
	}
	return ok;
}

size_t stacks_count(const struct stacks *stacks)
{
	return stacks->workers[0].recs.len;
}

const struct stack_rec *stacks_get(const struct stacks *stacks, uint32_t stack,
				   const uint64_t **pcs_ret)
{
	const struct stacks_worker *all = &stacks->workers[0];
	const struct stack_rec *rec = &all->recs.at[stack - 1];
	*pcs_ret = pcs_of(all, rec);
	return rec;
}

const uint64_t *stacks_values(const struct stacks *stacks, uint32_t values, size_t *count_ret)
{
	if (!values) {
		*count_ret = 0;
		return NULL;
	}
	const struct stacks_worker *w = &stacks->workers[(values - 1) % BULK_WORKERS];
	const uint64_t *at = w->values.at + (values - 1) / BULK_WORKERS;
	*count_ret = (size_t)at[0];
	return at + 1;
}
