#include "check/gather_circles.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "check/gather_text.h"
#include "check/limits.h"
#include "render/cycle.h"

enum { CIRCLES_MAX = 64 };

/* Leaked goroutines with small numbers, and who waits for whom. */
struct circles {
	struct gathering *g;
	const struct gospy_leak_peer *peers;
	size_t peer_count;
	VEC(struct cycle_edge) edges; /* of each peer */
	VEC(size_t) nodes;            /* -> index in the snapshot */
	struct map by_goroutine;
	struct cycles found;
};

static void circles_deinit(struct circles *c)
{
	vec_free(&c->edges);
	vec_free(&c->nodes);
	map_deinit(&c->by_goroutine);
	cycles_deinit(&c->found);
}

static bool node_of(struct circles *c, size_t goroutine, uint32_t *ret)
{
	uint64_t *slot = map_put(&c->by_goroutine, goroutine);
	if (!slot || (!*slot && !vec_push(&c->nodes, goroutine)))
		return false;
	*slot = *slot ? *slot : c->nodes.len;
	*ret = (uint32_t)*slot - 1;
	return true;
}

static bool make_edges(struct circles *c)
{
	for (size_t i = 0; i < c->peer_count; i++) {
		struct cycle_edge edge;
		if (!node_of(c, c->peers[i].goroutine, &edge.from) ||
		    !node_of(c, c->peers[i].other, &edge.to) || !vec_push(&c->edges, edge))
			return false;
	}
	return cycles_find(c->edges.at, c->edges.len, c->nodes.len, &c->found);
}

static struct gospy_goroutine at(const struct circles *c, uint32_t node)
{
	struct gospy_goroutine one;
	gospy_snapshot_goroutine(c->g->looks->last, c->nodes.at[node], &one);
	return one;
}

/* "goroutine 18 waits for channel 0xc000012060, cap 0 len 0 at main.a main.go:12; goroutine 19 has
 * it" */
static const char *step_of(struct circles *c, const struct cycle_edge *edge)
{
	const struct gospy_goroutine waiter = at(c, edge->from), other = at(c, edge->to);
	const char *doing = gather_doing(c->g->facts, &waiter, &c->g->failed);
	const char *text =
		facts_text(c->g->facts, "goroutine %" PRIu64 " %s; goroutine %" PRIu64 " has it",
			   waiter.goid, doing ? doing : "waits", other.goid);
	c->g->failed |= !text;
	return text;
}

/* Is a circle of locks told of it? */
static bool is_told(const struct circles *c, const struct cycle *cycle)
{
	const struct cycle_edge *first = &c->edges.at[c->found.edges.at[cycle->first]];
	return map_get(&c->g->explained, at(c, first->from).goid) != NULL;
}

static void add_circle(struct circles *c, size_t number)
{
	struct facts *facts = c->g->facts;
	const struct cycle *cycle = &c->found.list.at[number];
	const size_t shown = cycle->count < LIMIT_GOIDS ? cycle->count : LIMIT_GOIDS;
	uint64_t goids[LIMIT_GOIDS];
	const char **steps = arena_calloc(&facts->arena, shown + 2, sizeof(*steps));
	size_t behind = 0;
	c->g->failed |= !steps || !cycles_behind(c->edges.at, c->edges.len, c->nodes.len,
						 c->found.part, (uint32_t)number, &behind);
	for (size_t i = 0; i < shown && !c->g->failed; i++) {
		const struct cycle_edge *edge = &c->edges.at[c->found.edges.at[cycle->first + i]];
		goids[i] = at(c, edge->from).goid;
		steps[i] = step_of(c, edge);
	}
	if (c->g->failed)
		return;
	struct fact_deadlock fact = {.members = cycle->nodes,
				     .behind = behind,
				     .steps = steps,
				     .step_count = shown,
				     .by_heap = true,
				     .goids = gather_goids(c->g, goids, shown)};
	if (cycle->nodes > shown)
		steps[fact.step_count++] =
			facts_text(facts, "and %zu more in it", cycle->nodes - shown);
	c->g->failed |= !vec_push(&facts->deadlocks, fact);
	for (size_t i = 0; i < c->nodes.len; i++) {
		if (c->found.part[i] == number + 1)
			gather_explain(c->g, at(c, (uint32_t)i).goid);
	}
}

void gather_circles(struct gathering *g)
{
	CLEANUP(circles_deinit) struct circles c = {.g = g};
	if (!g->looks->leaks)
		return;
	c.peers = gospy_leaks_peers(g->looks->leaks, &c.peer_count);
	if (!c.peer_count)
		return;
	g->failed |= !make_edges(&c);
	for (size_t i = 0; i < c.found.list.len && i < CIRCLES_MAX && !g->failed; i++) {
		if (!is_told(&c, &c.found.list.at[i]))
			add_circle(&c, i);
	}
}
