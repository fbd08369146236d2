/* quote.c: what is expected is strconv.Quote's of the same text. */
#include "base/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_quote(void **state)
{
	(void)state;
	static const struct {
		const char *text, *quoted;
	} cases[] = {
		{"", "\"\""},
		{"a b", "\"a b\""},
		{"\a\b\f\n\r\t\v\"\\", "\"\\a\\b\\f\\n\\r\\t\\v\\\"\\\\\""},
		{"\x01\x1b\x7f", "\"\\x01\\x1b\\x7f\""},
		{"caf\u00e9 \u4e16 \U0001f600", "\"caf\u00e9 \u4e16 \U0001f600\""},
		{"\xc2\x85\xc2\xa0\xc2\xad", "\"\\u0085\\u00a0\\u00ad\""},
		{"\u200b\u202e\u2028\u3000\ufeff", "\"\\u200b\\u202e\\u2028\\u3000\\ufeff\""},
		{"\ue000\ufffd\U000e0001\U00100000", "\"\\ue000\ufffd\\U000e0001\\U00100000\""},
		{"\xff\xc3", "\"\\xff\\xc3\""},
		{"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""},
		{"\xe4\xb8", "\"\\xe4\\xb8\""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf b = {0};
		quote_add(&b, cases[i].text);
		assert_string_equal(b.s, cases[i].quoted);
		strbuf_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_quote)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
