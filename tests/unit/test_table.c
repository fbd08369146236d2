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

static const struct table_column place_columns[] = {
	{.gap = "", .title = "COUNT", .right = true},
	{.gap = "  ", .title = "LOCATION", .good = 30},
	{.gap = "  ", .title = "WAITS AT", .good = 30, .enough = 18, .rank = 2, .below = "at "},
};

/* `n` rows of two places each, on a terminal of so many columns. */
static void expect_places(const struct gospy_location *places, size_t n, int cols,
			  const char *expected)
{
	CLEANUP(table_deinit) struct table table = {.columns = place_columns, .column_count = 3};
	table_titles(&table);
	for (size_t i = 0; i < n; i++) {
		table_cell_u64(&table, 10 - i);
		for (size_t k = 0; k < 2; k++) {
			bool known = places[2 * i + k].func;
			struct name name = name_place(known ? &places[2 * i + k] : NULL);
			table_name(&table, &name);
		}
	}
	struct out *out = output_open();
	out->cols = cols;
	table_print(&table, out);
	char *text = output_close(out);
	assert_string_equal(text, expected);
	free(text);
}

/* A place that would lose its type goes below its row, and those behind it do. */
static void test_places_below(void **state)
{
	(void)state;
	static const struct gospy_location places[] = {
		{.func = "a/http.(*conn).serve", .file = "/src/server.go", .line = 1887},
		{.func = "a/transport.(*http2Server).keepalive", .file = "/src/x.go", .line = 1179},
		{.func = "main.main", .file = "/src/main.go", .line = 7},
		{.func = "main.wait", .file = "/src/main.go", .line = 9},
		{.func = "a/certmagic.(*RingBufferRateLimiter).loop",
		 .file = "/src/y.go",
		 .line = 69},
		{.func = "main.wait", .file = "/src/main.go", .line = 10},
		{.func = "a/certmagic.(*RingBufferRateLimiter).loop",
		 .file = "/src/y.go",
		 .line = 69},
		{0},
	};
	expect_places(places, 4, 80,
		      "COUNT  LOCATION                              WAITS AT\n"
		      "   10  a/http.(*conn).serve server.go:1887   (*http2Server).keepalive:1179\n"
		      "    9  main.main /src/main.go:7              main.wait /src/main.go:9\n"
		      "    8  (*RingBufferRateLimiter).loop:69      main.wait /src/main.go:10\n"
		      "    7  (*RingBufferRateLimiter).loop:69      -\n");
	expect_places(places, 4, 62,
		      "COUNT  LOCATION                     WAITS AT\n"
		      "   10  http.(*conn).serve:1887      (*http2Server).keepalive\n"
		      "    9  main.main /src/main.go:7     main.wait /src/main.go:9\n"
		      "    8  certmagic.(*RingBufferRateLimiter).loop:69  at wait:10\n"
		      "    7  certmagic.(*RingBufferRateLimiter).loop:69\n");
	expect_places(places, 4, 40,
		      "COUNT LOCATION          WAITS AT\n"
		      "   10 http.(*conn).serve:1887\n"
		      "        at (*http2Server).keepalive:1179\n"
		      "    9 main.main:7       main.wait:9\n"
		      "    8 (*RingBufferRateLimiter).loop:69\n"
		      "                        at main.wait:10\n"
		      "    7 (*RingBufferRateLimiter).loop:69\n");
}

/* Places that would look like those of another row, and are others, go below, too. */
static void test_places_alike(void **state)
{
	(void)state;
	static const struct gospy_location places[] = {
		{.func = "a/legacymanager.(*Manager).sender", .file = "/src/m.go", .line = 230},
		{0},
		{.func = "a/legacymanager.(*Manager).sender", .file = "/src/m.go", .line = 235},
		{0},
		{.func = "main.main", .file = "/src/main.go", .line = 7},
		{0},
	};
	expect_places(places, 3, 24,
		      "COUNT LOCATION\n"
		      "   10\n"
		      "   (*Manager).sender:230\n"
		      "    9\n"
		      "   (*Manager).sender:235\n"
		      "    8 main.main:7\n");
}

/* Of texts that begin alike that is shown in which they differ. */
static void test_texts_alike(void **state)
{
	(void)state;
	static const char *const texts[] = {"etcd --config-file /etc/etcd/first.yml",
					    "etcd --config-file /etc/etcd/second.yml", "caddy run"};
	CLEANUP(table_deinit) struct table table = {.columns = name_columns, .column_count = 2};
	table_titles(&table);
	for (size_t i = 0; i < 3; i++) {
		CLEANUP(strbuf_deinit) struct strbuf text = {0};
		strbuf_puts(&text, texts[i]);
		table_cell_u64(&table, i + 1);
		table_name_buf(&table, NAME_TEXT, &text);
	}
	struct out *out = output_open();
	out->cols = 30;
	table_print(&table, out);
	char *text = output_close(out);
	assert_string_equal(text, "COUNT STATES\n"
				  "    1 etcd ~etcd/first.yml\n"
				  "    2 etcd ~etcd/second.yml\n"
				  "    3 caddy run\n");
	free(text);
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
		cmocka_unit_test(test_places_below),
		cmocka_unit_test(test_places_alike),
		cmocka_unit_test(test_texts_alike),
		cmocka_unit_test(test_column_of_the_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
