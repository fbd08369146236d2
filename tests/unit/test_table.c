#include "render/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "output.h"

static const struct table_column columns[] = {
	{.gap = "", .title = "N", .right = true},
	{.gap = "  ", .title = "NAME"},
	{.gap = "", .title = "*"},
	{.gap = " ", .title = "PLACE"},
};

static void row(struct table *table, uint64_t n, const char *name, const char *mark,
		const char *place)
{
	table_cell_u64(table, n);
	table_cell(table, name);
	table_cell(table, mark);
	table_cell(table, place);
}

static void expect(struct table *table, const char *expected)
{
	struct out *out = output_open();
	table_print(table, out);
	char *text = output_close(out);
	assert_string_equal(text, expected);
	free(text);
	table_deinit(table);
}

static void test_alignment(void **state)
{
	(void)state;
	struct table table = {.columns = columns, .column_count = 4};
	row(&table, 7, "api", "*", "here");
	row(&table, 1234, "a", " ", "");
	expect(&table, "   7  api* here\n"
		       "1234  a    \n");
}

static void test_titles(void **state)
{
	(void)state;
	struct table table = {.columns = columns, .column_count = 4};
	table_titles(&table);
	row(&table, 12, "x", " ", "y");
	expect(&table, " N  NAME* PLACE\n"
		       "12  x     y\n");
}

static void test_empty(void **state)
{
	(void)state;
	struct table table = {.columns = columns, .column_count = 4};
	expect(&table, "");
}

static void test_width_is_of_characters_and_escaped(void **state)
{
	(void)state;
	struct table table = {.columns = columns, .column_count = 4};
	row(&table, 1, "日本", " ", "\033[2J");
	row(&table, 1, "\001", " ", "z");
	expect(&table, "1  日本    \\x1b[2J\n"
		       "1  \\x01  z\n");
}

static void test_failed_buffer_is_an_error(void **state)
{
	(void)state;
	struct table table = {.columns = columns, .column_count = 4};
	struct strbuf failed = {.failed = true};
	table_cell_buf(&table, &failed);
	struct out *out = output_open();
	table_print(&table, out);
	assert_int_not_equal(out->error, 0);
	close(out->fd);
	free(out);
	table_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_titles),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_width_is_of_characters_and_escaped),
		cmocka_unit_test(test_failed_buffer_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
