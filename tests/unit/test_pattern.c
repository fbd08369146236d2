#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "render/pattern.h"

static bool found(const char *text, const char *in)
{
	char why[160] = "";
	struct pattern pattern = {0};
	if (!pattern_compile(text, &pattern, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	bool matches = pattern_matches(&pattern, in);
	assert_int_equal(pattern.given_up, 0);
	pattern_free(&pattern);
	return matches;
}

static void test_perl(void **state)
{
	(void)state;
	assert_true(found("func\\d+$", "main.leak.func12"));
	assert_false(found("func\\d+$", "main.leak.funcs"));
	assert_true(found("^main\\.(?!init)", "main.serve"));
	assert_false(found("^main\\.(?!init)", "main.init.0"));
	assert_true(found("\\(\\*Store\\)\\.Get\\b", "shop/store.(*Store).Get"));
}

static void test_case(void **state)
{
	(void)state;
	assert_true(found("mutex", "sync.(*Mutex).Lock"));
	assert_false(found("MUTEX", "sync.(*Mutex).Lock"));
	assert_true(found("Mutex..lock", "sync.(*Mutex).lock"));
	assert_false(found("Mutex..lock", "sync.(*Mutex).Lock"));
	// \S and \W are no capitals of the user's.
	assert_true(found("\\Smutex\\W", "sync.(*Mutex).Lock"));
	assert_true(found("größe", "main.GRÖSSE main.Größe"));
}

static void test_bytes_that_are_no_text(void **state)
{
	(void)state;
	assert_true(found("lock", "ma\xff\xc3in.lock"));
	assert_false(found("^.*$", "\xff"));
}

static void test_not_well_formed(void **state)
{
	(void)state;
	static const char *const bad[] = {"(", "[", "a{2,1}", "*", "\\C"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[160] = "";
		struct pattern pattern = {0};
		assert_false(pattern_compile(bad[i], &pattern, why, sizeof(why)));
		assert_null(pattern.code);
		assert_true(strlen(why) > 0);
	}
}

/* Each further letter doubles the steps. */
static void test_steps_are_limited(void **state)
{
	(void)state;
	char why[160];
	struct pattern pattern = {0};
	assert_true(pattern_compile("^(a+)+$", &pattern, why, sizeof(why)));
	assert_false(
		pattern_matches(&pattern, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
	assert_int_equal(pattern.given_up, 1);
	assert_true(pattern_matches(&pattern, "aaaa"));
	assert_int_equal(pattern.given_up, 1);
	pattern_free(&pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_perl),
		cmocka_unit_test(test_case),
		cmocka_unit_test(test_bytes_that_are_no_text),
		cmocka_unit_test(test_not_well_formed),
		cmocka_unit_test(test_steps_are_limited),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
