/* span_set.c over hand-made sets: src/runtime/mspanset.go. */
#include "capture/span_set.h"
#include "target/mem_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	CLASSES = 136, /* span classes */
	STRIDE = 192,  /* of mheap_.central: an mcentral, and padding */
	MCENTRAL_SIZE = 168,
	MHEAP_AT = 0x10000,
	POOL_AT = 0x40000,
	BLOCK_AT = 0x50000,
	BLOCK_SIZE = 512, /* of its begin */
	BLOCK = 4096 + 512,
	BLOCK_24 = 4096 + 24,
	SPINE = 256 * 8,
	SPANS = 1024,
};

struct world {
	uint64_t mheap[CLASSES * STRIDE / 8], pool, blocks[4 * BLOCK_SIZE / 8];
	uint64_t mspans[SPANS][2]; /* nelems, allocCount */
	struct cached_span spans[SPANS];
	struct image image;
	struct memcopy copy;
};

static struct world *new_world(int minor)
{
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	struct layout *L = &w->image.layout;
	w->image.version.minor = minor;
	w->image.globals.mheap_.addr = MHEAP_AT;
	w->image.globals.spanSetBlockPool.addr = POOL_AT;
	L->mcache.alloc = (struct field){0, CLASSES * 8};
	L->mheap.sweepgen = (struct field){0, 4};
	L->mheap.central = (struct field){0, CLASSES * STRIDE};
	L->mcentral.size = MCENTRAL_SIZE;
	L->mspan.size = sizeof(w->mspans[0]);
	L->mspan.nelems = (struct field){0, 8};
	L->mspan.allocCount = (struct field){8, 8};
	w->copy.spans.at = w->spans;
	w->copy.mspans.at = (uint8_t *)w->mspans;
	w->copy.mheap.sweepgen = 6; // the swept ones are the second of each pair
	return w;
}

static void cache(struct world *w, uint64_t spanclass, bool full)
{
	size_t i = w->copy.spans.len++;
	w->spans[i].spanclass = spanclass;
	w->mspans[i][0] = 10;
	w->mspans[i][1] = full ? 10 : 3;
}

/* {spineLock, spine, spineLen, spineCap, index} of a set: `k` 0 to 3 are partial[2] and full[2]. */
static void set(struct world *w, uint64_t spanclass, size_t k, uint64_t len, uint64_t cap,
		uint32_t tail)
{
	uint64_t *words = &w->mheap[(spanclass * STRIDE + 8 + k * 40) / 8];
	words[2] = len;
	words[3] = cap;
	words[4] = (uint64_t)tail / 2 << 32 | tail;
}

/* `n` blocks in the pool, each with a count of pushes in its tag. */
static void fill_pool(struct world *w, size_t n)
{
	bool aligned = w->image.version.minor >= 25;
	uint64_t *link = &w->pool;
	for (size_t i = 0; i < n; i++) {
		*link = ((uint64_t)BLOCK_AT + i * BLOCK_SIZE) << (aligned ? 15 : 16) | (i + 3);
		link = &w->blocks[i * BLOCK_SIZE / 8];
	}
	*link = 0;
}

static uint64_t growth(struct world *w)
{
	const struct mem_bytes_range ranges[] = {
		{MHEAP_AT, {(const uint8_t *)w->mheap, sizeof(w->mheap)}},
		{POOL_AT, {(const uint8_t *)&w->pool, sizeof(w->pool)}},
		{BLOCK_AT, {(const uint8_t *)w->blocks, sizeof(w->blocks)}},
	};
	uint64_t bytes = 77;
	struct gospy_error err;
	assert_int_equal(mem_bytes_create(ranges, 3, &w->image.mem, &err), GOSPY_OK);
	assert_int_equal(span_set_growth(&w->copy, &w->image, &bytes, &err), GOSPY_OK);
	mem_destroy(w->image.mem);
	return bytes;
}

static void test_new_sets(void **state)
{
	(void)state;
	for (int minor = 16; minor <= 27; minor++) {
		struct world *w = new_world(minor);
		uint64_t block = minor >= 25 ? BLOCK : BLOCK_24;
		assert_int_equal(growth(w), 0);
		cache(w, 5, false);
		cache(w, 5, false);
		assert_int_equal(growth(w), SPINE + block);
		cache(w, 5, true); // goes to another set
		cache(w, CLASSES - 1, false);
		assert_int_equal(growth(w), 3 * (SPINE + block));
		fill_pool(w, 2);
		assert_int_equal(growth(w), 3 * SPINE + block);
		fill_pool(w, 4);
		assert_int_equal(growth(w), 3 * SPINE);
		free(w);
	}
}

static void test_sets_with_room(void **state)
{
	(void)state;
	struct world *w = new_world(27);
	cache(w, 5, false);
	cache(w, 7, true);
	set(w, 5, 1, 1, 256, 511);
	set(w, 7, 3, 2, 256, 600);
	assert_int_equal(growth(w), 0);
	set(w, 5, 1, 1, 256, 512); // the block is used up
	assert_int_equal(growth(w), BLOCK);
	set(w, 5, 1, 256, 256, 256 * 512); // the spine as well: a larger one takes its place
	assert_int_equal(growth(w), BLOCK + 2 * SPINE);
	set(w, 5, 1, 0, 256, 0); // it was emptied, and has kept its spine
	assert_int_equal(growth(w), BLOCK);
	set(w, 5, 1, 1, 256, 1);
	while (w->copy.spans.len < SPANS - 1)
		cache(w, 5, false);
	assert_int_equal(growth(w), BLOCK);
	free(w);
}

/* In the next cycle the other set of each pair is that of the swept ones. */
static void test_generations(void **state)
{
	(void)state;
	struct world *w = new_world(27);
	cache(w, 5, false);
	set(w, 5, 0, 1, 256, 1);
	assert_int_equal(growth(w), SPINE + BLOCK);
	w->copy.mheap.sweepgen += 2;
	assert_int_equal(growth(w), 0);
	free(w);
}

static void test_hostile_sets(void **state)
{
	(void)state;
	struct world *w = new_world(27);
	cache(w, 5, false);
	set(w, 5, 1, 1, 256, UINT32_MAX); // more spans than blocks
	assert_int_equal(growth(w), 0);
	set(w, 5, 1, UINT64_MAX, 1, 0);
	assert_int_equal(growth(w), 0);
	set(w, 5, 1, 0, UINT64_MAX, 0);
	assert_int_equal(growth(w), BLOCK);
	fill_pool(w, 1);
	w->blocks[0] = w->pool; // a ring
	assert_int_equal(growth(w), 0);
	w->pool = UINT64_MAX; // which leads nowhere
	assert_int_equal(growth(w), 0);
	free(w);
}

static void test_unknown(void **state)
{
	(void)state;
	struct world *w = new_world(27);
	cache(w, 5, false);
	w->image.layout.mcentral.size += 8;
	assert_int_equal(growth(w), 0);
	w->image.layout.mcentral.size -= 8;
	w->image.globals.spanSetBlockPool.addr = 0;
	assert_int_equal(growth(w), 0);
	w->image.globals.spanSetBlockPool.addr = POOL_AT;
	w->image.version.minor = 14;
	assert_int_equal(growth(w), 0);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_sets),    cmocka_unit_test(test_sets_with_room),
		cmocka_unit_test(test_generations), cmocka_unit_test(test_hostile_sets),
		cmocka_unit_test(test_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
