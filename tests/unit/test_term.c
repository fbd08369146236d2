#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "render/term.h"

static size_t lines(const char *text)
{
	return term_lines(text, strlen(text), 10);
}

static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(lines(""), 0);
	assert_int_equal(lines("a"), 1);
	assert_int_equal(lines("a\nb\n"), 2);
	assert_int_equal(lines("\n\n\n"), 3);
	assert_int_equal(lines("0123456789\n"), 1);
	assert_int_equal(lines("0123456789a\n"), 2);
	assert_int_equal(lines("0123456789a\n0123456789012345678901\nb"), 6);
}

static void test_what_takes_no_place(void **state)
{
	(void)state;
	assert_int_equal(lines("\033[32m0123456789\033[0m\n"), 1);
	assert_int_equal(lines("äöüäöüäöüä\n"), 1);
	assert_int_equal(lines("\t0\n"), 1);
	assert_int_equal(lines("\t012\n"), 2);
	// A sequence that does not end
	assert_int_equal(lines("\033[32"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_what_takes_no_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
