/* Columns that share 1 to 400. */
#include "render/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4, GAP = 1 };
enum { COUNT, RATE, PLACE, STATE };

static const struct column_need needs[N] = {
	[COUNT] = {.least = 8, .good = 8, .full = 8, .most = 8, .fixed = true},
	[RATE] = {.least = 9, .good = 9, .full = 9, .most = 9, .rank = 2, .fixed = true},
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
		// A number is whole, or all that there is.
		assert_int_equal(widths[COUNT], width < 10 ? width - 2 > 0 ? width - 2 : 0 : 8);
		for (int i = 0; i < N; i++)
			assert_true(widths[i] <= needs[i].most);
		for (int i = 0; i < N && width >= 21; i++)
			assert_true(!widths[i] || widths[i] >= needs[i].least);
		// All room is used, as long as anybody asks for it.
		if (width >= 47)
			assert_int_equal(total(widths), width < 133 ? width : 133);
	}
}

static void expect(int width, int count, int rate, int place, int state)
{
	int widths[N];
	columns_fit(needs, N, GAP, width, widths);
	assert_int_equal(widths[COUNT], count);
	assert_int_equal(widths[RATE], rate);
	assert_int_equal(widths[PLACE], place);
	assert_int_equal(widths[STATE], state);
}

/* A column goes when the others have their least, not before. */
static void test_least_goes_first(void **state)
{
	(void)state;
	expect(105, 8, 9, 62, 23);
	expect(71, 8, 9, 38, 13);
	expect(70, 8, 9, 37, 13);
	expect(40, 8, 9, 12, 8);
	expect(39, 8, 0, 16, 13);
	expect(30, 8, 0, 12, 8);
	expect(29, 8, 0, 20, 0);
	expect(10, 8, 0, 1, 0);
}

/* One that is worth less may still have room. */
static void test_smaller_one_fits(void **state)
{
	(void)state;
	const struct column_need three[] = {
		{.least = 10, .good = 10, .full = 10, .most = 10},
		{.least = 30, .good = 30, .full = 30, .most = 30, .rank = 1},
		{.least = 5, .good = 5, .full = 5, .most = 5, .rank = 2},
	};
	int widths[3];
	columns_fit(three, 3, GAP, 20, widths);
	assert_int_equal(widths[0], 10);
	assert_int_equal(widths[1], 0);
	assert_int_equal(widths[2], 5);
}

/* One long cell costs neither all rows its column, nor the others theirs. */
static void test_enough(void **state)
{
	(void)state;
	const struct column_need two[] = {
		{.least = 12, .good = 38, .full = 60, .most = 90, .enough = 18},
		{.least = 50, .good = 50, .full = 70, .most = 70, .enough = 18, .rank = 1},
	};
	int widths[2];
	columns_fit(two, 2, GAP, 37, widths);
	assert_int_equal(widths[0], 18);
	assert_int_equal(widths[1], 18);
	columns_fit(two, 2, GAP, 36, widths);
	assert_int_equal(widths[0], 36);
	assert_int_equal(widths[1], 0);
	// First what says too little.
	columns_fit(two, 2, GAP, 69, widths);
	assert_int_equal(widths[0], 18);
	assert_int_equal(widths[1], 50);
	columns_fit(two, 2, GAP, 89, widths);
	assert_int_equal(widths[0], 38);
	assert_int_equal(widths[1], 50);
}

static void test_spare(void **state)
{
	(void)state;
	const struct column_need two[] = {
		{.least = 12, .good = 38, .full = 60, .most = 90},
		{.least = 12, .good = 30, .full = 40, .most = 40, .rank = 1, .spare = true},
	};
	int widths[2];
	columns_fit(two, 2, GAP, 68, widths);
	assert_int_equal(widths[0], 68);
	assert_int_equal(widths[1], 0);
	columns_fit(two, 2, GAP, 69, widths);
	assert_int_equal(widths[0], 38);
	assert_int_equal(widths[1], 30);
	// Of several, that which is worth most.
	const struct column_need three[] = {
		{.least = 5, .good = 5, .full = 5, .most = 5, .rank = 4, .spare = true},
		{.least = 20, .good = 20, .full = 20, .most = 20},
		{.least = 5, .good = 5, .full = 5, .most = 5, .rank = 2, .spare = true},
	};
	int shown[3];
	columns_fit(three, 3, GAP, 26, shown);
	assert_int_equal(shown[0], 0);
	assert_int_equal(shown[2], 5);
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

/* A column is left out rather than that those that are worth more lose their lines. */
static void test_lines(void **state)
{
	(void)state;
	const struct column_need two[] = {
		{.least = 20, .lined = 25, .good = 38, .full = 60, .most = 90, .enough = 18},
		{.least = 9,
		 .lined = 14,
		 .good = 20,
		 .full = 20,
		 .most = 20,
		 .enough = 18,
		 .rank = 1},
	};
	int widths[2];
	columns_fit(two, 2, GAP, 39, widths);
	assert_int_equal(widths[0], 39);
	assert_int_equal(widths[1], 0);
	// Both have their lines before one of them has more.
	columns_fit(two, 2, GAP, 40, widths);
	assert_int_equal(widths[0], 25);
	assert_int_equal(widths[1], 14);
	columns_fit(two, 2, GAP, 50, widths);
	assert_int_equal(widths[0], 29);
	assert_int_equal(widths[1], 20);
}

/* What is left over makes one column complete rather than all of them wider. */
static void test_the_rest(void **state)
{
	(void)state;
	const struct column_need three[] = {
		{.least = 5, .good = 20, .full = 50, .most = 80},
		{.least = 5, .good = 20, .full = 20, .most = 60, .rank = 2},
		{.least = 5, .good = 20, .full = 40, .most = 70, .rank = 1},
	};
	int widths[3];
	columns_fit(three, 3, GAP, 150, widths);
	assert_int_equal(widths[0], 80);
	assert_int_equal(widths[1], 20);
	assert_int_equal(widths[2], 48);
	columns_fit(three, 3, GAP, 200, widths);
	assert_int_equal(widths[0], 80);
	assert_int_equal(widths[1], 48);
	assert_int_equal(widths[2], 70);
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

static struct column_need need_of(const char *func, int cols)
{
	const struct name name = {
		.kind = NAME_PLACE, .text = func, .file = "/src/server.go", .line = 1887};
	struct column_need need = {.enough = 18};
	columns_name(&need, &name, 38, cols, true);
	return need;
}

static void test_names(void **state)
{
	(void)state;
	struct column_need need = need_of("net/http.(*persistConn).writeLoop", 80);
	assert_int_equal(need.least, strlen("(*persistConn).writeLoop"));
	assert_int_equal(need.lined, strlen("(*persistConn).writeLoop:1887"));
	assert_int_equal(need.good, strlen("http.(*persistConn).writeLoop:1887"));
	assert_int_equal(need.full, strlen("net/http.(*persistConn).writeLoop server.go:1887"));
	// Not all of the screen.
	need = need_of("main.convertPersistentVolumeClaimVolumeSourceToPersistentVolumeSourceOfAll",
		       80);
	assert_int_equal(need.least, 66);
	assert_int_equal(need.lined, 38);
	need = need_of("main.(*persistentVolumeClaim).writeLoop", 40);
	assert_int_equal(need.least, 20);
	// A list of channels may lose more than a function: "select of …345 +1".
	const struct name object = {
		.kind = NAME_OBJECT,
		.text = "select of 0xc000012345 (receive), 0xc000012346 (receive)",
	};
	need = (struct column_need){.enough = 18};
	columns_name(&need, &object, 38, 80, true);
	assert_int_equal(need.least, 17);
	assert_int_equal(need.full, strlen(object.text));
	// Of other text a part says something, too.
	const struct name text = {.kind = NAME_TEXT, .text = "region=eu-west-1, tenant=acme-corp"};
	need = (struct column_need){.enough = 18};
	columns_name(&need, &text, 38, 80, true);
	assert_int_equal(need.least, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_width),
		cmocka_unit_test(test_least_goes_first),
		cmocka_unit_test(test_smaller_one_fits),
		cmocka_unit_test(test_enough),
		cmocka_unit_test(test_spare),
		cmocka_unit_test(test_sharing),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
