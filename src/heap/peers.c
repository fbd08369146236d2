#include "heap/peers.h"

#include <string.h>

#include "base/cleanup.h"

enum {
	STEPS_MAX = 1 << 20, /* edges that are followed, in all */
	PEERS_MAX = 1 << 16,
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
