#include "render/waits_dot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(const char *raw, const char *quoted)
{
	struct strbuf b = {0};
	waits_dot_quote(&b, raw);
	assert_false(b.failed);
	assert_string_equal(b.s ? b.s : "", quoted);
	strbuf_deinit(&b);
}

/* What ends a string, or is more than itself in a label. */
static void test_hostile_names(void **state)
{
	(void)state;
	expect("", "");
	expect("main.(*T).f", "main.(*T).f");
	expect("main.f[go.shape.struct { A int \"json:\\\"x\\\"\" }]",
	       "main.f[go.shape.struct { A int \\\"json:\\\\\\\"x\\\\\\\"\\\" }]");
	expect("a\"]; evil [label=\"", "a\\\"]; evil [label=\\\"");
	expect("ends with \\", "ends with \\\\");
	expect("\\N \\G", "\\\\N \\\\G");
	expect("line\nbreak\033[31m", "line\\\\x0abreak\\\\x1b[31m");
	expect("&lt;b&gt;", "&amp;lt;b&amp;gt;");
	expect("\xff", "\\\\xff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
