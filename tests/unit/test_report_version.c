/* report_version.c: settings that debug/mod.go quotes. What is expected is Go's own:
 * strconv.Quote of the same text. */
#include "render/report_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "output.h"

static void check(const char *value, const char *expected)
{
	struct gospy_build_setting setting = {"CGO_LDFLAGS", value};
	struct gospy_build_info info = {
		.go_version = "go1.19.8", .settings = &setting, .setting_count = 1};
	struct out *out = output_open();
	report_version(out, &info, true, REPORT_TEXT);
	char *text = output_close(out), wanted[128];
	snprintf(wanted, sizeof(wanted), "go1.19.8\n\tbuild\tCGO_LDFLAGS=%s\n", expected);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_plain(void **state)
{
	(void)state;
	check("-lm", "-lm");
	check("", "");
	check("a=b\\c", "a=b\\c");
}

static void test_quoted(void **state)
{
	(void)state;
	check("-L/usr/lib \t\t-lm", "\"-L/usr/lib \\t\\t-lm\"");
	check("-X 'v=\"1\"'", "\"-X 'v=\\\"1\\\"'\"");
	check("a b\\c", "\"a b\\\\c\"");
	check("\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\"");
	check("x \x01\x1b\x7f", "\"x \\x01\\x1b\\x7f\"");
	check("caf\u00e9 \u4e16", "\"caf\u00e9 \u4e16\"");
	check("a \u202e", "\"a \\u202e\"");
	check("a \xff", "\"a \\xff\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_quoted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
