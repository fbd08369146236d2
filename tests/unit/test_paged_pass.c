#include "base/paged_pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PAGES = 256, LEN = PAGES * PAGED_PAGE };
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

/* A window that begins `off` bytes behind BASE. */
static struct target *target(struct paged *p, uint64_t off)
{
	static struct target t;
	t = (struct target){.hole = PAGES};
	for (size_t i = 0; i < LEN; i++)
		t.bytes[i] = (uint8_t)(i % 251);
	assert_int_equal(paged_init(p, BASE + off, LEN - off, fetch, &t, NULL), GOSPY_OK);
	return &t;
}

static size_t kept(const struct paged *p)
{
	size_t n = 0;
	for (size_t i = 0; i < PAGES; i++)
		n += p->present[i] == 1;
	return n;
}

/* Checks what a pass gives for a piece; returns how many bytes are at hand. */
static size_t check_piece(struct paged_pass *pass, const struct target *t, uint64_t off, size_t len)
{
	struct span span = paged_pass_at(pass, BASE + off, len);
	assert_non_null(span.ptr);
	assert_true(span.len >= len && span.len <= LEN - off);
	assert_memory_equal(span.ptr, t->bytes + off, span.len);
	return span.len;
}

static void test_keeps_nothing_of_a_table(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0);
	struct paged_pass pass = paged_pass_of(&p);
	assert_int_equal(t->calls, 0);
	// Records that lie across the end of what was fetched, now and then.
	for (uint64_t off = 0; off + 100 <= LEN; off += 100)
		check_piece(&pass, t, off, 100);
	assert_int_equal(kept(&p), 0);
	assert_in_range(t->calls, LEN / PAGED_PASS_AHEAD, LEN / PAGED_PASS_AHEAD + 2);
	assert_in_range(t->fetched, LEN - 100, LEN + LEN / PAGED_PASS_AHEAD * 2 * PAGED_PAGE);
	paged_pass_deinit(&pass);
	paged_deinit(&p);
}

/* A reader that takes whatever there is. */
static void test_all_that_is_at_hand(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0);
	struct paged_pass pass = paged_pass_of(&p);
	uint64_t off = 8;
	while (off < LEN)
		off += check_piece(&pass, t, off, 8);
	assert_int_equal(off, LEN);
	assert_int_equal(t->fetched, LEN);
	assert_int_equal(kept(&p), 0);
	paged_pass_deinit(&pass);
	paged_deinit(&p);
}

/* The order of a hostile table: forth and back, and pieces of all lengths. */
static void test_any_order(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0);
	struct paged_pass pass = paged_pass_of(&p);
	uint32_t random = 1;
	for (size_t i = 0; i < 20000; i++) {
		random = random * 1664525 + 1013904223;
		uint64_t off = (random >> 8) % LEN;
		size_t max = random & 1 ? 64 : PAGED_PASS_PIECE + PAGED_PAGE;
		size_t len = i % max < LEN - off ? i % max : (size_t)(LEN - off);
		check_piece(&pass, t, off, len);
	}
	assert_true(t->fetched <= 3 * LEN);
	paged_pass_deinit(&pass);
	paged_deinit(&p);
}

/* The worst that can be: each piece ends just behind what the buffer holds. */
static void test_pieces_that_are_fetched_twice(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0);
	struct paged_pass pass = paged_pass_of(&p);
	for (uint64_t off = 0; off + PAGED_PASS_PIECE <= LEN; off = pass.end - PAGED_PASS_PIECE + 1)
		check_piece(&pass, t, off, PAGED_PASS_PIECE);
	assert_in_range(t->fetched, LEN, LEN * 5 / 2);
	paged_pass_deinit(&pass);
	paged_deinit(&p);
}

static void test_hole(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, 0);
	struct paged_pass pass = paged_pass_of(&p);
	t->hole = 20;
	for (uint64_t off = 0; off < LEN; off += 512) {
		if (off / PAGED_PAGE == t->hole)
			assert_null(paged_pass_at(&pass, BASE + off, 512).ptr);
		else
			check_piece(&pass, t, off, 512);
	}
	assert_null(paged_pass_at(&pass, BASE + 20 * PAGED_PAGE - 1, 2).ptr);
	// Only around the hole was the window needed.
	assert_in_range(kept(&p), 1, PAGED_PASS_AHEAD / PAGED_PAGE);
	assert_true(t->fetched <= LEN * 5 / 4);
	paged_pass_deinit(&pass);
	paged_deinit(&p);
}

static void test_bounds(void **state)
{
	(void)state;
	struct paged p;
	struct target *t = target(&p, PAGED_PAGE + 100);
	struct paged_pass pass = paged_pass_of(&p);
	assert_null(paged_pass_at(&pass, BASE + LEN, 1).ptr);
	assert_null(paged_pass_at(&pass, BASE + LEN - 1, 2).ptr);
	assert_null(paged_pass_at(&pass, BASE + PAGED_PAGE - 1, 1).ptr);
	assert_null(paged_pass_at(&pass, 0, 1).ptr);
	assert_null(paged_pass_at(&pass, UINT64_MAX, 2).ptr);
	assert_null(paged_pass_at(&pass, BASE + LEN / 2, UINT64_MAX).ptr);
	assert_int_equal(t->calls, 0);
	check_piece(&pass, t, PAGED_PAGE + 100, 1);
	check_piece(&pass, t, LEN - 1, 1);
	assert_null(paged_pass_at(&pass, BASE + LEN - 1, 2).ptr);
	assert_null(paged_pass_at(&pass, BASE + PAGED_PAGE - 1, 1).ptr);
	paged_pass_deinit(&pass);
	paged_deinit(&p);
}

static void test_window_on_a_span(void **state)
{
	(void)state;
	static const uint8_t bytes[] = "abc";
	struct paged p;
	paged_init_span(&p, BASE, (struct span){bytes, sizeof(bytes)});
	struct paged_pass pass = paged_pass_of(&p);
	struct span span = paged_pass_at(&pass, BASE + 1, 2);
	assert_ptr_equal(span.ptr, bytes + 1);
	assert_int_equal(span.len, 3);
	assert_null(paged_pass_at(&pass, BASE + 3, 2).ptr);
	paged_pass_deinit(&pass);
	paged_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keeps_nothing_of_a_table),
		cmocka_unit_test(test_all_that_is_at_hand),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_pieces_that_are_fetched_twice),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_window_on_a_span),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
