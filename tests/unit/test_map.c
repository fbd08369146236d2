#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"

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

/* Entries in a row that a look-up may have to pass, at most. */
static size_t longest_row(const struct map *map)
{
	size_t longest = 0, row = 0;
	for (size_t i = 0; i < 2 * map->cap; i++) { // a row may go on at the beginning
		row = map->entries[i % map->cap].used ? row + 1 : 0;
		longest = row > longest ? row : longest;
		if (longest >= map->cap)
			break;
	}
	return longest;
}

/* Keys that all met in one slot as long as the hash was key * 0x9e3779b97f4a7c15 >> 32. */
static uint64_t chosen_key(uint64_t i)
{
	const uint64_t inverse = UINT64_C(0xf1de83e19937733d);
	assert_true(inverse * UINT64_C(0x9e3779b97f4a7c15) == 1);
	return inverse * (i << 52 | i >> 12);
}

/* A row of some hundred is unlikely to come by chance in 20,000 entries, and it does not depend on
 * the keys. */
static void test_chosen_keys(void **state)
{
	(void)state;
	enum { N = 20000, ROW_MAX = 600 };
	for (unsigned kind = 0; kind < 3; kind++) {
		struct map map = {0};
		for (uint64_t i = 0; i < N; i++) {
			uint64_t key = kind == 0   ? chosen_key(i)
				       : kind == 1 ? i << 44
						   : (UINT64_C(0x5555555555) + i) << 3;
			assert_non_null(map_put(&map, key));
		}
		assert_int_equal(map.len, N);
		assert_true(longest_row(&map) < ROW_MAX);
		map_deinit(&map);
	}
}

static void test_hash_of_bytes(void **state)
{
	(void)state;
	static const char bytes[16] = "abcdefgh";
	// The same again, and another for another length, order or beginning.
	assert_true(hash_bytes(1, bytes, 8) == hash_bytes(1, bytes, 8));
	assert_true(hash_bytes(1, bytes, 8) != hash_bytes(1, bytes, 9));
	assert_true(hash_bytes(1, bytes, 0) != hash_bytes(1, bytes + 15, 1));
	assert_true(hash_bytes(1, bytes, 8) != hash_bytes(2, bytes, 8));
	assert_true(hash_mix(hash_mix(0, 1), 2) != hash_mix(hash_mix(0, 2), 1));
	assert_true(hash_secret() == hash_secret() && hash_secret() % 2 == 1);
}

/* Two small numbers, such as a kind and a descriptor: no two pairs are the same. */
static void test_hash_of_small_numbers(void **state)
{
	(void)state;
	enum { N = 64 };
	struct map seen = {0};
	for (uint64_t a = 0; a < N; a++) {
		for (uint64_t b = 0; b < N; b++) {
			uint64_t hash = hash_mix(a, b);
			assert_null(map_get(&seen, hash));
			assert_non_null(map_put(&seen, hash));
		}
	}
	map_deinit(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_put_finds_what_is_there),
		cmocka_unit_test(test_extreme_keys),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_chosen_keys),
		cmocka_unit_test(test_hash_of_bytes),
		cmocka_unit_test(test_hash_of_small_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
