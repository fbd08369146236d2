/* Lines broken between words. */
#include "render/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>

#include "base/cleanup.h"

static void expect(const char *text, int cols, const char *expected)
{
	CLEANUP(strbuf_deinit) struct strbuf wrapped = {0};
	wrap_lines(&wrapped, text, strlen(text), cols, true);
	assert_false(wrapped.failed);
	assert_string_equal(wrapped.s ? wrapped.s : "", expected);
}

static void test_what_fits(void **state)
{
	(void)state;
	expect("", 10, "");
	expect("one two", 7, "one two");
	expect("one two\n\n  three\n", 7, "one two\n\n  three\n");
}

static void test_words(void **state)
{
	(void)state;
	expect("gospy: note: one two three\n", 20, "gospy: note: one two\n    three\n");
	expect("gospy: note: one two three", 19, "gospy: note: one\n    two three");
	expect("one two\nthree four five\n", 10, "one two\nthree four\n    five\n");
}

static void test_below_the_first_gap(void **state)
{
	(void)state;
	expect("Heap        18.0 MB live, next GC never\n", 26,
	       "Heap        18.0 MB live,\n            next GC never\n");
	// Half of the line has to be left.
	expect("Heap        18.0 MB live, next GC never\n", 22,
	       "Heap        18.0 MB\n    live, next GC\n    never\n");
	expect("  --goid N  only these\n", 20, "  --goid N  only\n      these\n");
}

static void test_long_words(void **state)
{
	(void)state;
	expect("program  /srv/shop/releases/shop or not\n", 20,
	       "program  /srv/shop/\n       releases/shop\n         or not\n");
	expect("/srv/shop/releases/shop/of/monday\n", 10,
	       "/srv/shop/\n releases/\n    shop/\n of/monday\n");
	// The terminal breaks what has no such place.
	expect("/srv/aaaaaaaaaaaaaaaaaaaa/x\n", 10, "/srv/\n    aaaaaaaaaaaaaaaaaaaa/x\n");
	expect("github.com/shop/store.(*Store).Get(0xc000012340,0x1, 0x2)\n", 24,
	       "github.com/shop/\n    store.(*Store).Get\n    (0xc000012340,0x1,\n    0x2)\n");
	expect("--config=abc --listen-address=127.0.0.1\n", 18,
	       "--config=abc\n --listen-address=\n    127.0.0.1\n");
	// A line of its own is enough, if it begins further to the left.
	expect("program  /srv/shop/releases or not\n", 20,
	       "program\n  /srv/shop/releases\n         or not\n");
	expect("program  shop /srv/shop/release\n", 20, "program  shop\n   /srv/shop/release\n");
	expect("id  0123456789abcdefghij\n", 20, "id\n0123456789abcdefghij\n");
}

static void test_colours_and_wide_characters(void **state)
{
	(void)state;
	expect("\033[1mone\033[0m two", 7, "\033[1mone\033[0m two");
	expect("\033[1mone\033[0m two", 6, "\033[1mone\033[0m\ntwo");
	// A pager shows each line alone: a style begins in each anew.
	expect("\033[1mone two\033[0m x", 5, "\033[1mone\033[0m\n\033[1mtwo\033[0m x");
	expect("日本 語語 x", 7, "日本\n語語 x");
}

/* No word is lost or broken, and no line is too wide. */
static void test_every_width(void **state)
{
	(void)state;
	static const char text[] = "Waits       how long all 1000 wait is unknown: no GC yet";
	for (int cols = 12; cols < 80; cols++) {
		CLEANUP(strbuf_deinit) struct strbuf wrapped = {0};
		wrap_lines(&wrapped, text, strlen(text), cols, true);
		const char *word = text, *line = wrapped.s;
		for (const char *s = wrapped.s; *s;) {
			size_t blanks = strspn(s, " \n"), n = strcspn(s + blanks, " \n");
			if (memchr(s, '\n', blanks))
				line = (const char *)memchr(s, '\n', blanks) + 1;
			s += blanks;
			word += strspn(word, " ");
			assert_int_equal(n, strcspn(word, " "));
			assert_memory_equal(s, word, n);
			s += n;
			word += n;
			assert_true(s - line <= cols);
		}
		assert_int_equal(*word, 0);
	}
}

int main(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_fits),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_below_the_first_gap),
		cmocka_unit_test(test_long_words),
		cmocka_unit_test(test_colours_and_wide_characters),
		cmocka_unit_test(test_every_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
