/* Columns that fit into 40 to 300. */
#include "tui/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 4 };

static const struct column columns[N] = {
	{.title = "COUNT", .width = 8, .sort = COLUMN_UNSORTED},
	{.title = "RATE", .width = 9, .rank = 2, .sort = COLUMN_UNSORTED},
	{.title = "PLACE", .width = 18, .grows = 3, .sort = COLUMN_UNSORTED},
	{.title = "STATE", .width = 10, .grows = 1, .most = 20, .rank = 1, .sort = COLUMN_UNSORTED},
};

static int total(const int *widths)
{
	int sum = 0;
	for (int i = 0; i < N; i++)
		sum += widths[i] ? widths[i] + (sum ? COLUMN_GAP : 0) : 0;
	return sum;
}

static void test_every_width(void **state)
{
	(void)state;
	int widths[N];
	for (int width = 1; width <= 400; width++) {
		columns_fit(columns, N, width, widths);
		assert_true(total(widths) <= width);
		assert_true(widths[0] > 0 || width < 3);
		assert_true(widths[3] <= 20);
		// All room is used, since one column grows without a limit.
		if (width >= 27)
			assert_int_equal(total(widths), width);
	}
}

static void test_least_goes_first(void **state)
{
	(void)state;
	int widths[N];
	columns_fit(columns, N, 47, widths);
	assert_int_equal(widths[1], 0);
	assert_true(widths[3] > 0);
	columns_fit(columns, N, 30, widths);
	assert_int_equal(widths[1], 0);
	assert_int_equal(widths[3], 0);
	assert_true(widths[2] > 18);
	columns_fit(columns, N, 48, widths);
	assert_int_equal(widths[1], 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_width),
		cmocka_unit_test(test_least_goes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
