#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena arena;

static int teardown(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static void gives_zeroed_aligned_memory(void **state)
{
	static const size_t sizes[] = {1, 0, 3, 16, 17, 4096, 65536, 65537, 1 << 20, 5};
	uint8_t *blocks[sizeof(sizes) / sizeof(*sizes)];
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		blocks[i] = arena_alloc(&arena, sizes[i]);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(blocks[i][j], 0);
		memset(blocks[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(blocks[i][j], i + 1);
}

static void refuses_absurd_sizes(void **state)
{
	(void)state;
	// Sizes the compiler cannot see through.
	volatile size_t huge = SIZE_MAX, half = SIZE_MAX / 2 + 2;
	assert_null(arena_alloc(&arena, huge));
	assert_null(arena_calloc(&arena, half, 2));
	assert_null(arena_strndup(&arena, "x", huge));
	assert_non_null(arena_alloc(&arena, 1));
}

static void copies_text(void **state)
{
	(void)state;
	assert_string_equal(arena_strdup(&arena, "text"), "text");
	assert_string_equal(arena_strndup(&arena, "text", 2), "te");
	assert_string_equal(arena_strndup(&arena, NULL, 0), "");
	assert_string_equal(arena_printf(&arena, "%s %d", "text", 7), "text 7");
	assert_string_equal(arena_printf(&arena, "%s", ""), "");
}

static void is_usable_again(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++)
			assert_non_null(arena_alloc(&arena, 1000));
		arena_deinit(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(gives_zeroed_aligned_memory, teardown),
		cmocka_unit_test_teardown(refuses_absurd_sizes, teardown),
		cmocka_unit_test_teardown(copies_text, teardown),
		cmocka_unit_test_teardown(is_usable_again, teardown),
	};
	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
