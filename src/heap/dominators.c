#include "heap/dominators.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"

enum {
	ROOT = 1,
	CANCEL_EACH = 1 << 14, /* steps between two questions */
};

/* What is needed on the way. By order, but for `order`. */
struct search {
	const struct heap *heap;
	const struct mark *mark;
	const uint64_t *roots;
	struct dominators *d;
	uint32_t *order; /* of each object; 0: it is not reached */
	/* In the walk: how many edges have been taken. Later the order of the semi-dominator. */
	uint32_t *semi;
	uint32_t *parent, *label;
	uint32_t *row, *from; /* of each one its predecessors: [row[i], row[i + 1]) of .from */
	VEC(uint32_t) chain;
	size_t charged, steps;
};

static bool is_called_off(struct search *s)
{
	return ++s->steps % CANCEL_EACH == 0 && cancel_asked();
}

void dominators_deinit(struct dominators *d)
{
	if (d->budget)
		budget_give(d->budget, d->charged);
	free(d->object);
	free(d->above);
	free(d->retained);
	*d = (struct dominators){0};
}

static void search_deinit(struct search *s)
{
	if (s->d->budget)
		budget_give(s->d->budget, s->charged);
	free(s->order);
	free(s->semi);
	free(s->parent);
	free(s->label);
	free(s->row);
	free(s->from);
	vec_free(&s->chain);
}

static uint64_t count_marked(const struct mark *mark)
{
	const struct heap_spans *spans = &mark->heap->spans;
	uint64_t n = 0;
	for (size_t i = 0; i * 64 < spans->count; i++)
		n += (uint64_t)__builtin_popcountll(mark->bits[i] & spans->allocated[i]);
	return n;
}

/* ---------------------------------------------------------------------------------------- walk --
 */

static void reach(struct search *s, uint32_t number, uint32_t parent)
{
	uint32_t at = ++s->d->count;
	s->order[number] = at;
	s->d->object[at] = number;
	s->parent[at] = parent;
	s->semi[at] = 0;
}

/* The next edge of what is at `at` that leads to something new; HEAP_NONE: there is none. */
static uint32_t next_new(struct search *s, uint32_t at)
{
	size_t n;
	const uint32_t *edges = heap_edges(s->heap, s->d->object[at], &n);
	while (s->semi[at] < n) {
		uint32_t to = edges[s->semi[at]++];
		if (!s->order[to] && mark_has(s->mark, to))
			return to;
	}
	return HEAP_NONE;
}

static enum gospy_code walk(struct search *s, struct gospy_error *err)
{
	s->d->count = ROOT;
	for (uint32_t number = 0; number < s->heap->spans.count; number++) {
		if (!(s->roots[number / 64] >> number % 64 & 1) || s->order[number] ||
		    !mark_has(s->mark, number))
			continue;
		reach(s, number, ROOT);
		for (uint32_t at = s->d->count; at != ROOT;) {
			uint32_t to = next_new(s, at);
			if (to != HEAP_NONE)
				reach(s, to, at);
			at = to != HEAP_NONE ? s->d->count : s->parent[at];
			if (is_called_off(s))
				return cancel_check(err);
		}
	}
	return GOSPY_OK;
}

/* -------------------------------------------------------------------------------- predecessors --
 */

static void add_all(struct search *s, void (*add)(struct search *s, uint32_t from, uint32_t to))
{
	for (uint32_t at = ROOT + 1; at <= s->d->count; at++) {
		size_t n;
		uint32_t number = s->d->object[at];
		const uint32_t *edges = heap_edges(s->heap, number, &n);
		if (s->roots[number / 64] >> number % 64 & 1)
			add(s, ROOT, at);
		for (size_t i = 0; i < n; i++) {
			if (s->order[edges[i]])
				add(s, at, s->order[edges[i]]);
		}
	}
}

static void count_edge(struct search *s, uint32_t from, uint32_t to)
{
	(void)from;
	s->row[to + 1]++;
}

static void put_edge(struct search *s, uint32_t from, uint32_t to)
{
	s->from[s->row[to]++] = from;
}

/* Counted first; then each row is filled from its beginning, which moves to its end. */
static enum gospy_code find_predecessors(struct search *s, struct gospy_error *err)
{
	uint32_t n = s->d->count;
	add_all(s, count_edge);
	for (uint32_t i = 1; i <= n + 1; i++)
		s->row[i] += s->row[i - 1];
	size_t edges = s->row[n + 1];
	if (!budget_take(s->d->budget, edges * sizeof(*s->from)))
		return err_set(err, GOSPY_E_LIMIT,
			       "no memory is left to find out what retains what");
	s->charged += edges * sizeof(*s->from);
	s->from = malloc((edges + 1) * sizeof(*s->from));
	if (!s->from)
		return err_nomem(err);
	add_all(s, put_edge);
	memmove(s->row + 1, s->row, (n + 1) * sizeof(*s->row));
	s->row[0] = 0;
	return cancel_check(err);
}

/* ---------------------------------------------------------------------------------- dominators --
 */

/* The one with the least semi-dominator on the way up from `at`, as far as that was dealt with:
 * down to `last`. */
static uint32_t eval(struct search *s, uint32_t at, uint32_t last, bool *no_memory)
{
	if (s->parent[at] < last)
		return s->label[at];
	s->chain.len = 0;
	do {
		*no_memory |= !vec_push(&s->chain, at);
		at = s->parent[at];
	} while (s->parent[at] >= last && !*no_memory);
	uint32_t top = s->parent[at], best = s->label[at];
	while (s->chain.len) {
		at = s->chain.at[--s->chain.len];
		s->parent[at] = top;
		if (s->semi[best] < s->semi[s->label[at]])
			s->label[at] = best;
		else
			best = s->label[at];
	}
	return s->label[at];
}

static enum gospy_code dominate(struct search *s, struct gospy_error *err)
{
	struct dominators *d = s->d;
	bool no_memory = false;
	for (uint32_t i = ROOT; i <= d->count; i++) {
		s->semi[i] = s->label[i] = i;
		d->above[i] = s->parent[i];
	}
	for (uint32_t i = d->count; i > ROOT; i--) {
		uint32_t semi = s->parent[i];
		for (uint32_t k = s->row[i]; k < s->row[i + 1]; k++) {
			uint32_t other = s->semi[eval(s, s->from[k], i + 1, &no_memory)];
			semi = other < semi ? other : semi;
		}
		s->semi[i] = semi;
		if (no_memory)
			return err_nomem(err);
		if (is_called_off(s))
			return cancel_check(err);
	}
	for (uint32_t i = ROOT + 1; i <= d->count; i++) {
		while (d->above[i] > s->semi[i])
			d->above[i] = d->above[d->above[i]];
	}
	return GOSPY_OK;
}

static void sum_up(struct search *s)
{
	struct dominators *d = s->d;
	const struct heap_spans *spans = &d->heap->spans;
	for (size_t i = 0; i < spans->all.len; i++) {
		const struct heap_span *span = &spans->all.at[i];
		for (uint32_t n = span->first; n - span->first < span->count; n++) {
			if (s->order[n])
				d->retained[s->order[n]] = span->elemsize;
		}
	}
	for (uint32_t i = d->count; i > ROOT; i--)
		d->retained[d->above[i]] += d->retained[i];
}

static bool allocate(struct search *s, size_t n, size_t objects)
{
	struct dominators *d = s->d;
	size_t own = 2 * n * sizeof(uint32_t), temporary = (objects + 4 * n) * sizeof(uint32_t);
	if (!budget_take(d->budget, own + temporary))
		return false;
	d->charged = own;
	s->charged = temporary;
	d->object = malloc(n * sizeof(*d->object));
	d->above = calloc(n, sizeof(*d->above));
	s->order = calloc(objects, sizeof(*s->order));
	s->semi = calloc(n, sizeof(*s->semi));
	s->parent = calloc(n, sizeof(*s->parent));
	s->label = calloc(n, sizeof(*s->label));
	s->row = calloc(n, sizeof(*s->row));
	return true;
}

/* What the sums need takes the place of what the search has needed. */
static enum gospy_code make_room_for_sums(struct search *s, struct gospy_error *err)
{
	struct dominators *d = s->d;
	size_t n = (size_t)d->count + 1;
	free(s->semi);
	free(s->parent);
	free(s->label);
	free(s->row);
	free(s->from);
	s->semi = s->parent = s->label = s->row = s->from = NULL;
	// It is less than what was freed.
	d->retained = calloc(n, sizeof(*d->retained));
	return d->retained ? GOSPY_OK : err_nomem(err);
}

enum gospy_code dominators_find(const struct mark *mark, const uint64_t *roots,
				struct budget *budget, struct dominators *ret,
				struct gospy_error *err)
{
	struct dominators d = {.heap = mark->heap, .budget = budget};
	struct search s = {.heap = mark->heap, .mark = mark, .roots = roots, .d = &d};
	uint64_t n = count_marked(mark) + ROOT + 3;
	enum gospy_code code = GOSPY_OK;
	if (mark->heap->long_rows || n > UINT32_MAX - 2 ||
	    !allocate(&s, n, (size_t)mark->heap->spans.count + 1))
		code = err_set(err, GOSPY_E_LIMIT,
			       "no memory is left to find out what retains what");
	else if (!d.object || !d.above || !s.order || !s.semi || !s.parent || !s.label || !s.row)
		code = err_nomem(err);
	if (!code)
		code = walk(&s, err);
	if (!code)
		code = find_predecessors(&s, err);
	if (!code)
		code = dominate(&s, err);
	if (!code)
		code = make_room_for_sums(&s, err);
	if (!code)
		sum_up(&s);
	search_deinit(&s);
	if (code)
		dominators_deinit(&d);
	else
		*ret = d;
	return code;
}

/* ---------------------------------------------------------------------------------------- sums --
 */

enum gospy_code dominators_sum(const struct dominators *d, dominators_kind_fn *kind,
			       const void *ctx, uint64_t *sums, size_t kinds,
			       struct gospy_error *err)
{
	size_t n = (size_t)d->count + 2;
	if (!budget_take(d->budget, 2 * n * sizeof(uint32_t)))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left to sum up what is retained");
	CLEANUP_FREE uint32_t *below = calloc(n, sizeof(*below));
	CLEANUP_FREE uint32_t *beside = calloc(n, sizeof(*beside));
	CLEANUP_FREE uint32_t *depth = calloc(kinds, sizeof(*depth));
	budget_give(d->budget, 2 * n * sizeof(uint32_t));
	if (!below || !beside || !depth)
		return err_nomem(err);
	for (uint32_t i = d->count; i > ROOT; i--) {
		beside[i] = below[d->above[i]];
		below[d->above[i]] = i;
	}
	// The tree, in depth. `below` is used up on the way down.
	for (uint32_t at = ROOT;;) {
		uint32_t down = below[at];
		if (down) {
			below[at] = beside[down];
			at = down;
			uint32_t of = kind(ctx, d->object[at]);
			if (depth[of]++ == 0)
				sums[of] += d->retained[at];
			continue;
		}
		if (at == ROOT)
			return GOSPY_OK;
		depth[kind(ctx, d->object[at])]--;
		at = d->above[at];
	}
}
