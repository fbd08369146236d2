#include "render/cycle.h"

#include <stdlib.h>

#include "base/cleanup.h"

#define NONE UINT32_MAX

void cycles_deinit(struct cycles *cycles)
{
	vec_free(&cycles->list);
	vec_free(&cycles->edges);
	free(cycles->part);
	cycles->part = NULL;
}

/* Edges by the node that they begin at, or end at. */
struct rows {
	uint32_t *first; /* of each node, in .edges; one more than there are nodes */
	uint32_t *edges; /* indexes */
};

static void rows_deinit(struct rows *rows)
{
	free(rows->first);
	free(rows->edges);
}

static bool rows_make(const struct cycle_edge *edges, size_t n, size_t nodes, bool reverse,
		      struct rows *ret)
{
	ret->first = calloc(nodes + 2, sizeof(*ret->first));
	ret->edges = malloc((n + 1) * sizeof(*ret->edges));
	if (!ret->first || !ret->edges)
		return false;
	for (size_t i = 0; i < n; i++)
		ret->first[(reverse ? edges[i].to : edges[i].from) + 2]++;
	for (size_t i = 0; i < nodes; i++)
		ret->first[i + 2] += ret->first[i + 1];
	for (size_t i = 0; i < n; i++)
		ret->edges[ret->first[(reverse ? edges[i].to : edges[i].from) + 1]++] = (uint32_t)i;
	return true;
}

/* The search for nodes that reach one another: R. Tarjan, Depth-first search and linear graph
 * algorithms, 1972; without recursion. */
struct search {
	const struct cycle_edge *edges;
	struct rows rows;
	uint32_t *number; /* in the order in which nodes are come by, from 1 on; 0: not yet */
	uint32_t *low;
	uint32_t *at;    /* the next edge of each node */
	uint32_t *path;  /* nodes down to the one that is looked at */
	uint32_t *stack; /* nodes of which it is not known yet which others they reach */
	bool *stacked;
	uint32_t *set; /* of each node: the first node of its set */
	size_t path_len, stack_len;
	uint32_t numbers;
};

static void search_deinit(struct search *s)
{
	rows_deinit(&s->rows);
	free(s->number);
	free(s->low);
	free(s->at);
	free(s->path);
	free(s->stack);
	free(s->stacked);
	free(s->set);
}

static bool search_init(struct search *s, size_t edge_count, size_t nodes)
{
	size_t n = nodes + 1;
	s->number = calloc(n, sizeof(*s->number));
	s->low = calloc(n, sizeof(*s->low));
	s->at = calloc(n, sizeof(*s->at));
	s->path = calloc(n, sizeof(*s->path));
	s->stack = calloc(n, sizeof(*s->stack));
	s->stacked = calloc(n, sizeof(*s->stacked));
	s->set = calloc(n, sizeof(*s->set));
	return s->number && s->low && s->at && s->path && s->stack && s->stacked && s->set &&
	       rows_make(s->edges, edge_count, nodes, false, &s->rows);
}

static void enter(struct search *s, uint32_t node)
{
	s->number[node] = s->low[node] = ++s->numbers;
	s->at[node] = s->rows.first[node];
	s->path[s->path_len++] = node;
	s->stack[s->stack_len++] = node;
	s->stacked[node] = true;
}

static void lower(struct search *s, uint32_t node, uint32_t to)
{
	if (to < s->low[node])
		s->low[node] = to;
}

/* All below it was looked at. */
static void leave(struct search *s)
{
	uint32_t node = s->path[--s->path_len];
	if (s->path_len)
		lower(s, s->path[s->path_len - 1], s->low[node]);
	if (s->low[node] != s->number[node])
		return;
	uint32_t member;
	do {
		member = s->stack[--s->stack_len];
		s->stacked[member] = false;
		s->set[member] = node;
	} while (member != node);
}

static void search_from(struct search *s, uint32_t begin)
{
	enter(s, begin);
	while (s->path_len) {
		uint32_t node = s->path[s->path_len - 1];
		if (s->at[node] == s->rows.first[node + 1]) {
			leave(s);
			continue;
		}
		uint32_t to = s->edges[s->rows.edges[s->at[node]++]].to;
		if (!s->number[to])
			enter(s, to);
		else if (s->stacked[to])
			lower(s, node, s->number[to]);
	}
}

/* The way back to `begin`, breadth first, in its set. `via`: the edge by which each node was come
 * by. False: there is none. */
static bool find_way(struct search *s, uint32_t begin, uint32_t *via, uint32_t *last_ret)
{
	uint32_t *queue = s->path; // not used any more
	size_t from = 0, to = 0;
	queue[to++] = begin;
	while (from < to) {
		uint32_t node = queue[from++];
		for (uint32_t i = s->rows.first[node]; i < s->rows.first[node + 1]; i++) {
			uint32_t edge = s->rows.edges[i], next = s->edges[edge].to;
			if (next == begin) {
				*last_ret = edge;
				return true;
			}
			if (s->set[next] != s->set[begin] || via[next] != NONE)
				continue;
			via[next] = edge;
			queue[to++] = next;
		}
	}
	return false;
}

static bool add_cycle(const struct search *s, uint32_t begin, const uint32_t *via, uint32_t last,
		      struct cycles *ret)
{
	struct cycle cycle = {.first = ret->edges.len};
	for (uint32_t edge = last;; edge = via[s->edges[edge].from]) {
		if (!vec_push(&ret->edges, edge))
			return false;
		cycle.count++;
		if (s->edges[edge].from == begin)
			break;
	}
	uint32_t *edges = ret->edges.at + cycle.first;
	for (size_t i = 0; i < cycle.count / 2; i++) {
		uint32_t edge = edges[i];
		edges[i] = edges[cycle.count - 1 - i];
		edges[cycle.count - 1 - i] = edge;
	}
	return vec_push(&ret->list, cycle);
}

static bool list_cycles(struct search *s, size_t nodes, struct cycles *ret)
{
	CLEANUP_FREE uint32_t *via = malloc((nodes + 1) * sizeof(*via));
	CLEANUP_FREE uint32_t *circle_of = calloc(nodes + 1, sizeof(*circle_of)); // by set
	CLEANUP_FREE bool *tried = calloc(nodes + 1, sizeof(*tried));
	if (!via || !circle_of || !tried)
		return false;
	for (size_t i = 0; i < nodes; i++)
		via[i] = NONE;
	for (uint32_t i = 0; i < nodes; i++) {
		uint32_t last, set = s->set[i];
		// In one set all reach one another: what one of them tells is enough.
		if (!tried[set] && find_way(s, i, via, &last)) {
			if (!add_cycle(s, i, via, last, ret))
				return false;
			circle_of[set] = (uint32_t)ret->list.len;
		}
		tried[set] = true;
		ret->part[i] = circle_of[set];
		if (circle_of[set])
			ret->list.at[circle_of[set] - 1].nodes++;
	}
	return true;
}

bool cycles_find(const struct cycle_edge *edges, size_t edge_count, size_t node_count,
		 struct cycles *ret)
{
	CLEANUP(search_deinit) struct search s = {.edges = edges};
	*ret = (struct cycles){.part = calloc(node_count + 1, sizeof(*ret->part))};
	if (!ret->part || !search_init(&s, edge_count, node_count))
		return false;
	for (uint32_t i = 0; i < node_count; i++) {
		if (!s.number[i])
			search_from(&s, i);
	}
	return list_cycles(&s, node_count, ret);
}

bool cycles_behind(const struct cycle_edge *edges, size_t edge_count, size_t node_count,
		   const uint32_t *part, uint32_t circle, size_t *ret)
{
	CLEANUP(rows_deinit) struct rows rows = {0};
	CLEANUP_FREE uint32_t *queue = malloc((node_count + 1) * sizeof(*queue));
	CLEANUP_FREE bool *seen = calloc(node_count + 1, sizeof(*seen));
	size_t from = 0, to = 0, members = 0;
	if (!queue || !seen || !rows_make(edges, edge_count, node_count, true, &rows))
		return false;
	for (uint32_t i = 0; i < node_count; i++) {
		if (part[i] != circle + 1)
			continue;
		seen[i] = true;
		queue[to++] = i;
		members++;
	}
	while (from < to) {
		uint32_t node = queue[from++];
		for (uint32_t i = rows.first[node]; i < rows.first[node + 1]; i++) {
			uint32_t next = edges[rows.edges[i]].from;
			if (seen[next])
				continue;
			seen[next] = true;
			queue[to++] = next;
		}
	}
	*ret = to - members;
	return true;
}
