#include "profile/buckets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "target/mem_bytes.h"

enum { HEAD = 0x1000, MEMORY = 0x20000, BYTES = 0x300000, WORDS = 2, TYPE = 2 };
#define LIMIT (UINT64_C(64) << 20)

static uint64_t head;
static uint8_t memory[BYTES];
static const struct bucket_list list = {.head_addr = HEAD, .type = TYPE, .words = WORDS};

static void put_word(uint64_t addr, uint64_t word)
{
	if (addr - MEMORY <= BYTES - sizeof(word))
		memcpy(memory + (addr - MEMORY), &word, sizeof(word));
}

/* A bucket at `addr` whose record is {addr, nstk}. */
static void put(uint64_t addr, uint64_t allnext, uint64_t nstk)
{
	const uint64_t header[] = {7, allnext, TYPE, 7, addr % 1000, nstk};
	for (size_t i = 0; i < 6; i++)
		put_word(addr + 8 * i, header[i]);
	if (nstk > BUCKET_STACK_MAX)
		return;
	for (uint64_t i = 0; i < nstk; i++)
		put_word(addr + 48 + 8 * i, 0x400000 + i);
	put_word(addr + 48 + 8 * nstk, addr);
	put_word(addr + 56 + 8 * nstk, nstk);
}

static struct mem *make_mem(void)
{
	const struct mem_bytes_range ranges[] = {
		{HEAD, {(const uint8_t *)&head, sizeof(head)}},
		{MEMORY, {memory, sizeof(memory)}},
	};
	struct mem *mem;
	assert_int_equal(mem_bytes_create(ranges, 2, &mem, NULL), GOSPY_OK);
	return mem;
}

static enum gospy_code read_list(uint64_t limit, struct buckets *ret)
{
	struct gospy_error err;
	struct mem *mem = make_mem();
	enum gospy_code code = buckets_read(mem, &list, limit, ret, &err);
	mem_destroy(mem);
	if (code)
		assert_true(*err.msg);
	return code;
}

static void assert_code(enum gospy_code code, uint64_t limit)
{
	struct buckets buckets = {0};
	assert_int_equal(read_list(limit, &buckets), code);
	buckets_deinit(&buckets);
}

static void test_none(void **state)
{
	(void)state;
	struct buckets buckets = {0};
	head = 0;
	assert_int_equal(read_list(LIMIT, &buckets), GOSPY_OK);
	assert_int_equal(buckets.all.len, 0);
	buckets_deinit(&buckets);
}

/* In the order of the list; one of them lies across two blocks that are read. */
static void test_order(void **state)
{
	(void)state;
	struct buckets buckets = {0};
	const uint64_t across = 0x30000 - 64;
	head = MEMORY + 0x8000;
	put(head, across, 3);
	put(across, MEMORY, BUCKET_STACK_MAX);
	put(MEMORY, 0, 0);
	assert_int_equal(read_list(LIMIT, &buckets), GOSPY_OK);
	assert_int_equal(buckets.all.len, 3);
	const uint64_t addrs[] = {head, across, MEMORY}, counts[] = {3, BUCKET_STACK_MAX, 0};
	for (size_t i = 0; i < 3; i++) {
		const struct bucket *bucket = &buckets.all.at[i];
		assert_int_equal(bucket->addr, addrs[i]);
		assert_int_equal(bucket->size, addrs[i] % 1000);
		assert_int_equal(bucket->pc_count, counts[i]);
		assert_int_equal(buckets.all.at[i].words[0], addrs[i]);
		assert_int_equal(buckets.all.at[i].words[1], counts[i]);
		for (size_t k = 0; k < bucket->pc_count; k++)
			assert_int_equal(bucket->pcs[k], 0x400000 + k);
	}
	buckets_deinit(&buckets);
}

static void test_circle(void **state)
{
	(void)state;
	head = MEMORY;
	put(MEMORY, MEMORY + 0x100, 1);
	put(MEMORY + 0x100, MEMORY, 1);
	assert_code(GOSPY_E_BAD_DATA, LIMIT);
	put(MEMORY, MEMORY, 0);
	assert_code(GOSPY_E_BAD_DATA, LIMIT);
}

static void test_no_bucket(void **state)
{
	(void)state;
	head = MEMORY;
	put(MEMORY, 0, UINT64_C(1) << 40);
	assert_code(GOSPY_E_BAD_DATA, LIMIT);
	put(MEMORY, 0, BUCKET_STACK_MAX + 1);
	assert_code(GOSPY_E_BAD_DATA, LIMIT);
	put(MEMORY, 0, 1);
	memory[16] = TYPE + 1;
	assert_code(GOSPY_E_BAD_DATA, LIMIT);
	head = MEMORY + 1;
	assert_code(GOSPY_E_BAD_DATA, LIMIT);
	head = UINT64_MAX - 7;
	assert_code(GOSPY_E_BAD_DATA, LIMIT);
}

static void test_hole(void **state)
{
	(void)state;
	head = UINT64_C(0x7000000000);
	assert_code(GOSPY_E_FAULT, LIMIT);
	head = MEMORY;
	put(MEMORY, UINT64_C(0x7000000000), 0);
	assert_code(GOSPY_E_FAULT, LIMIT);
	head = MEMORY + BYTES - 64; // its record is behind the end
	put(head, 0, 1);
	assert_code(GOSPY_E_FAULT, LIMIT);
}

static void test_limit(void **state)
{
	(void)state;
	head = MEMORY;
	put(MEMORY, MEMORY + 0x10000, 0);
	put(MEMORY + 0x10000, 0, 0);
	assert_code(GOSPY_OK, 2 * 65536);
	assert_code(GOSPY_E_LIMIT, 65536);
}

/* Processors take memory in turn, each from its own chunk: more of these than are kept. */
static void test_to_and_fro(void **state)
{
	enum { CHUNKS = 45, ROUNDS = 20, CHUNK = 0x10000, SIZE = 0x100, N = CHUNKS * ROUNDS };
	(void)state;
	struct buckets buckets = {0};
	uint64_t next = 0, addrs[N];
	for (size_t i = 0; i < N; i++) {
		addrs[i] = MEMORY + i % CHUNKS * CHUNK + i / CHUNKS * SIZE;
		put(addrs[i], next, i % 7);
		next = addrs[i];
	}
	head = next;
	assert_int_equal(read_list(LIMIT, &buckets), GOSPY_OK);
	assert_int_equal(buckets.all.len, N);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(buckets.all.at[i].addr, addrs[N - 1 - i]);
		assert_int_equal(buckets.all.at[i].words[0], addrs[N - 1 - i]);
		assert_int_equal(buckets.all.at[i].words[1], (N - 1 - i) % 7);
	}
	// A circle is found although all of it is not kept.
	put(addrs[0], addrs[N - 1], 0);
	assert_code(GOSPY_E_BAD_DATA, LIMIT);
	buckets_deinit(&buckets);
}

static void count_changes(void *ctx, const struct bucket *bucket, const uint64_t *before)
{
	unsigned *changes = ctx;
	*changes += memcmp(before, bucket->words, WORDS * sizeof(*before)) != 0;
}

static void test_again(void **state)
{
	(void)state;
	struct buckets buckets = {0};
	unsigned changes = 0;
	head = MEMORY;
	put(MEMORY, MEMORY + 0x100, 2);
	put(MEMORY + 0x100, 0, 2);
	assert_int_equal(read_list(LIMIT, &buckets), GOSPY_OK);
	struct mem *mem = make_mem();
	assert_int_equal(buckets_read_again(mem, &list, &buckets, count_changes, &changes, NULL),
			 GOSPY_OK);
	assert_int_equal(changes, 0);
	memory[0x100 + 48 + 16] ^= 1; // the first word of the second record
	assert_int_equal(buckets_read_again(mem, &list, &buckets, count_changes, &changes, NULL),
			 GOSPY_OK);
	assert_int_equal(changes, 1);
	assert_int_equal(buckets.all.at[1].words[0], (MEMORY + 0x100) ^ 1);
	mem_destroy(mem);
	buckets_deinit(&buckets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),       cmocka_unit_test(test_order),
		cmocka_unit_test(test_circle),     cmocka_unit_test(test_no_bucket),
		cmocka_unit_test(test_hole),       cmocka_unit_test(test_limit),
		cmocka_unit_test(test_to_and_fro), cmocka_unit_test(test_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
