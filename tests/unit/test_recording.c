/* What is read through a recording is in its pages afterwards, as it was when it counted. */
#include "core/recording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "target/mem_bytes.h"

static const uint64_t BASE = UINT64_C(0xc000000000);

static uint8_t memory[PAGE_BYTES];
static struct source below;
static struct recording *recording;

static enum gospy_code no_mappings(struct source *source, struct mappings *ret,
				   struct gospy_error *err)
{
	(void)source, (void)err;
	*ret = (struct mappings){0};
	return GOSPY_OK;
}

static uint64_t no_clock(const struct source *source, enum source_clock clock)
{
	(void)source, (void)clock;
	return GOSPY_UNKNOWN;
}

static int setup(void **state)
{
	(void)state;
	static const struct source_ops ops = {.mappings = no_mappings, .clock_ns = no_clock};
	const struct mem_bytes_range range = {BASE, {memory, sizeof(memory)}};
	const struct recording_also also = {0};
	memset(memory, 1, sizeof(memory));
	below = (struct source){.ops = &ops};
	if (mem_bytes_create(&range, 1, &below.mem, NULL))
		return -1;
	return recording_create(&below, (struct span){0}, REDACT_NONE, &also, &recording, NULL);
}

static int teardown(void **state)
{
	(void)state;
	recording_destroy(recording);
	mem_destroy(below.mem);
	return 0;
}

static struct mem *mem(void)
{
	return recording_source(recording)->mem;
}

static void read_at(uint64_t off, size_t len)
{
	uint8_t bytes[PAGE_BYTES];
	assert_int_equal(mem_read(mem(), BASE + off, bytes, len, NULL), GOSPY_OK);
}

/* The page that was recorded. */
static struct span page(void)
{
	struct span span;
	struct page_store *pages = recording_pages(recording);
	assert_int_equal(recording_check(recording, NULL), GOSPY_OK);
	assert_int_equal(page_store_seal(pages, NULL), GOSPY_OK);
	assert_int_equal(page_store_count(pages), 1);
	assert_int_equal(page_store_pages(pages, 0, &span, NULL), GOSPY_OK);
	assert_int_equal(span.len, PAGE_BYTES);
	return span;
}

/* What was fixed stays, and what is around it is what was read last. */
static void test_fix(void **state)
{
	(void)state;
	static const struct mem_range ranges[] = {
		{BASE + 64, 8}, {BASE + 8, 16}, {BASE + 16, 16}, {BASE + 24, 0}, {UINT64_MAX, 9}};
	uint8_t expected[PAGE_BYTES] = {0};
	read_at(0, 256);
	mem_fix(mem(), ranges, 3);
	mem_fix(mem(), ranges + 3, 2);
	memset(memory, 2, sizeof(memory));
	read_at(0, 128);   // over all of them
	read_at(12, 4);    // in the midst of one
	read_at(30, 40);   // from one to the next
	read_at(300, 100); // behind all
	memset(expected, 1, 256);
	memset(expected, 2, 128);
	memset(expected + 8, 1, 24);
	memset(expected + 64, 1, 8);
	memset(expected + 300, 2, 100);
	assert_memory_equal(page().ptr, expected, PAGE_BYTES);
}

/* What is only looked at is not recorded, but for what its reader keeps. */
static void test_record(void **state)
{
	(void)state;
	uint8_t bytes[16], expected[PAGE_BYTES] = {0};
	mem_record(mem(), false);
	read_at(0, 64);
	assert_int_equal(mem_read_once(mem(), BASE + 128, bytes, sizeof(bytes), NULL), GOSPY_OK);
	mem_record(mem(), true);
	read_at(256, 64);
	memset(expected + 128, 1, sizeof(bytes));
	memset(expected + 256, 1, 64);
	assert_memory_equal(page().ptr, expected, PAGE_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
