/* cycle.c: circles among few and among many. */
#include "render/cycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_none(void **state)
{
	(void)state;
	const struct cycle_edge edges[] = {{0, 1}, {1, 2}, {0, 2}, {3, 2}};
	struct cycles cycles;
	assert_true(cycles_find(edges, 4, 4, &cycles));
	assert_int_equal(cycles.list.len, 0);
	cycles_deinit(&cycles);
	assert_true(cycles_find(NULL, 0, 0, &cycles));
	assert_int_equal(cycles.list.len, 0);
	cycles_deinit(&cycles);
}

static void test_self(void **state)
{
	(void)state;
	const struct cycle_edge edges[] = {{0, 1}, {1, 1}, {2, 0}};
	struct cycles cycles;
	size_t behind;
	assert_true(cycles_find(edges, 3, 3, &cycles));
	assert_int_equal(cycles.list.len, 1);
	assert_int_equal(cycles.list.at[0].count, 1);
	assert_int_equal(cycles.list.at[0].nodes, 1);
	assert_int_equal(cycles.edges.at[0], 1);
	assert_int_equal(cycles.part[1], 1);
	assert_int_equal(cycles.part[0], 0);
	assert_true(cycles_behind(edges, 3, 3, cycles.part, 0, &behind));
	assert_int_equal(behind, 2);
	cycles_deinit(&cycles);
}

/* The shortest circle of a set is shown, in its order, and all of the set are counted. */
static void test_sets(void **state)
{
	(void)state;
	const struct cycle_edge edges[] = {{0, 1}, {1, 2}, {2, 3}, {3, 0},
					   {2, 0}, {4, 5}, {5, 4}, {3, 4}};
	struct cycles cycles;
	size_t behind;
	assert_true(cycles_find(edges, 8, 6, &cycles));
	assert_int_equal(cycles.list.len, 2);
	assert_int_equal(cycles.list.at[0].count, 3);
	assert_int_equal(cycles.list.at[0].nodes, 4);
	const uint32_t *circle = cycles.edges.at + cycles.list.at[0].first;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(edges[circle[i]].to, edges[circle[(i + 1) % 3]].from);
	assert_int_equal(cycles.list.at[1].nodes, 2);
	assert_true(cycles_behind(edges, 8, 6, cycles.part, 1, &behind));
	assert_int_equal(behind, 4);
	cycles_deinit(&cycles);
}

/* A chain of a million that ends in a circle: no recursion. */
static void test_long(void **state)
{
	(void)state;
	enum { N = 1000000 };
	struct cycle_edge *edges = calloc(N, sizeof(*edges));
	struct cycles cycles;
	size_t behind;
	for (uint32_t i = 0; i < N; i++)
		edges[i] = (struct cycle_edge){i, i + 1 < N ? i + 1 : N - 3};
	assert_true(cycles_find(edges, N, N, &cycles));
	assert_int_equal(cycles.list.len, 1);
	assert_int_equal(cycles.list.at[0].count, 3);
	assert_true(cycles_behind(edges, N, N, cycles.part, 0, &behind));
	assert_int_equal(behind, N - 3);
	cycles_deinit(&cycles);
	free(edges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
