#include "render/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_text(const char *in, const char *expected)
{
	struct strbuf b = {0};
	escape_add(&b, in);
	assert_false(b.failed);
	assert_string_equal(b.s ? b.s : "", expected);
	strbuf_deinit(&b);
}

static void test_clean_text_passes(void **state)
{
	(void)state;
	expect_text("", "");
	expect_text("main.main", "main.main");
	expect_text("a", "a");
	expect_text("1234567", "1234567");
	expect_text("12345678", "12345678");
	expect_text("main.main.func1·dwrap·1", "main.main.func1·dwrap·1");
	expect_text("日本語 \\ \" \xf0\x9f\x98\x80", "日本語 \\ \" \xf0\x9f\x98\x80");
}

static void test_control_characters(void **state)
{
	(void)state;
	expect_text("a\nb\tc", "a\\x0ab\\x09c");
	expect_text("\033]52;c;eA==\007", "\\x1b]52;c;eA==\\x07");
	expect_text("del\x7f", "del\\x7f");
	expect_text("long enough for whole words\033[31m", "long enough for whole words\\x1b[31m");
	expect_text("\x1f 2345678", "\\x1f 2345678");
	expect_text("12345678\x01", "12345678\\x01");
}

static void test_c1_and_bidi(void **state)
{
	(void)state;
	expect_text("\xc2\x9b"
		    "31m",
		    "\\xc2\\x9b31m");
	expect_text("\xc2\x80", "\\xc2\\x80");
	expect_text("\xc2\xa0", "\xc2\xa0");
	expect_text("\xe2\x80\xae", "\\xe2\\x80\\xae"); // right-to-left override
	expect_text("\xe2\x81\xa6", "\\xe2\\x81\\xa6"); // left-to-right isolate
	expect_text("\xe2\x80\xa8", "\\xe2\\x80\\xa8"); // line separator
	expect_text("\xd8\x9c", "\\xd8\\x9c");          // Arabic letter mark
	expect_text("\xe2\x80\xa6", "\xe2\x80\xa6");    // an ellipsis is harmless
}

static void test_not_utf8(void **state)
{
	(void)state;
	expect_text("\xff", "\\xff");
	expect_text("\x80", "\\x80");
	expect_text("a\xc3", "a\\xc3");                 // cut short
	expect_text("\xe6\x97x", "\\xe6\\x97x");        // cut short by another character
	expect_text("\xc0\xaf", "\\xc0\\xaf");          // not the shortest form
	expect_text("\xe0\x80\xaf", "\\xe0\\x80\\xaf"); // nor this
	expect_text("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
	expect_text("\xed\xa0\x80", "\\xed\\xa0\\x80");          // surrogate
	expect_text("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); // above U+10FFFF
}

static void test_markup(void **state)
{
	(void)state;
	static const struct {
		const char *in, *expected;
	} cases[] = {
		{"", ""},
		{"<img onerror=\"x\">", "&lt;img onerror=&quot;x&quot;&gt;"},
		{"a&amp;'b'", "a&amp;amp;&#39;b&#39;"},
		{"]]>", "]]&gt;"},
		{"\xff\n\xe2\x80\xa8", "\\xff\\x0a\\xe2\\x80\\xa8"},
		{"\xef\xbf\xbd\xef\xbf\xbe\xef\xbf\xbf",
		 "\xef\xbf\xbd\\xef\\xbf\\xbe\\xef\\xbf\\xbf"},
		{"main.main·1", "main.main·1"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct strbuf b = {0};
		escape_add_markup(&b, cases[i].in);
		assert_false(b.failed);
		assert_string_equal(b.s ? b.s : "", cases[i].expected);
		strbuf_deinit(&b);
	}
}

static void test_steps(void **state)
{
	(void)state;
	struct escape_step step = escape_next("ab\"c", 4, ESCAPE_JSON);
	assert_int_equal(step.clean, 2);
	assert_int_equal(step.unfit, 1);
	assert_int_equal(step.code, '"');
	step = escape_next("ab\"c", 4, ESCAPE_TEXT);
	assert_int_equal(step.clean, 4);
	assert_int_equal(step.unfit, 0);
	step = escape_next("\xe2\x80\xae", 3, ESCAPE_JSON);
	assert_int_equal(step.clean, 0);
	assert_int_equal(step.unfit, 3);
	assert_int_equal(step.code, 0x202e);
	step = escape_next("x\xfe", 2, ESCAPE_JSON);
	assert_int_equal(step.clean, 1);
	assert_int_equal(step.code, ESCAPE_INVALID);
}

/* An unfit byte is found wherever it stands within the words that are compared. */
static void test_every_position(void **state)
{
	(void)state;
	static const unsigned char unfit[] = {0x01, 0x1f, 0x22, 0x5c, 0x7f, 0x80, 0xff};
	for (size_t len = 1; len <= 24; len++) {
		for (size_t at = 0; at < len; at++) {
			for (size_t i = 0; i < sizeof(unfit); i++) {
				char s[25];
				memset(s, '~', len);
				s[at] = (char)unfit[i];
				struct escape_step step = escape_next(s, len, ESCAPE_JSON);
				assert_int_equal(step.clean, at);
				assert_int_equal(step.unfit, 1);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_text_passes),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_c1_and_bidi),
		cmocka_unit_test(test_not_utf8),
		cmocka_unit_test(test_markup),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_every_position),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
