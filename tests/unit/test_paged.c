#include "base/paged.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAGES = 64, LEN = PAGES * PAGED_PAGE };
#define BASE UINT64_C(0x7f0000000000)

/* Memory to fetch from, with a hole, which counts what it is asked. */
struct target {
	uint8_t bytes[LEN];
	size_t hole; /* page that cannot be read; PAGES: none */
	size_t calls, fetched;
};

static enum gospy_code fetch(void *ctx, uint64_t addr, void *dst, size_t len,
			     struct gospy_error *err)
{
	struct target *t = ctx;
	t->calls++;
	assert_true(addr >= BASE && addr - BASE <= LEN && len <= LEN - (addr - BASE));
	size_t off = (size_t)(addr - BASE);
	if (off / PAGED_PAGE <= t->hole && t->hole < (off + len + PAGED_PAGE - 1) / PAGED_PAGE)
		return err_fault(err, addr, "hole");
	memcpy(dst, t->bytes + off, len);
	t->fetched += len;
	return GOSPY_OK;
}

static struct target *target(struct paged *p, uint64_t off, uint64_t len)
{
	static struct target t;
	t = (struct target){.hole = PAGES};
	for (size_t i = 0; i < LEN; i++)
		t.bytes[i] = (uint8_t)(i % 251 + 1); // no NUL
	assert_int_equal(paged_init(p, BASE + off, len, fetch, &t, NULL), GOSPY_OK);
	return &t;
}

static void test_fetches_what_is_touched(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0, LEN);
	assert_int_equal(t->calls, 0);
	const uint8_t *b = paged_at(&p, 5, 10);
	assert_non_null(b);
	assert_memory_equal(b, t->bytes + 5, 10);
	assert_int_equal(t->calls, 1);
	assert_int_equal(t->fetched, PAGED_AHEAD);
	// The pages that came along are there.
	assert_ptr_equal(paged_at(&p, PAGED_AHEAD - 1, 1), b - 5 + PAGED_AHEAD - 1);
	assert_int_equal(t->calls, 1);
	// Across the border; then all of it, fetched at once.
	assert_memory_equal(paged_at(&p, PAGED_AHEAD - 1, 2), t->bytes + PAGED_AHEAD - 1, 2);
	assert_int_equal(t->calls, 2);
	assert_memory_equal(paged_at(&p, 0, LEN), t->bytes, LEN);
	assert_int_equal(t->calls, 3);
	assert_int_equal(t->fetched, LEN);
	paged_deinit(&p);
}

static void test_bounds(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0, LEN);
	assert_null(paged_at(&p, LEN, 1));
	assert_null(paged_at(&p, LEN - 1, 2));
	assert_null(paged_at(&p, 1, UINT64_MAX));
	assert_null(paged_at(&p, UINT64_MAX, 1));
	assert_null(paged_at_addr(&p, BASE - 1, 1));
	assert_null(paged_at_addr(&p, 0, 1));
	assert_int_equal(t->calls, 0);
	assert_non_null(paged_at(&p, LEN, 0));
	assert_non_null(paged_at_addr(&p, BASE + LEN - 1, 1));
	paged_deinit(&p);
}

/* A window that does not begin or end on a page. */
static void test_unaligned_window(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, PAGED_PAGE + 100, 3 * PAGED_PAGE);
	assert_memory_equal(paged_at_addr(&p, BASE + PAGED_PAGE + 100, 8),
			    t->bytes + PAGED_PAGE + 100, 8);
	uint64_t last = BASE + 4 * PAGED_PAGE + 99;
	assert_memory_equal(paged_at_addr(&p, last, 1), t->bytes + (last - BASE), 1);
	assert_null(paged_at_addr(&p, last, 2));
	paged_deinit(&p);
}

static void test_hole(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0, LEN);
	t->hole = 2;
	// Reading ahead meets the hole; what was asked for is there all the same.
	assert_memory_equal(paged_at(&p, 0, 1), t->bytes, 1);
	assert_memory_equal(paged_at(&p, PAGED_PAGE, PAGED_PAGE), t->bytes + PAGED_PAGE,
			    PAGED_PAGE);
	assert_null(paged_at(&p, 2 * PAGED_PAGE, 1));
	assert_null(paged_at(&p, 0, LEN));
	assert_non_null(paged_at(&p, 3 * PAGED_PAGE, LEN - 3 * PAGED_PAGE));
	// A hole is not asked for again.
	size_t calls = t->calls;
	assert_null(paged_at(&p, 3 * PAGED_PAGE - 1, 2));
	assert_int_equal(t->calls, calls);
	paged_deinit(&p);
}

static void test_strings(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0, LEN);
	t->bytes[10] = 0;
	t->bytes[2 * PAGED_PAGE + 5] = 0;
	t->hole = 8;
	assert_int_equal(strlen(paged_cstr(&p, 0, 100)), 10);
	assert_int_equal(strlen(paged_cstr(&p, 10, 100)), 0);
	assert_int_equal(strlen(paged_cstr(&p, 0, 10)), 10);
	assert_null(paged_cstr(&p, 0, 9));
	assert_int_equal(strlen(paged_cstr(&p, PAGED_PAGE, LEN)), PAGED_PAGE + 5);
	assert_null(paged_cstr(&p, 3 * PAGED_PAGE, LEN)); // runs into the hole
	assert_null(paged_cstr(&p, LEN - 5, LEN));        // runs out of the window
	assert_null(paged_cstr(&p, LEN, LEN));
	assert_null(paged_cstr(&p, UINT64_MAX, LEN));
	assert_null(paged_cstr_addr(&p, BASE - 1, LEN));
	assert_string_equal(paged_cstr_addr(&p, BASE + 9, LEN), "\n");
	paged_deinit(&p);
}

static void test_numbers(void **state)
{
	(void)state;
	struct paged p;
	(void)target(&p, 0, LEN);
	uint64_t wide = 9;
	uint32_t narrow = 9;
	assert_true(paged_u64(&p, BASE + 1, &wide));
	assert_true(wide == UINT64_C(0x0908070605040302));
	assert_true(paged_u32(&p, BASE + LEN - 4, &narrow));
	assert_false(paged_u64(&p, BASE + LEN - 7, &wide));
	assert_true(wide == UINT64_C(0x0908070605040302));
	assert_false(paged_u32(&p, UINT64_MAX - 1, &narrow));
	paged_deinit(&p);
}

static void test_pages_are_let_go_of(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0, LEN);
	assert_non_null(paged_at(&p, 0, LEN));
	uint64_t all = paged_bytes(&p);
	assert_true(all >= LEN);
	const uint8_t *kept = paged_at(&p, 5 * PAGED_PAGE + 1, PAGED_PAGE);
	size_t calls = t->calls;
	memset(t->bytes, 0x55, LEN);
	paged_forget(&p, 5 * PAGED_PAGE + 1, PAGED_PAGE);
	assert_int_equal(paged_bytes(&p), all - LEN + 2 * PAGED_PAGE);
	assert_ptr_equal(paged_at(&p, 5 * PAGED_PAGE + 1, PAGED_PAGE), kept);
	assert_int_not_equal(*kept, 0x55);
	assert_int_equal(t->calls, calls);
	// What is not there any more is fetched as it is now.
	assert_int_equal(*paged_at(&p, 0, 1), 0x55);
	assert_int_equal(*paged_at(&p, LEN - 1, 1), 0x55);
	assert_true(t->calls > calls);
	paged_forget(&p, 0, 0);
	assert_int_equal(paged_bytes(&p), all - LEN);
	assert_int_equal(*paged_at(&p, 5 * PAGED_PAGE + 1, 1), 0x55);
	paged_deinit(&p);
}

static void test_window_on_a_span(void **state)
{
	(void)state;
	static const uint8_t bytes[] = "abc";
	struct paged p;
	paged_init_span(&p, BASE, (struct span){bytes, sizeof(bytes)});
	assert_ptr_equal(paged_at_addr(&p, BASE + 1, 2), bytes + 1);
	assert_string_equal(paged_cstr(&p, 1, 10), "bc");
	assert_null(paged_at(&p, 4, 1));
	paged_init_span(&p, BASE, (struct span){bytes, 3});
	assert_null(paged_cstr(&p, 0, 10));
	paged_deinit(&p);
	assert_null(paged_at(&p, 0, 0));
}

static void test_ranges_that_make_no_sense(void **state)
{
	(void)state;
	struct paged p;
	struct gospy_error err;
	assert_int_equal(paged_init(&p, BASE, 0, fetch, NULL, &err), GOSPY_E_LIMIT);
	assert_int_equal(paged_init(&p, BASE, PAGED_MAX + 1, fetch, NULL, &err), GOSPY_E_LIMIT);
	assert_int_equal(paged_init(&p, UINT64_MAX - 1, 3, fetch, NULL, &err), GOSPY_E_LIMIT);
}

/* Of a part of the window only the words that are asked for are fetched. */
static void test_exact(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0, LEN);
	const uint64_t from = BASE + 8 * PAGED_PAGE;
	assert_int_equal(paged_set_exact(&p, from, UINT64_MAX, NULL), GOSPY_OK);
	const uint8_t *bytes = paged_at_addr(&p, from + 3, 6);
	assert_non_null(bytes);
	assert_memory_equal(bytes, t->bytes + 8 * PAGED_PAGE + 3, 6);
	assert_int_equal(t->fetched, 16);
	assert_non_null(paged_at_addr(&p, from, 16));
	assert_int_equal(t->fetched, 16);
	// Only what is missing of a range.
	assert_non_null(paged_at_addr(&p, from, 32));
	assert_int_equal(t->fetched, 32);
	// Pages in front of it are fetched whole, and none of it with them.
	assert_non_null(paged_at_addr(&p, from - 4, 8));
	assert_int_equal(t->fetched, 32 + PAGED_PAGE);
	paged_forget(&p, 0, 0);
	assert_non_null(paged_at_addr(&p, from, 8));
	assert_int_equal(t->fetched, 32 + PAGED_PAGE + 8);
	t->hole = 9;
	assert_null(paged_at_addr(&p, from + PAGED_PAGE, 8));
	assert_non_null(paged_at_addr(&p, from + PAGED_PAGE - 8, 8));
	t->hole = PAGES;
	assert_non_null(paged_at_addr(&p, from + PAGED_PAGE, 8));
	paged_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exact),
		cmocka_unit_test(test_fetches_what_is_touched),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_unaligned_window),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_pages_are_let_go_of),
		cmocka_unit_test(test_window_on_a_span),
		cmocka_unit_test(test_ranges_that_make_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
