/* What is put into a store of pages is there afterwards, and nothing else is known. */
#include "packed.h"

#include <pthread.h>

#include "base/cleanup.h"
#include "core/frame_zstd.h"
#include "core/page_store.h"

/* Three times of what can be open, so that chunks are packed and unpacked. */
enum { CHUNKS = 72, THREADS = 4 };
static const uint64_t BASE = UINT64_C(0xc000000000);
static const size_t SIZE = (size_t)CHUNKS * CHUNK_BYTES;

static struct gospy_error err;

/* What should be there. */
static uint8_t *bytes, *known;

static int setup(void **state)
{
	(void)state;
	bytes = calloc(1, SIZE);
	known = calloc(1, SIZE);
	return bytes && known ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(bytes);
	free(known);
	return 0;
}

static uint64_t next(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *random >> 20;
}

static struct page_store *create(void)
{
	struct page_store *store = NULL;
	assert_int_equal(page_store_create(&store, &err), GOSPY_OK);
	return store;
}

static void put(struct page_store *store, size_t at, size_t len, uint8_t value)
{
	memset(bytes + at, value, len);
	memset(known + at, 1, len);
	assert_int_equal(page_store_put(store, BASE + at, bytes + at, len, &err), GOSPY_OK);
}

/* Is the word known, by the bit or by its part? */
static void assert_word(const struct page_block *block, const uint8_t *page_known, size_t at,
			unsigned in_page, size_t *part)
{
	unsigned mask = 0;
	if (page_known[in_page / 64] >> in_page / 8 % 8 & 1)
		mask = 0xff;
	const chunk_parts *parts = block->parts;
	if (*part < parts->len && parts->at[*part] >> 8 == at % CHUNK_BYTES / 8) {
		assert_int_equal(mask, 0);
		mask = parts->at[(*part)++] & 0xff;
		assert_true(mask && mask != 0xff);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(mask >> i & 1, known[at + i]);
}

static void assert_page(const struct page_block *block, const uint8_t *page,
			const uint8_t *page_known, size_t at, size_t *part)
{
	assert_memory_equal(page, bytes + at, PAGE_BYTES);
	for (unsigned i = 0; i < PAGE_BYTES; i += 8)
		assert_word(block, page_known, at + i, i, part);
}

static bool is_known(size_t at, size_t len)
{
	return memchr(known + at, 1, len) != NULL;
}

/* The gaps in between are zeros, of which nothing is known: as everything else that is not known.
 */
static void assert_block(struct page_store *store, size_t i)
{
	struct span span;
	struct page_run runs[CHUNK_RUNS_MAX];
	const struct page_block block = page_store_block(store, i);
	const size_t base = (size_t)(block.addr - BASE);
	size_t n = page_set_runs(block.present, runs), part = 0, at = 0;
	CLEANUP_FREE uint8_t *copy = malloc(CHUNK_BYTES);
	assert_non_null(copy);
	assert_int_equal(page_store_pages(store, i, &span, &err), GOSPY_OK);
	assert_int_equal(span.len, block.pages * PAGE_BYTES);
	memcpy(copy, span.ptr, span.len);
	assert_int_equal(page_store_known(store, i, &span, &err), GOSPY_OK);
	assert_int_equal(span.len, block.pages * PAGE_KNOWN);
	for (size_t k = 0; k < n; k++) {
		for (unsigned page = runs[k].from; page < runs[k].to; page++, at++) {
			const size_t where = base + (size_t)page * PAGE_BYTES;
			assert_int_equal(page_set_has(block.present, page),
					 is_known(where, PAGE_BYTES));
			assert_page(&block, copy + at * PAGE_BYTES, span.ptr + at * PAGE_KNOWN,
				    where, &part);
		}
	}
	assert_int_equal(at, block.pages);
	assert_int_equal(part, block.parts->len);
}

static void assert_all(struct page_store *store)
{
	assert_int_equal(page_store_seal(store, &err), GOSPY_OK);
	size_t i = 0;
	for (size_t chunk = 0; chunk < CHUNKS; chunk++) {
		if (!is_known(chunk * CHUNK_BYTES, CHUNK_BYTES))
			continue;
		assert_true(i < page_store_count(store));
		assert_int_equal(page_store_block(store, i).addr, BASE + chunk * CHUNK_BYTES);
		assert_block(store, i++);
	}
	assert_int_equal(i, page_store_count(store));
}

/* ---- one thread */

static void nothing(void **state)
{
	(void)state;
	struct page_store *store = create();
	assert_int_equal(page_store_put(store, BASE, "", 0, &err), GOSPY_OK);
	assert_int_equal(page_store_put(store, UINT64_MAX, "ab", 2, &err), GOSPY_E_BAD_DATA);
	assert_int_equal(page_store_put(store, UINT64_MAX - 5, "ab", 2, &err), GOSPY_E_BAD_DATA);
	assert_int_equal(page_store_seal(store, &err), GOSPY_OK);
	assert_int_equal(page_store_count(store), 0);
	page_store_destroy(store);
	page_store_destroy(NULL);
}

/* Words of which parts are known, which come together from parts, and which are covered. */
static void parts(void **state)
{
	(void)state;
	struct page_store *store = create();
	put(store, 3, 2, 1);
	put(store, 5, 3, 2);
	put(store, 8, 4, 3);
	put(store, 12, 4, 4);
	put(store, 17, 6, 5);
	put(store, 16, 8, 6);
	put(store, 30, 5, 7);
	put(store, 4094, 4, 8);
	put(store, CHUNK_BYTES - 1, 2, 9);
	for (int i = 0; i < 5000; i++)
		put(store, 40960 + (size_t)(i % 700) * 8, 1 + (size_t)(i & 3), (uint8_t)i);
	assert_all(store);
	page_store_destroy(store);
}

static void anywhere(void **state)
{
	(void)state;
	uint64_t random = 1;
	struct page_store *store = create();
	for (int i = 0; i < 3000; i++) {
		size_t len = 1 + next(&random) % (i % 50 ? 5000 : 200000);
		size_t at = next(&random) % (SIZE - len);
		if (i & 1) { // words, mostly
			at &= ~(size_t)7;
			len = (len + 7) & ~(size_t)7;
		}
		put(store, at, at + len < SIZE ? len : SIZE - at, (uint8_t)next(&random));
	}
	assert_all(store);
	page_store_destroy(store);
}

/* All of it, in the order of addresses: what is packed takes next to nothing. */
static void dense(void **state)
{
	(void)state;
	struct page_store *store = create();
	for (size_t at = 0; at < SIZE; at += 2048)
		put(store, at, 2048, (uint8_t)(at >> 16));
	if (frame_available())
		assert_true(page_store_memory(store) < PAGE_STORE_OPEN + (4 << 20));
	assert_all(store);
	page_store_destroy(store);
}

/* A page here and there: as many as can be open. */
static void sparse(void **state)
{
	(void)state;
	struct page_store *store = create();
	for (int pass = 0; pass < 2; pass++) {
		for (size_t at = 0; at < SIZE; at += (size_t)19 * PAGE_BYTES)
			put(store, at + 8 * (size_t)pass, 8, (uint8_t)(1 + pass));
	}
	assert_all(store);
	page_store_destroy(store);
}

/* More chunks than may be open. */
static void many_chunks(void **state)
{
	enum { MANY = 2000 };
	(void)state;
	struct page_store *store = create();
	for (uint64_t pass = 0; pass < 2; pass++) {
		for (uint64_t i = 0; i < MANY; i++) {
			uint64_t value = i << 1 | pass;
			assert_int_equal(page_store_put(store, i * CHUNK_BYTES * 5 + 8 * pass,
							&value, sizeof(value), &err),
					 GOSPY_OK);
		}
	}
	assert_int_equal(page_store_seal(store, &err), GOSPY_OK);
	assert_int_equal(page_store_count(store), MANY);
	for (size_t i = 0; i < MANY; i++) {
		struct span span;
		assert_int_equal(page_store_block(store, i).addr, i * CHUNK_BYTES * 5);
		assert_int_equal(page_store_pages(store, i, &span, &err), GOSPY_OK);
		const uint64_t want[] = {i << 1, i << 1 | 1, 0};
		assert_int_equal(span.len, PAGE_BYTES);
		assert_memory_equal(span.ptr, want, sizeof(want));
	}
	page_store_destroy(store);
}

/* What is set aside comes later, in its order, however much it is. */
static void aside(void **state)
{
	(void)state;
	struct page_store *store = create();
	put(store, 0, 100, 1);
	page_store_set_aside(store, &(struct page_store_later){0}, 0);
	put(store, 50, 100, 2);
	put(store, 60, 10, 3);
	assert_int_equal(page_store_catch_up(store, &err), GOSPY_OK);
	put(store, 65, 10, 4);
	page_store_set_aside(store, &(struct page_store_later){0}, 0);
	put(store, 66, 1, 5);
	for (size_t at = 0; at < PAGE_STORE_ASIDE + CHUNK_BYTES; at += 65536)
		put(store, CHUNK_BYTES + at, 65536, (uint8_t)(at >> 16));
	put(store, 67, 1, 6);
	assert_all(store); // catches up by itself
	page_store_destroy(store);
}

/* ---- several threads */

struct putter {
	pthread_t thread;
	struct page_store *store;
	size_t number;
	bool failed;
};

/* Stacks of 2 KiB, each thread every fourth of them, in two passes. */
static void *puts_stacks(void *arg)
{
	struct putter *putter = arg;
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t at = putter->number * 2048; at < SIZE; at += THREADS * 2048) {
			size_t from = at + pass * 1024;
			memset(bytes + from, (int)(at >> 12), 1001);
			memset(known + from, 1, 1001);
			putter->failed |= page_store_put(putter->store, BASE + from, bytes + from,
							 1001, NULL) != GOSPY_OK;
		}
	}
	return NULL;
}

static void put_by_threads(struct page_store *store)
{
	struct putter putters[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		putters[i] = (struct putter){.store = store, .number = i};
		assert_int_equal(pthread_create(&putters[i].thread, NULL, puts_stacks, &putters[i]),
				 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(putters[i].thread, NULL), 0);
		assert_false(putters[i].failed);
	}
}

static void threads(void **state)
{
	(void)state;
	struct page_store *store = create();
	put_by_threads(store);
	assert_all(store);
	page_store_destroy(store);
}

/* More than there is room for, and what one thread puts when others have ended lies over it. */
static void threads_aside(void **state)
{
	(void)state;
	struct page_store *store = create();
	for (int round = 0; round < 2; round++) {
		page_store_set_aside(store, &(struct page_store_later){0}, 0);
		put(store, CHUNK_BYTES, 5000, 1);
		if (round)
			put_by_threads(store);
		put(store, CHUNK_BYTES + 100, 5000, (uint8_t)(2 + round));
		put(store, 0, 100, 4);
		assert_int_equal(page_store_catch_up(store, &err), GOSPY_OK);
	}
	assert_all(store);
	page_store_destroy(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing),     TEST(parts), TEST(anywhere), TEST(dense),         TEST(sparse),
		TEST(many_chunks), TEST(aside), TEST(threads),  TEST(threads_aside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
