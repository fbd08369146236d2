#include "base/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct pairs over(const char *text, struct arena *arena)
{
	return (struct pairs){.text = {(const uint8_t *)text, strlen(text)}, .arena = arena};
}

/* Any bytes but a zero come back. */
static void test_round_trip(void **state)
{
	(void)state;
	struct strbuf text = {0};
	struct arena arena = {0};
	char all[256];
	for (size_t i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	pairs_add(&text, "all", all);
	pairs_addf(&text, "number", "%d 0x%x", 17, 255u);
	pairs_add(&text, "empty", "");
	struct pairs pairs = over(text.s, &arena);
	struct pair pair;
	assert_true(pairs_next(&pairs, &pair));
	assert_string_equal(pair.key, "all");
	assert_string_equal(pair.value, all);
	assert_true(pairs_next(&pairs, &pair));
	const char *at = pair.value;
	uint64_t n;
	assert_true(pair_u64(&at, &n) && n == 17);
	assert_true(pair_u64(&at, &n) && n == 255);
	assert_false(pair_u64(&at, &n));
	assert_true(pairs_next(&pairs, &pair));
	assert_string_equal(pair.value, "");
	assert_false(pairs_next(&pairs, &pair));
	assert_false(pairs.failed);
	strbuf_deinit(&text);
	arena_deinit(&arena);
}

/* What is no line of the kind is passed over, and what is no %XX stays as it is. */
static void test_odd_lines(void **state)
{
	(void)state;
	struct arena arena = {0};
	struct pairs pairs = over("\n\nalone\n value\nkey %4 %zz %00 %2g%\nlast 1", &arena);
	struct pair pair;
	assert_true(pairs_next(&pairs, &pair));
	assert_string_equal(pair.key, "key");
	assert_string_equal(pair.value, "%4 %zz %00 %2g%");
	assert_true(pairs_next(&pairs, &pair));
	assert_string_equal(pair.key, "last");
	assert_string_equal(pair.value, "1");
	assert_false(pairs_next(&pairs, &pair));
	arena_deinit(&arena);
}

static void test_words(void **state)
{
	(void)state;
	struct arena arena = {0};
	const char *at = "  runtime.g   440";
	uint64_t n;
	assert_string_equal(pair_word(&at, &arena), "runtime.g");
	assert_true(pair_u64(&at, &n) && n == 440);
	assert_null(pair_word(&at, &arena));
	at = "-5";
	assert_false(pair_u64(&at, &n));
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
