/* Dominators of graphs made by chance, against what is left of a graph without the object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/budget.h"
#include "heap/dominators.h"

enum { OBJECTS_MAX = 64, EDGES_MAX = 256, SIZE = 16, KINDS = 3, GRAPHS = 400 };

/* One span that may have pointers and one that has none. */
struct world {
	struct heap heap;
	struct heap_span spans[2];
	uint32_t rows[OBJECTS_MAX + 1], edges[EDGES_MAX];
	uint64_t allocated[2], roots[2];
	struct mark mark;
	struct budget budget;
};

static uint32_t random_below(uint64_t *state, uint32_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % n;
}

static void make(struct world *w, uint64_t seed)
{
	uint64_t state = seed * 2 + 1;
	uint32_t scan = 1 + random_below(&state, OBJECTS_MAX / 2);
	uint32_t all = scan + random_below(&state, OBJECTS_MAX / 2);
	uint32_t edges = 0, most = 1 + random_below(&state, 4);
	memset(w, 0, sizeof(*w));
	for (uint32_t i = 0; i < scan; i++) {
		w->rows[i] = edges;
		for (uint32_t n = random_below(&state, most + 1); n && edges < EDGES_MAX; n--)
			w->edges[edges++] = random_below(&state, all);
	}
	w->rows[scan] = edges;
	for (uint32_t i = 0; i < all; i++)
		w->allocated[i / 64] |= (uint64_t)(random_below(&state, 16) != 0) << i % 64;
	w->spans[0] = (struct heap_span){.elemsize = SIZE, .count = scan, .spanclass = 4};
	w->spans[1] = (struct heap_span){
		.elemsize = 3 * SIZE, .first = scan, .count = all - scan, .spanclass = 7};
	w->heap.rows = w->rows;
	w->heap.edges = w->edges;
	w->heap.edge_count = edges;
	w->heap.spans.all.at = w->spans;
	w->heap.spans.all.len = all > scan ? 2 : 1;
	w->heap.spans.scan_spans = 1;
	w->heap.spans.scan_count = scan;
	w->heap.spans.count = all;
	w->heap.spans.allocated = w->allocated;
	budget_init(&w->budget, 1 << 20, SIZE_MAX);
	assert_int_equal(mark_init(&w->mark, &w->heap, &w->budget, false, NULL), GOSPY_OK);
	for (uint32_t n = 1 + random_below(&state, 3); n; n--) {
		uint32_t root = random_below(&state, all);
		w->roots[root / 64] |= UINT64_C(1) << root % 64;
		if (!(w->mark.bits[root / 64] >> root % 64 & 1)) {
			mark_alone(&w->mark, root);
			mark_trace(&w->mark, root);
		}
	}
	assert_int_equal(mark_run(&w->mark, NULL), GOSPY_OK);
}

static uint64_t size_of(const struct world *w, uint32_t number)
{
	return w->spans[number >= w->heap.spans.scan_count].elemsize;
}

static void reach(const struct world *w, uint32_t number, uint32_t without, uint64_t *seen)
{
	size_t n;
	if (number == without || !mark_has(&w->mark, number) ||
	    seen[number / 64] >> number % 64 & 1)
		return;
	seen[number / 64] |= UINT64_C(1) << number % 64;
	const uint32_t *edges = heap_edges(&w->heap, number, &n);
	for (size_t i = 0; i < n; i++)
		reach(w, edges[i], without, seen);
}

/* What cannot be reached without the object, itself included. */
static void dominated(const struct world *w, uint32_t without, uint64_t *ret)
{
	uint64_t seen[2] = {0};
	for (uint32_t i = 0; i < w->heap.spans.count; i++) {
		if (w->roots[i / 64] >> i % 64 & 1)
			reach(w, i, without, seen);
	}
	for (uint32_t i = 0; i < w->heap.spans.count; i++) {
		if (mark_has(&w->mark, i) && !(seen[i / 64] >> i % 64 & 1))
			ret[i / 64] |= UINT64_C(1) << i % 64;
	}
}

static uint64_t bytes_of(const struct world *w, const uint64_t *set)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < w->heap.spans.count; i++)
		bytes += set[i / 64] >> i % 64 & 1 ? size_of(w, i) : 0;
	return bytes;
}

static uint32_t kind_of(const void *ctx, uint32_t number)
{
	(void)ctx;
	return number % KINDS;
}

static void check(const struct world *w, const struct dominators *d)
{
	uint64_t sums[KINDS] = {0};
	size_t found = 0;
	for (uint32_t i = 2; i <= d->count; i++) {
		uint64_t set[2] = {0};
		dominated(w, d->object[i], set);
		assert_int_equal(d->retained[i], bytes_of(w, set));
		found++;
	}
	for (uint32_t i = 0; i < w->heap.spans.count; i++)
		found -= mark_has(&w->mark, i);
	assert_int_equal(found, 0);
	assert_int_equal(dominators_sum(d, kind_of, NULL, sums, KINDS, NULL), GOSPY_OK);
	for (uint32_t kind = 0; kind < KINDS; kind++) {
		uint64_t set[2] = {0};
		for (uint32_t i = kind; i < w->heap.spans.count; i += KINDS) {
			if (mark_has(&w->mark, i))
				dominated(w, i, set);
		}
		assert_int_equal(sums[kind], bytes_of(w, set));
	}
}

static void test_random_graphs(void **state)
{
	(void)state;
	static struct world w;
	for (uint64_t seed = 0; seed < GRAPHS; seed++) {
		struct dominators d;
		make(&w, seed);
		size_t before = atomic_load(&w.budget.bytes);
		assert_int_equal(dominators_find(&w.mark, w.roots, &w.budget, &d, NULL), GOSPY_OK);
		check(&w, &d);
		dominators_deinit(&d);
		assert_int_equal(atomic_load(&w.budget.bytes), before);
		mark_deinit(&w.mark);
	}
}

static void test_too_little_memory(void **state)
{
	(void)state;
	static struct world w;
	make(&w, 7);
	for (size_t bytes = 0; bytes < 4096; bytes += 64) {
		struct dominators d;
		struct budget budget;
		budget_init(&budget, bytes, SIZE_MAX);
		enum gospy_code code = dominators_find(&w.mark, w.roots, &budget, &d, NULL);
		assert_true(code == GOSPY_OK || code == GOSPY_E_LIMIT);
		if (!code)
			dominators_deinit(&d);
		assert_int_equal(atomic_load(&budget.bytes), bytes);
	}
	mark_deinit(&w.mark);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_graphs),
		cmocka_unit_test(test_too_little_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
