#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/vec.h"

typedef VEC(uint32_t) u32_vec;

static void elements_stay(void **state)
{
	(void)state;
	u32_vec numbers = {0};
	for (uint32_t i = 0; i < 10000; i++)
		assert_true(vec_push(&numbers, i * i));
	assert_int_equal(numbers.len, 10000);
	assert_true(numbers.cap >= numbers.len);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(numbers.at[i], i * i);
	vec_free(&numbers);
	assert_null(numbers.at);
	assert_int_equal(numbers.cap, 0);
}

static void room_is_made_once(void **state)
{
	(void)state;
	u32_vec numbers = {0};
	size_t calls = 0;
	assert_true(vec_reserve(&numbers, (calls++, 0)));
	assert_null(numbers.at);
	assert_true(vec_reserve(&numbers, (calls++, 100)));
	assert_int_equal(calls, 2);
	const uint32_t *at = numbers.at;
	assert_true(vec_reserve(&numbers, 100));
	assert_ptr_equal(numbers.at, at);
	assert_int_equal(numbers.len, 0);
	vec_free(&numbers);
}

/** A growth that does not fit changes nothing. */
static void too_much_is_refused(void **state)
{
	(void)state;
	u32_vec numbers = {0};
	assert_true(vec_push(&numbers, 7));
	const u32_vec before = numbers;
	assert_false(vec_reserve(&numbers, SIZE_MAX));
	assert_false(vec_reserve(&numbers, SIZE_MAX / sizeof(uint32_t)));
	assert_ptr_equal(numbers.at, before.at);
	assert_int_equal(numbers.cap, before.cap);
	assert_int_equal(numbers.at[0], 7);
	vec_free(&numbers);
}

/** A pointer to another type than void; the sanitizers see a leak, or what is freed twice. */
static void guarded_pointers_are_freed(void **state)
{
	(void)state;
	uint64_t *kept;
	{
		CLEANUP_FREE uint64_t *freed = malloc(sizeof(*freed));
		CLEANUP_FREE uint64_t *taken = malloc(sizeof(*taken));
		assert_non_null(freed);
		kept = take(taken);
		assert_null(taken);
	}
	assert_non_null(kept);
	*kept = 1;
	free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_stay),
		cmocka_unit_test(room_is_made_once),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(guarded_pointers_are_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
