/* Columns that share 1 to 400. */
#include "render/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 4, GAP = 1 };
enum { COUNT, RATE, PLACE, STATE };

static const struct column_need needs[N] = {
	[COUNT] = {.least = 8, .good = 8, .full = 8, .most = 8},
	[RATE] = {.least = 9, .good = 9, .full = 9, .most = 9, .rank = 2},
	[PLACE] = {.least = 12, .good = 38, .full = 60, .most = 90},
	[STATE] = {.least = 8, .good = 13, .full = 23, .most = 23, .rank = 1},
};

static int total(const int *widths)
{
	int sum = 0;
	for (int i = 0; i < N; i++)
		sum += widths[i] ? widths[i] + (sum ? GAP : 0) : 0;
	return sum;
}

static void test_every_width(void **state)
{
	(void)state;
	int widths[N];
	for (int width = 1; width <= 400; width++) {
		columns_fit(needs, N, GAP, width, widths);
		assert_true(total(widths) <= width);
		assert_true(widths[COUNT] > 0 || width < 3);
		for (int i = 0; i < N; i++)
			assert_true(widths[i] <= needs[i].most);
		for (int i = 0; i < N && width >= 21; i++)
			assert_true(!widths[i] || widths[i] >= needs[i].least);
		// All room is used, as long as anybody asks for it.
		if (width >= 47)
			assert_int_equal(total(widths), width < 133 ? width : 133);
	}
}

static void test_least_goes_first(void **state)
{
	(void)state;
	int widths[N];
	// All of them are good.
	columns_fit(needs, N, GAP, 71, widths);
	assert_int_equal(widths[RATE], 9);
	assert_int_equal(widths[PLACE], 38);
	assert_int_equal(widths[STATE], 13);
	columns_fit(needs, N, GAP, 70, widths);
	assert_int_equal(widths[RATE], 0);
	assert_int_equal(widths[STATE], 22);
	assert_int_equal(widths[PLACE], 38);
	columns_fit(needs, N, GAP, 60, widths);
	assert_int_equal(widths[STATE], 0);
	assert_int_equal(widths[PLACE], 51);
	// What is worth less comes when all else is there.
	columns_fit(needs, N, GAP, 105, widths);
	assert_int_equal(widths[STATE], 23);
	assert_int_equal(widths[PLACE], 62);
	columns_fit(needs, N, GAP, 30, widths);
	assert_int_equal(widths[COUNT], 8);
	assert_int_equal(widths[PLACE], 21);
}

/* What asks for little gets it, what asks for much shares the rest. */
static void test_sharing(void **state)
{
	(void)state;
	const struct column_need two[] = {
		{.least = 5, .good = 20, .full = 100, .most = 100},
		{.least = 5, .good = 20, .full = 30, .most = 30},
		{.least = 5, .good = 20, .full = 100, .most = 100},
	};
	int widths[3];
	columns_fit(two, 3, GAP, 122, widths);
	assert_int_equal(widths[0], 45);
	assert_int_equal(widths[1], 30);
	assert_int_equal(widths[2], 45);
}

static void test_cells(void **state)
{
	(void)state;
	struct column_need need = {0};
	columns_cell(&need, 3, 5, 9, 0);
	columns_cell(&need, 7, 2, 4, 12);
	assert_int_equal(need.least, 7);
	assert_int_equal(need.good, 7);
	assert_int_equal(need.full, 9);
	assert_int_equal(need.most, 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_width),
		cmocka_unit_test(test_least_goes_first),
		cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_cells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
