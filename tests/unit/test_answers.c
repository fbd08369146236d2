#include "tui/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tui/keys.h"

/* Feed all characters, '|' as a moment in which nothing comes; the keys that were typed. */
static const char *feed(struct answers *answers, const char *codes)
{
	static char typed[256];
	size_t n = 0;
	for (;; codes++) {
		int keys[ANSWERS_KEYS];
		int code = *codes == '|' || !*codes ? KEY_NOTHING : (unsigned char)*codes;
		size_t count = answers_feed(answers, code, keys);
		assert_in_range(count, 0, ANSWERS_KEYS);
		for (size_t i = 0; i < count; i++)
			typed[n++] = (char)keys[i];
		if (!*codes)
			break;
	}
	typed[n] = '\0';
	return typed;
}

static void test_answer(void **state)
{
	struct answers answers = {.asked = true};
	(void)state;
	assert_string_equal(feed(&answers, "\033]11;rgb:ffff/ffff/ffff\033\\\033[?62;22c"), "");
	assert_int_equal(answers.theme, TERM_THEME_LIGHT);
	assert_true(answers.answered);
}

/* In pieces, ended by BEL, with keys around it; and once more, when nobody waits any longer. */
static void test_among_keys(void **state)
{
	struct answers answers = {.asked = true};
	(void)state;
	assert_string_equal(feed(&answers, "ab\033]1|1;rgb|:00/0|0/00|\007|c\033[?|6c|d"), "abcd");
	assert_int_equal(answers.theme, TERM_THEME_DARK);
	assert_true(answers.answered);
	assert_string_equal(feed(&answers, "x\033]11;rgb:ff/ff/ff\007y"), "xy");
	assert_int_equal(answers.theme, TERM_THEME_LIGHT);
}

static void test_only_attributes(void **state)
{
	struct answers answers = {.asked = true};
	(void)state;
	assert_string_equal(feed(&answers, "\033[?1;2c"), "");
	assert_true(answers.answered);
	assert_int_equal(answers.theme, TERM_THEME_AUTO);
}

/* Keys stay, Esc too, and what only looks like an answer at first. */
static void test_keys(void **state)
{
	struct answers answers = {.asked = true};
	(void)state;
	assert_string_equal(feed(&answers, "\033|a\033\033|q"), "\033a\033\033q");
	assert_string_equal(feed(&answers, "\033x"), "\033x");
	assert_string_equal(feed(&answers, "\033["), "\033[");
	assert_string_equal(feed(&answers, "\033[x"), "\033[x");
	assert_string_equal(feed(&answers, "\033[\033]11;rgb:0/0/0\007k"), "\033[k");
	assert_false(answers.answered);
}

/* An answer that does not end takes no keys away for good. */
static void test_unfinished(void **state)
{
	struct answers answers = {.asked = true};
	char many[200];
	(void)state;
	assert_string_equal(feed(&answers, "\033]11;rgb:|q"), "q");
	assert_string_equal(feed(&answers, "\033[?6|q"), "q");
	memset(many, '1', sizeof(many) - 1);
	many[0] = '\033';
	many[1] = ']';
	many[sizeof(many) - 1] = '\0';
	assert_int_equal(strlen(feed(&answers, many)), sizeof(many) - 3 - (ANSWERS_TEXT - 1));
	assert_int_equal(answers.theme, TERM_THEME_AUTO);
}

static void test_nothing_asked(void **state)
{
	struct answers answers = {0};
	(void)state;
	assert_string_equal(feed(&answers, "\033]11;rgb:0/0/0\007"), "\033]11;rgb:0/0/0\007");
}

static void test_colors(void **state)
{
	(void)state;
	assert_int_equal(answers_theme("11;rgb:0/0/0"), TERM_THEME_DARK);
	assert_int_equal(answers_theme("11;rgb:f/ff/fff"), TERM_THEME_LIGHT);
	assert_int_equal(answers_theme("11;rgba:ffff/ffff/ffff/8000"), TERM_THEME_LIGHT);
	assert_int_equal(answers_theme("11;rgb:8080/8080/8080"), TERM_THEME_ANY);
	static const char *const wrong[] = {"",
					    "11;",
					    "11;rgb:",
					    "11;rgb:0/0",
					    "10;rgb:0/0/0",
					    "11;rgb:00000/0/0",
					    "11;rgb:g/0/0"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(answers_theme(wrong[i]), TERM_THEME_AUTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),          cmocka_unit_test(test_among_keys),
		cmocka_unit_test(test_only_attributes), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_unfinished),      cmocka_unit_test(test_nothing_asked),
		cmocka_unit_test(test_colors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
