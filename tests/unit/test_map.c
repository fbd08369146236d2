#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_empty(void **state)
{
	(void)state;
	struct map map = {0};
	assert_null(map_get(&map, 0));
	assert_null(map_get(&map, 1));
	map_deinit(&map);
	assert_null(map_get(&map, 0));
}

static void test_put_finds_what_is_there(void **state)
{
	(void)state;
	struct map map = {0};
	uint64_t *value = map_put(&map, 7);
	assert_non_null(value);
	assert_int_equal(*value, 0);
	*value = 42;
	assert_int_equal(*map_put(&map, 7), 42);
	assert_int_equal(*map_get(&map, 7), 42);
	assert_int_equal(map.len, 1);
	assert_null(map_get(&map, 8));
	map_deinit(&map);
}

static void test_extreme_keys(void **state)
{
	(void)state;
	struct map map = {0};
	*map_put(&map, 0) = 1;
	*map_put(&map, UINT64_MAX) = 2;
	assert_int_equal(*map_get(&map, 0), 1);
	assert_int_equal(*map_get(&map, UINT64_MAX), 2);
	assert_int_equal(map.len, 2);
	map_deinit(&map);
}

static void test_growth(void **state)
{
	(void)state;
	enum { N = 100000 };
	// Neighbouring pcs, page-aligned pointers, keys that agree in their lower half.
	static const uint64_t strides[] = {1, 4096, UINT64_C(1) << 32};
	for (size_t s = 0; s < sizeof(strides) / sizeof(strides[0]); s++) {
		struct map map = {0};
		for (uint64_t i = 0; i < N; i++) {
			uint64_t *value = map_put(&map, i * strides[s]);
			assert_true(value && *value == 0);
			*value = i + 1;
		}
		assert_int_equal(map.len, N);
		assert_true(map.cap >= N && (map.cap & (map.cap - 1)) == 0);
		for (uint64_t i = 0; i < N; i++) {
			const uint64_t *value = map_get(&map, i * strides[s]);
			assert_true(value && *value == i + 1);
			assert_null(map_get(&map, i * strides[s] + strides[s] * N));
		}
		map_deinit(&map);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_put_finds_what_is_there),
		cmocka_unit_test(test_extreme_keys),
		cmocka_unit_test(test_growth),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
