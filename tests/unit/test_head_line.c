/* Lines of a report's head, on terminals of all widths. */
#include "render/head_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "output.h"

struct given {
	const char *separator, *text;
	int rank;
};

static void expect(const char *label, const struct given *given, size_t n, int cols,
		   const char *expected)
{
	CLEANUP(head_line_deinit) struct head_line line = {.label = label};
	struct out *out = output_open();
	out->cols = cols;
	out->utf8 = true;
	for (size_t i = 0; i < n; i++) {
		strbuf_puts(&line.text, given[i].text);
		head_line_part(&line, given[i].separator, given[i].rank);
	}
	head_line_write(&line, out);
	CLEANUP_FREE char *text = output_close(out);
	assert_string_equal(text, expected);
	// It fits if it is all there, in one line.
	CLEANUP_FREE struct out *narrow = calloc(1, sizeof(*narrow));
	assert_non_null(narrow);
	narrow->cols = cols;
	narrow->utf8 = true;
	const char *end = strchr(text, '\n');
	bool whole = !end || !end[1];
	for (size_t i = 0; i < n; i++)
		whole &= strstr(text, given[i].text) != NULL;
	assert_int_equal(head_line_fits(&line, narrow), whole);
}

static const struct given goroutines[] = {
	{"", "49", 0},
	{": ", "47 waiting", 0},
	{", ", "2 syscall", 0},
	{" ", "(+8 system)", 1},
};

static void test_parts_go(void **state)
{
	(void)state;
	expect("Goroutines", goroutines, 4, 0,
	       "Goroutines  49: 47 waiting, 2 syscall (+8 system)\n");
	expect("Goroutines", goroutines, 4, 60,
	       "Goroutines  49: 47 waiting, 2 syscall (+8 system)\n");
	expect("Goroutines", goroutines, 4, 48,
	       "Goroutines 49: 47 waiting, 2 syscall (+8 system)\n");
	expect("Goroutines", goroutines, 4, 47, "Goroutines 49: 47 waiting, 2 syscall\n");
}

static void test_what_stays_goes_on_below(void **state)
{
	(void)state;
	expect("Goroutines", goroutines, 4, 36, "Goroutines 49: 47 waiting, 2 syscall\n");
	expect("Goroutines", goroutines, 4, 35,
	       "Goroutines 49: 47 waiting,\n           2 syscall\n");
	// With the comma it fits.
	expect("Goroutines", goroutines, 4, 26,
	       "Goroutines 49: 47 waiting,\n           2 syscall\n");
	expect("Goroutines", goroutines, 4, 25,
	       "Goroutines 49:\n           47 waiting,\n           2 syscall\n");
}

static void test_the_least_goes_first(void **state)
{
	static const struct given heap[] = {
		{"", "1.1 MB live", 0},
		{", ", "next GC at 4.0 MB", 2},
		{"; ", "2 GCs", 1},
		{", ", "last 9s", 3},
	};
	(void)state;
	expect("Heap", heap, 4, 57, "Heap       1.1 MB live, next GC at 4.0 MB; 2 GCs, last 9s\n");
	expect("Heap", heap, 4, 50, "Heap       1.1 MB live, next GC at 4.0 MB; 2 GCs\n");
	// What is worth less may be shorter.
	expect("Heap", heap, 4, 40, "Heap       1.1 MB live; 2 GCs, last 9s\n");
	expect("Heap", heap, 4, 30, "Heap       1.1 MB live; 2 GCs\n");
	expect("Heap", heap, 4, 25, "Heap       1.1 MB live\n");
}

static void test_no_label(void **state)
{
	static const struct given process[] = {
		{"", "shop", 0}, {"  ", "pid 7", 0}, {"  ", "go1.26", 2}, {"  ", "up 9s", 1}};
	(void)state;
	expect(NULL, process, 4, 26, "shop  pid 7  go1.26  up 9s\n");
	expect(NULL, process, 4, 25, "shop  pid 7  up 9s\n");
	expect(NULL, process, 4, 10, "shop\npid 7\n");
	expect(NULL, process, 0, 10, "");
}

/* One that no line has room for is broken between its words. */
static void test_long_part(void **state)
{
	static const struct given waits[] = {{"", "how long all of them wait", 0}};
	(void)state;
	expect("Waits", waits, 1, 30, "Waits      how long all of\n           them wait\n");
}

static void test_wide_characters(void **state)
{
	static const struct given process[] = {{"", "店店店", 0}, {"  ", "up 9s", 1}};
	(void)state;
	expect(NULL, process, 2, 13, "店店店  up 9s\n");
	expect(NULL, process, 2, 12, "店店店\n");
}

static void test_more_parts_than_there_can_be(void **state)
{
	(void)state;
	CLEANUP(head_line_deinit) struct head_line line = {0};
	struct out *out = output_open();
	for (size_t i = 0; i < HEAD_PARTS_MAX + 2; i++) {
		strbuf_printf(&line.text, "%zu", i % 10);
		head_line_part(&line, ",", 0);
	}
	head_line_write(&line, out);
	CLEANUP_FREE char *text = output_close(out);
	assert_string_equal(text, "0,1,2,3,4,5,6,7,8,901\n");
}

int main(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_go),
		cmocka_unit_test(test_what_stays_goes_on_below),
		cmocka_unit_test(test_the_least_goes_first),
		cmocka_unit_test(test_no_label),
		cmocka_unit_test(test_long_part),
		cmocka_unit_test(test_wide_characters),
		cmocka_unit_test(test_more_parts_than_there_can_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
