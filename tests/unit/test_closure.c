/* closure.c over hand-made graphs, against what a search from each object finds. */
#include "heap/closure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { OBJECTS = 90, EDGES_EACH = 2, GRAPHS = 300, PLENTY = 1 << 20 };

static struct heap heap;
static struct mark mark;
static struct budget budget;
static uint64_t allocated[OBJECTS / 64 + 1], marked[OBJECTS / 64 + 1];
static uint32_t rows[OBJECTS + 1], edges[OBJECTS * EDGES_EACH];
static uint32_t state = 1;

static uint32_t any(uint32_t below)
{
	state = state * 1664525 + 1013904223;
	return (state >> 8) % below;
}

static bool is_marked(uint32_t number)
{
	return marked[number / 64] >> number % 64 & 1;
}

/* Some are marked, or free, which counts as such. */
static void make_graph(uint32_t marks)
{
	memset(marked, 0, sizeof(marked));
	memset(allocated, 0xff, sizeof(allocated));
	for (uint32_t i = 0; i < OBJECTS; i++) {
		rows[i] = i * EDGES_EACH;
		for (uint32_t k = 0; k < EDGES_EACH; k++)
			edges[i * EDGES_EACH + k] = any(OBJECTS);
		if (marks && any(marks) == 0)
			marked[i / 64] |= UINT64_C(1) << i % 64;
	}
	rows[OBJECTS] = OBJECTS * EDGES_EACH;
	heap = (struct heap){.rows = rows, .edges = edges, .edge_count = OBJECTS * EDGES_EACH};
	heap.spans.count = heap.spans.scan_count = OBJECTS;
	heap.spans.allocated = allocated;
	mark = (struct mark){.heap = &heap, .budget = &budget, .bits = marked};
}

/* Does a path of objects that are not marked lead from here to there? */
static bool leads(uint32_t from, uint32_t to, bool *been)
{
	if (from == to)
		return true;
	if (been[from] || is_marked(from))
		return false;
	been[from] = true;
	for (uint32_t k = 0; k < EDGES_EACH; k++) {
		uint32_t next = edges[from * EDGES_EACH + k];
		if (!is_marked(next) && leads(next, to, been))
			return true;
	}
	return false;
}

static void test_random_graphs(void **ignored)
{
	(void)ignored;
	budget_init(&budget, PLENTY, PLENTY);
	for (uint32_t n = 0; n < GRAPHS; n++) {
		struct closure closure;
		uint32_t count = 0, targets[2];
		make_graph(n % 7);
		for (size_t i = 0; i < 2; i++) {
			do
				targets[i] = any(OBJECTS);
			while (is_marked(targets[i]) && n % 7 != 1);
		}
		if (n % 7 == 1) // all are marked
			continue;
		assert_int_equal(closure_find(&mark, targets, 2, &closure, NULL), GOSPY_OK);
		for (uint32_t i = 0; i < OBJECTS; i++) {
			bool been[OBJECTS] = {false}, been_too[OBJECTS] = {false};
			bool in = leads(i, targets[0], been) || leads(i, targets[1], been_too);
			assert_int_equal(closure_has(&closure, i), in);
			count += in;
		}
		assert_int_equal(closure.count, count);
		closure_deinit(&closure);
		assert_int_equal(atomic_load(&budget.bytes), PLENTY);
	}
}

static void test_no_memory(void **ignored)
{
	(void)ignored;
	const uint32_t target = 3;
	struct closure closure;
	make_graph(0);
	for (size_t bytes = 0;; bytes += 64) {
		budget_init(&budget, bytes, PLENTY);
		enum gospy_code code = closure_find(&mark, &target, 1, &closure, NULL);
		if (code)
			assert_int_equal(code, GOSPY_E_LIMIT);
		else
			closure_deinit(&closure);
		assert_int_equal(atomic_load(&budget.bytes), bytes);
		if (!code)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_graphs),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
