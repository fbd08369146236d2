#include "heap/late.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MEMORY = 64 << 10, WORDS = 4096 };

static const uint64_t lo = UINT64_C(0xc000000000);

static void begin(struct late *late, struct budget *budget)
{
	const struct heap_spans spans = {.lo = lo, .hi = lo + HEAP_PAGE};
	*late = (struct late){0};
	budget_init(budget, MEMORY, SIZE_MAX);
	late_begin(late, &spans, budget);
	assert_true(late_is_near(late, lo + 2 * HEAP_PAGE));
}

static void test_memory_is_charged(void **state)
{
	(void)state;
	struct budget budget;
	struct late late;
	begin(&late, &budget);
	for (uint64_t i = 0; i < WORDS; i++)
		late_note_word(&late, lo + HEAP_PAGE);
	assert_int_equal(late.words.len, 1);
	assert_false(late.full);
	for (uint64_t i = 0; i < WORDS; i++)
		late_note_word(&late, lo + HEAP_PAGE + 8 * i);
	assert_true(late.full);
	assert_in_range(late.words.len, 2, WORDS - 1);
	assert_true(late.words.cap * sizeof(*late.words.entries) <= MEMORY);
	assert_int_equal(late.charged + atomic_load(&budget.bytes), MEMORY);
	late_deinit(&late);
	assert_int_equal(atomic_load(&budget.bytes), MEMORY);
}

static void ignore(void *ctx, uint64_t pointer, uint64_t before, uint64_t addr)
{
	(void)ctx;
	(void)pointer;
	(void)before;
	(void)addr;
	fail();
}

/* The graph of before is there all the same. */
static void test_spans_that_cannot_be_read(void **state)
{
	(void)state;
	struct image image;
	struct budget budget;
	struct heap heap = {.image = &image};
	struct late late;
	struct gospy_error err;
	memset(&image, 0, sizeof(image)); // no layout is known
	begin(&late, &budget);
	assert_int_equal(late_follow(&late, &heap, ignore, NULL, &err), GOSPY_OK);
	assert_false(late.full); // there was nothing to follow
	late_note_word(&late, lo + HEAP_PAGE);
	assert_int_equal(late_follow(&late, &heap, ignore, NULL, &err), GOSPY_OK);
	assert_true(late.full);
	late_deinit(&late);
	assert_int_equal(atomic_load(&budget.bytes), MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_is_charged),
		cmocka_unit_test(test_spans_that_cannot_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
