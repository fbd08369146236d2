#include "heap/closure.h"

#include <stdlib.h>

#include "base/cancel.h"

enum { CANCEL_EACH = 65536 };

struct finder {
	const struct mark *mark;
	const struct heap *heap;
	struct closure *closure;
	uint64_t *ends; /* of each number: where those that lead to it end in .from */
	uint32_t *from;
	VEC(uint32_t) pending;
	size_t for_now; /* bytes taken of the budget until it is done */
};

void closure_deinit(struct closure *closure)
{
	if (closure->budget)
		budget_give(closure->budget, closure->charged);
	free(closure->bits);
	*closure = (struct closure){0};
}

/* Free slots are marked, too. */
static bool is_unmarked(const struct finder *f, uint32_t number)
{
	return !(f->mark->bits[number / 64] >> number % 64 & 1);
}

static bool add(struct finder *f, uint32_t number)
{
	uint64_t *word = &f->closure->bits[number / 64], bit = UINT64_C(1) << number % 64;
	if (*word & bit)
		return true;
	*word |= bit;
	f->closure->count++;
	return vec_push(&f->pending, number);
}

/* Visit the edges between objects that are not marked. */
static enum gospy_code each_edge(struct finder *f,
				 void (*visit)(struct finder *, uint32_t, uint32_t),
				 struct gospy_error *err)
{
	for (uint32_t i = 0; i < f->heap->spans.scan_count; i++) {
		size_t n;
		if (i % CANCEL_EACH == 0 && cancel_check(err))
			return GOSPY_E_CANCELLED;
		if (!is_unmarked(f, i))
			continue;
		const uint32_t *edges = heap_edges(f->heap, i, &n);
		for (size_t k = 0; k < n; k++) {
			if (is_unmarked(f, edges[k]))
				visit(f, i, edges[k]);
		}
	}
	return GOSPY_OK;
}

static void count_edge(struct finder *f, uint32_t from, uint32_t to)
{
	(void)from;
	f->ends[to]++;
}

/* From the end of its place on, downwards. */
static void put_edge(struct finder *f, uint32_t from, uint32_t to)
{
	f->from[--f->ends[to]] = from;
}

static bool charge(struct finder *f, size_t bytes)
{
	bool ok = budget_take(f->mark->budget, bytes);
	f->for_now += ok ? bytes : 0;
	return ok;
}

/* All edges the other way round. Afterwards `ends` has where those of each number begin. */
static enum gospy_code turn_edges(struct finder *f, struct gospy_error *err)
{
	size_t count = f->heap->spans.count;
	uint64_t sum = 0;
	if (!charge(f, (count + 1) * sizeof(*f->ends)))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for what leads to objects");
	f->ends = calloc(count + 1, sizeof(*f->ends));
	if (!f->ends)
		return err_nomem(err);
	enum gospy_code code = each_edge(f, count_edge, err);
	for (size_t i = 0; i < count; i++)
		f->ends[i] = sum += f->ends[i];
	f->ends[count] = sum;
	if (!code && !charge(f, sum * sizeof(*f->from)))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for what leads to objects");
	f->from = code ? NULL : malloc((sum + 1) * sizeof(*f->from));
	if (!code && !f->from)
		return err_nomem(err);
	return code ? code : each_edge(f, put_edge, err);
}

static enum gospy_code find(struct finder *f, const uint32_t *numbers, size_t n,
			    struct gospy_error *err)
{
	enum gospy_code code = turn_edges(f, err);
	bool ok = true;
	for (size_t i = 0; i < n && !code && ok; i++)
		ok = add(f, numbers[i]);
	while (!code && ok && f->pending.len) {
		uint32_t to = f->pending.at[--f->pending.len];
		for (uint64_t i = f->ends[to]; i < f->ends[to + 1] && ok; i++)
			ok = add(f, f->from[i]);
		if (cancel_asked())
			code = cancel_check(err);
	}
	return code ? code : ok ? GOSPY_OK : err_nomem(err);
}

enum gospy_code closure_find(const struct mark *mark, const uint32_t *numbers, size_t n,
			     struct closure *ret, struct gospy_error *err)
{
	size_t words = (size_t)mark->heap->spans.count / 64 + 1;
	struct closure closure = {0};
	struct finder f = {.mark = mark, .heap = mark->heap, .closure = &closure};
	if (!budget_take(mark->budget, words * sizeof(uint64_t)))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for what leads to objects");
	closure.budget = mark->budget;
	closure.charged = words * sizeof(uint64_t);
	closure.bits = calloc(words, sizeof(uint64_t));
	enum gospy_code code = closure.bits ? find(&f, numbers, n, err) : err_nomem(err);
	free(f.ends);
	free(f.from);
	vec_free(&f.pending);
	budget_give(mark->budget, f.for_now);
	if (code)
		closure_deinit(&closure);
	else
		*ret = closure;
	return code;
}
