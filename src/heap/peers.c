#include "heap/peers.h"

#include <string.h>

#include "base/cleanup.h"

enum {
	STEPS_MAX = 1 << 20, /* edges that are followed, in all */
	PEERS_MAX = 1 << 16,
	SUSPECTS_MAX = 1 << 12, /* stacks that are read for what is not proved */
};

/* What one goroutine has. */
struct walk {
	const struct instant *in;
	const bool *leaked;
	peers *ret;
	uint32_t other; /* the goroutine */
	VEC(uint64_t) pending;
	struct map seen;
	size_t steps;
};

static void walk_deinit(struct walk *walk)
{
	vec_free(&walk->pending);
	map_deinit(&walk->seen);
}

static size_t first_of(const struct instant *in, uint64_t from)
{
	size_t lo = 0, hi = in->edges.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (in->edges.at[mid].from < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool wait_for_same(const struct candidates *all, uint32_t a, uint32_t b)
{
	const struct candidate *x = &all->list.at[a], *y = &all->list.at[b];
	for (uint32_t i = 0; i < x->count; i++) {
		for (uint32_t k = 0; k < y->count; k++) {
			if (all->objects.at[x->first + i].addr ==
			    all->objects.at[y->first + k].addr)
				return true;
		}
	}
	return false;
}

/* A node that it has. */
static bool have(struct walk *walk, uint64_t node)
{
	uint64_t *slot = map_put(&walk->seen, node);
	if (!slot)
		return false;
	if (*slot)
		return true;
	*slot = 1;
	if (node < NODE_GOROUTINE)
		return vec_push(&walk->pending, node);
	// What another goroutine has is not its own.
	uint32_t waiter = (uint32_t)(node - NODE_GOROUTINE);
	const struct peer peer = {waiter, walk->other};
	if (waiter == walk->other || !walk->leaked[waiter] || walk->ret->len == PEERS_MAX ||
	    wait_for_same(&walk->in->search->candidates, waiter, walk->other))
		return true;
	return vec_push(walk->ret, peer);
}

static bool follow(struct walk *walk, uint64_t node)
{
	const struct instant *in = walk->in;
	for (size_t i = first_of(in, node);
	     i < in->edges.len && in->edges.at[i].from == node && walk->steps < STEPS_MAX; i++) {
		walk->steps++;
		if (!have(walk, in->edges.at[i].to))
			return false;
	}
	return true;
}

enum gospy_code peers_find(const struct instant *in, const bool *leaked, peers *ret,
			   struct gospy_error *err)
{
	CLEANUP(walk_deinit) struct walk walk = {.in = in, .leaked = leaked, .ret = ret};
	bool ok = true;
	for (size_t i = 0; ok && i < in->search->candidates.list.len; i++) {
		if (!leaked[i])
			continue;
		walk.other = (uint32_t)i;
		map_deinit(&walk.seen);
		walk.seen = (struct map){0};
		ok = follow(&walk, NODE_GOROUTINE + i);
		while (ok && walk.pending.len)
			ok = follow(&walk, walk.pending.at[--walk.pending.len]);
	}
	if (ok)
		return GOSPY_OK;
	vec_free(ret);
	return err_nomem(err);
}

/* ------------------------------------------------------------------------------------ suspects --
 */

/* A candidate that waits for something. */
struct waiting {
	uint32_t candidate, next; /* 1 + position of the next one; 0: there is none */
};

/* What candidates wait for: a channel, or one of several locks in an object. */
struct awaited {
	uint64_t addr;
	uint32_t waiting; /* 1 + position of who waits for it */
	uint32_t next;    /* 1 + position of what is in the same object; 0: there is nothing */
};

/* What one goroutine has, by the graph of the search. */
struct suspect {
	const struct search *in;
	VEC(struct waiting) waiting;
	VEC(struct awaited) awaited;
	struct map by_addr; /* -> 1 + position of what is waited for */
	struct map first;   /* number of an object -> 1 + position of what is awaited in it */
	peers *ret;
	uint32_t other; /* the goroutine */
	VEC(uint32_t) pending;
	struct map seen;
	struct map own; /* addresses of what it waits for itself */
	size_t steps;
	bool no_memory;
};

static void suspect_deinit(struct suspect *suspect)
{
	vec_free(&suspect->waiting);
	vec_free(&suspect->awaited);
	map_deinit(&suspect->by_addr);
	map_deinit(&suspect->first);
	vec_free(&suspect->pending);
	map_deinit(&suspect->seen);
	map_deinit(&suspect->own);
}

static bool is_suspect(const struct search *s, size_t candidate)
{
	return !s->live[candidate] && s->candidates.list.at[candidate].kind != CANDIDATE_NEVER;
}

static bool note_awaited(struct suspect *of, uint32_t number, uint64_t addr)
{
	uint64_t *slot = map_put(&of->first, number);
	const struct awaited one = {.addr = addr, .next = slot ? (uint32_t)*slot : 0};
	if (!slot || !vec_push(&of->awaited, one))
		return false;
	*slot = of->awaited.len;
	return true;
}

static bool note_waiting(struct suspect *of, uint32_t candidate, uint64_t addr)
{
	uint32_t number = heap_number(&of->in->heap.spans, addr);
	uint64_t *slot = number == HEAP_NONE ? NULL : map_put(&of->by_addr, addr);
	if (number == HEAP_NONE)
		return true;
	if (!slot || (!*slot && !note_awaited(of, number, addr)))
		return false;
	*slot = *slot ? *slot : of->awaited.len;
	struct awaited *awaited = &of->awaited.at[*slot - 1];
	if (!vec_push(&of->waiting, ((struct waiting){candidate, awaited->waiting})))
		return false;
	awaited->waiting = (uint32_t)of->waiting.len;
	return true;
}

static bool note_all_waiting(struct suspect *of)
{
	const struct candidates *all = &of->in->candidates;
	for (uint32_t i = 0; i < all->list.len; i++) {
		const struct candidate *candidate = &all->list.at[i];
		bool counts = is_suspect(of->in, i) && search_behind(of->in, i) == SEARCH_NOBODY;
		for (uint32_t k = 0; counts && k < candidate->count; k++) {
			if (!note_waiting(of, i, all->objects.at[candidate->first + k].addr))
				return false;
		}
	}
	return true;
}

static bool waits_for_own(struct suspect *of, uint32_t waiter)
{
	const struct candidates *all = &of->in->candidates;
	const struct candidate *candidate = &all->list.at[waiter];
	for (uint32_t k = 0; k < candidate->count && of->steps < STEPS_MAX; k++) {
		of->steps++;
		if (map_get(&of->own, all->objects.at[candidate->first + k].addr))
			return true;
	}
	return false;
}

static void add_suspect(struct suspect *of, uint32_t waiter)
{
	const struct peer peer = {waiter, of->other};
	of->steps++;
	if (waiter != of->other && of->ret->len < PEERS_MAX && !waits_for_own(of, waiter) &&
	    of->steps < STEPS_MAX)
		of->no_memory |= !vec_push(of->ret, peer);
}

/* Who waits for what is in this object? What it waits for itself, with many others maybe, tells
 * nothing. */
static void add_suspects(struct suspect *of, uint32_t number)
{
	const uint64_t *first = map_get(&of->first, number);
	size_t at = first ? *first : 0;
	while (at && of->steps < STEPS_MAX) {
		const struct awaited *awaited = &of->awaited.at[at - 1];
		size_t i = map_get(&of->own, awaited->addr) ? 0 : awaited->waiting;
		for (; i && of->steps < STEPS_MAX; i = of->waiting.at[i - 1].next)
			add_suspect(of, of->waiting.at[i - 1].candidate);
		of->steps++;
		at = awaited->next;
	}
}

/* It has this object. */
static void have_object(struct suspect *of, uint32_t number)
{
	if (number == HEAP_NONE || mark_has(&of->in->mark, number) ||
	    !spans_is_allocated(&of->in->heap.spans, number) || of->steps >= STEPS_MAX)
		return;
	of->steps++;
	uint64_t *slot = map_put(&of->seen, number);
	if (!slot || *slot) {
		of->no_memory |= !slot;
		return;
	}
	*slot = 1;
	of->no_memory |= !vec_push(&of->pending, number);
	add_suspects(of, number);
}

static int take_own_word(void *ctx, uint64_t pointer)
{
	struct suspect *of = ctx;
	have_object(of, heap_number(&of->in->heap.spans, pointer));
	return 0;
}

/* By its g and what it waits for; these were not followed when they were marked. */
static void have_own(struct suspect *of)
{
	const struct search *s = of->in;
	const struct candidate *candidate = &s->candidates.list.at[of->other];
	uint32_t g = heap_number(&s->heap.spans, search_rec(s, of->other)->addr);
	size_t n = 0;
	const uint32_t *edges = g == HEAP_NONE ? NULL : heap_edges(&s->heap, g, &n);
	for (size_t i = 0; i < n; i++)
		have_object(of, edges[i]);
	for (uint32_t k = 0; k < candidate->count; k++)
		take_own_word(of, s->candidates.objects.at[candidate->first + k].addr);
}

static enum gospy_code look_at_suspect(struct suspect *of, struct gospy_error *err)
{
	const struct search *s = of->in;
	const uint32_t g = s->candidates.list.at[of->other].g;
	const struct candidate *candidate = &s->candidates.list.at[of->other];
	map_deinit(&of->seen);
	map_deinit(&of->own);
	of->seen = of->own = (struct map){0};
	for (uint32_t k = 0; k < candidate->count; k++) {
		if (!map_put(&of->own, s->candidates.objects.at[candidate->first + k].addr))
			return err_nomem(err);
	}
	if (search_behind(s, of->other) != SEARCH_NOBODY &&
	    !vec_push(of->ret, ((struct peer){of->other, search_behind(s, of->other)})))
		return err_nomem(err);
	have_own(of);
	enum gospy_code code =
		stack_roots_of(s->stacks, s->capture->recs, &g, 1, take_own_word, of, err);
	while (of->pending.len && !code && !of->no_memory) {
		size_t n;
		const uint32_t *edges = heap_edges(&s->heap, of->pending.at[--of->pending.len], &n);
		for (size_t i = 0; i < n; i++)
			have_object(of, edges[i]);
	}
	return code || !of->no_memory ? code : err_nomem(err);
}

enum gospy_code peers_suspect(const struct search *s, peers *ret, struct gospy_error *err)
{
	CLEANUP(suspect_deinit) struct suspect of = {.in = s, .ret = ret};
	size_t looked = 0;
	enum gospy_code code = note_all_waiting(&of) ? GOSPY_OK : err_nomem(err);
	for (size_t i = 0; i < s->candidates.list.len && looked < SUSPECTS_MAX && !code; i++) {
		if (!is_suspect(s, i))
			continue;
		looked++;
		of.other = (uint32_t)i;
		code = look_at_suspect(&of, err);
	}
	if (code)
		vec_free(ret);
	return code;
}
