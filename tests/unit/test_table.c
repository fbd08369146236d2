#include "render/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
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

static const struct table_column name_columns[] = {
	{.gap = "", .title = "COUNT", .right = true},
	{.gap = "  ", .title = "STATES", .good = 12, .rank = 1},
	{.gap = "  ", .title = "PLACE", .good = 30},
};

/* The same rows on a terminal of so many columns; 0: on none. */
static void expect_names(int cols, const char *expected)
{
	const struct gospy_location places[] = {
		{.func = "a/b/transport.(*http2Server).keepalive",
		 .file = "/src/x.go",
		 .line = 1179},
		{.func = "main.main", .file = "/src/main.go", .line = 7},
	};
	CLEANUP(table_deinit) struct table table = {.columns = name_columns, .column_count = 3};
	CLEANUP(strbuf_deinit) struct strbuf states = {0};
	table_titles(&table);
	strbuf_puts(&states, "9800 chan recv, 12 select");
	for (size_t i = 0; i < 2; i++) {
		struct name name = name_place(&places[i]);
		name.parens = true;
		table_cell_u64(&table, 10 - i);
		table_name_buf(&table, NAME_STATES, &states);
		table_name(&table, &name);
	}
	struct out *out = output_open();
	out->cols = cols;
	table_print(&table, out);
	char *text = output_close(out);
	assert_string_equal(text, expected);
	free(text);
}

static void test_names(void **state)
{
	(void)state;
	static const char all[] =
		"COUNT  STATES                     PLACE\n"
		"   10  9800 chan recv, 12 select  a/b/transport.(*http2Server).keepalive "
		"(/src/x.go:1179)\n"
		"    9  9800 chan recv, 12 select  main.main (/src/main.go:7)\n";
	expect_names(0, all);
	expect_names(300, all);
	expect_names(
		80,
		"COUNT  STATES                     PLACE\n"
		"   10  9800 chan recv, 12 select  transport.(*http2Server).keepalive (x.go:1179)\n"
		"    9  9800 chan recv, 12 select  main.main (/src/main.go:7)\n");
	expect_names(60, "COUNT  STATES                 PLACE\n"
			 "   10  9800 chan recv +12     (*http2Server).keepalive:1179\n"
			 "    9  9800 chan recv +12     main.main (/src/main.go:7)\n");
	expect_names(49, "COUNT STATES             PLACE\n"
			 "   10 9800 chan recv +12 (*http2Server).keepalive\n"
			 "    9 9800 chan recv +12 main.main (main.go:7)\n");
	expect_names(20, "COUNT PLACE\n"
			 "   10 ~.keepalive\n"
			 "    9 main.main:7\n");
}

static void test_column_of_the_line(void **state)
{
	(void)state;
	struct out *out = output_open();
	out->color = out->utf8 = true;
	out_puts(out, "a line\nab");
	out_style(out, OUT_BAD);
	out_puts(out, "cd");
	out_style(out, OUT_NONE);
	assert_int_equal(out_column(out), 4);
	out_putc(out, '\n');
	assert_int_equal(out_column(out), 0);
	free(output_close(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_titles),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_width_is_of_characters_and_escaped),
		cmocka_unit_test(test_failed_buffer_is_an_error),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_column_of_the_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
