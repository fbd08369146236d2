/* radix.c against qsort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/radix.h"

static int by_key_then_index(const void *a, const void *b)
{
	const struct radix_item *x = a, *y = b;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void check(uint64_t (*key)(uint64_t i), size_t n)
{
	struct radix_item *a = calloc(n + 1, sizeof(*a)), *b = calloc(n + 1, sizeof(*b));
	assert_true(a && b);
	for (size_t i = 0; i < n; i++)
		a[i] = b[i] = (struct radix_item){.key = key(i), .index = (uint32_t)i};
	assert_true(radix_sort(a, n));
	// Stable: equal keys keep their order, which is that of the indexes.
	qsort(b, n, sizeof(*b), by_key_then_index);
	for (size_t i = 0; i < n; i++) {
		assert_true(a[i].key == b[i].key);
		assert_int_equal(a[i].index, b[i].index);
	}
	free(a);
	free(b);
}

static uint64_t mixed(uint64_t i)
{
	return (i + 1) * 0x9e3779b97f4a7c15u;
}

static uint64_t heap_like(uint64_t i)
{
	return 0xc000000000u + mixed(i) % 100000 * 448;
}

static uint64_t few(uint64_t i)
{
	return mixed(i) % 3;
}

static uint64_t falling(uint64_t i)
{
	return UINT64_MAX - i;
}

static void test_against_qsort(void **state)
{
	(void)state;
	uint64_t (*keys[])(uint64_t) = {mixed, heap_like, few, falling};
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		check(keys[k], 0);
		check(keys[k], 1);
		check(keys[k], 2);
		check(keys[k], 1000);
		check(keys[k], 50001); // by two workers
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_qsort)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
