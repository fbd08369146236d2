/* bulk.c: every item is visited exactly once with its own bytes, whatever lies around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/bulk.h"
#include "target/mem_bytes.h"

enum { LEN = 40, BASE = 0x10000, RANGE = 1 << 20 };

struct item {
	uint64_t addr;
	unsigned visits, unreadable, wrong;
};

struct fixture {
	struct item *items;
	const uint8_t *bytes;
	bool twice;
};

static void visit(void *ctx, unsigned worker, size_t i, const uint8_t *bytes, const uint8_t *again)
{
	const struct fixture *f = ctx;
	struct item *item = &f->items[i];
	(void)worker;
	item->visits++;
	if (!bytes) {
		item->unreadable++;
		return;
	}
	const uint8_t *expected = f->bytes + (item->addr - BASE);
	item->wrong += memcmp(bytes, expected, LEN) != 0;
	item->wrong += f->twice ? !again || memcmp(again, expected, LEN) != 0 : again != NULL;
}

static uint8_t *pattern(void)
{
	uint8_t *bytes = malloc(RANGE);
	assert_non_null(bytes);
	for (size_t i = 0; i < RANGE; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	return bytes;
}

/* `n` items at `stride` bytes; the memory has a hole at [hole, hole + hole_len). */
static void run(size_t n, size_t stride, uint64_t hole, uint64_t hole_len, bool twice)
{
	uint8_t *bytes = pattern();
	struct item *items = calloc(n, sizeof(*items));
	assert_non_null(items);
	for (size_t i = 0; i < n; i++)
		items[i].addr = BASE + i * stride;
	struct mem_bytes_range ranges[] = {
		{BASE, {bytes, (size_t)hole}},
		{BASE + hole + hole_len,
		 {bytes + hole + hole_len, (size_t)(RANGE - hole - hole_len)}},
	};
	struct mem *mem;
	assert_int_equal(mem_bytes_create(ranges, 2, &mem, NULL), GOSPY_OK);
	struct fixture f = {items, bytes, twice};
	struct bulk bulk = {
		.mem = mem,
		.items = items,
		.stride = sizeof(*items),
		.count = n,
		.len = LEN,
		.twice = twice,
		.visit = visit,
		.ctx = &f,
	};
	size_t done;
	assert_int_equal(bulk_run(&bulk, &done, NULL), GOSPY_OK);
	assert_int_equal(done, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t off = items[i].addr - BASE;
		bool in_hole = off + LEN > hole && off < hole + hole_len;
		assert_int_equal(items[i].visits, 1);
		assert_int_equal(items[i].unreadable, in_hole || off + LEN > RANGE);
		assert_int_equal(items[i].wrong, 0);
	}
	mem_destroy(mem);
	free(items);
	free(bytes);
}

static void test_dense(void **state)
{
	(void)state;
	run(20000, 48, RANGE, 0, false);
	run(20000, 48, RANGE, 0, true);
}

static void test_sparse(void **state)
{
	(void)state;
	run(100, 10000, RANGE, 0, false);
	run(3, 400000, RANGE, 0, true);
}

static void test_hole(void **state)
{
	(void)state;
	run(20000, 48, 300000, 5000, false);
	run(20000, 48, 300000, 5000, true);
}

static void test_beyond_the_end(void **state)
{
	(void)state;
	run(30000, 48, RANGE, 0, false);
}

static void test_same_address(void **state)
{
	(void)state;
	run(5000, 0, RANGE, 0, false);
	run(5000, 1, RANGE, 0, true);
}

struct sized_item {
	uint64_t addr;
	uint32_t len;
	unsigned right;
};

struct sized_fixture {
	struct sized_item *items;
	const uint8_t *bytes;
};

static void visit_sized(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			const uint8_t *again)
{
	const struct sized_fixture *f = ctx;
	struct sized_item *item = &f->items[i];
	(void)worker;
	(void)again;
	item->right += bytes && memcmp(bytes, f->bytes + (item->addr - BASE), item->len) == 0;
}

/* Objects of all lengths, from nothing to all that a buffer holds. */
static void test_lengths(void **state)
{
	(void)state;
	enum { COUNT = 400 };
	uint8_t *bytes = pattern();
	struct sized_item items[COUNT] = {0};
	for (uint32_t i = 0; i < COUNT; i++) {
		items[i].addr = BASE + i * 2000;
		items[i].len = i % 50 == 7 ? BULK_BUFFER : i * 37 % 9000;
	}
	struct mem_bytes_range range = {BASE, {bytes, RANGE}};
	struct mem *mem;
	assert_int_equal(mem_bytes_create(&range, 1, &mem, NULL), GOSPY_OK);
	struct sized_fixture f = {items, bytes};
	struct bulk bulk = {
		.mem = mem,
		.items = items,
		.stride = sizeof(items[0]),
		.count = COUNT,
		.len = BULK_BUFFER,
		.lengths = true,
		.visit = visit_sized,
		.ctx = &f,
	};
	assert_int_equal(bulk_run(&bulk, NULL, NULL), GOSPY_OK);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(items[i].right, 1);
	mem_destroy(mem);
	free(bytes);
}

static void test_nothing(void **state)
{
	(void)state;
	run(0, 0, RANGE, 0, false);
}

static void count_visit(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			const uint8_t *again)
{
	(void)worker;
	(void)i;
	(void)bytes;
	(void)again;
	(*(size_t *)ctx)++;
}

static void test_deadline_passed(void **state)
{
	(void)state;
	uint64_t addrs[] = {BASE, BASE + 100};
	struct mem *mem;
	assert_int_equal(mem_bytes_create(NULL, 0, &mem, NULL), GOSPY_OK);
	size_t visits = 0, done = 99;
	struct bulk bulk = {
		.mem = mem,
		.items = addrs,
		.stride = sizeof(addrs[0]),
		.count = 2,
		.len = LEN,
		.deadline_ns = 1,
		.visit = count_visit,
		.ctx = &visits,
	};
	assert_int_equal(bulk_run(&bulk, &done, NULL), GOSPY_OK);
	assert_int_equal(done, 0);
	assert_int_equal(visits, 0);
	mem_destroy(mem);
}

static void test_addresses_at_the_top(void **state)
{
	(void)state;
	uint64_t addrs[] = {UINT64_MAX - 100, UINT64_MAX - 8, UINT64_MAX};
	struct mem *mem;
	assert_int_equal(mem_bytes_create(NULL, 0, &mem, NULL), GOSPY_OK);
	size_t visits = 0;
	struct bulk bulk = {
		.mem = mem,
		.items = addrs,
		.stride = sizeof(addrs[0]),
		.count = 3,
		.len = LEN,
		.visit = count_visit,
		.ctx = &visits,
	};
	assert_int_equal(bulk_run(&bulk, NULL, NULL), GOSPY_OK);
	assert_int_equal(visits, 3);
	mem_destroy(mem);
}

/* A memory where everything can be read, as it claims. */
static enum gospy_code read_anything(struct mem *mem, struct mem_req *reqs, size_t n,
				     struct gospy_error *err)
{
	(void)mem;
	(void)err;
	for (size_t i = 0; i < n; i++) {
		memset(reqs[i].dst, 0x5a, reqs[i].len);
		reqs[i].done = reqs[i].len;
	}
	return GOSPY_OK;
}

static void visit_all_bytes(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			    const uint8_t *again)
{
	size_t *visits = ctx;
	(void)worker;
	(void)i;
	(void)again;
	assert_non_null(bytes);
	for (size_t k = 0; k < LEN; k++)
		assert_int_equal(bytes[k], 0x5a);
	++*visits;
}

/* An object that would end beyond the last address is not part of the run before it. */
static void test_wrapping_around(void **state)
{
	(void)state;
	uint64_t addrs[] = {UINT64_MAX - 60, UINT64_MAX - 30};
	static const struct mem_ops ops = {.readv = read_anything};
	struct mem mem = {&ops};
	size_t visits = 0;
	struct bulk bulk = {
		.mem = &mem,
		.items = addrs,
		.stride = sizeof(addrs[0]),
		.count = 2,
		.len = LEN,
		.visit = visit_all_bytes,
		.ctx = &visits,
	};
	assert_int_equal(bulk_run(&bulk, NULL, NULL), GOSPY_OK);
	assert_int_equal(visits, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dense),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_beyond_the_end),
		cmocka_unit_test(test_same_address),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_deadline_passed),
		cmocka_unit_test(test_addresses_at_the_top),
		cmocka_unit_test(test_wrapping_around),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
