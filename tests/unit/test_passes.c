/* Of which goroutines anybody will ask what they wait for. */
#include "capture/passes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/cleanup.h"

enum { COUNT = 5000 };

static uint64_t max_of(const struct gospy_snapshot_options *options, struct g_rec *recs, size_t n)
{
	static struct capture capture; // too large for the stack
	capture.recs = recs;
	capture.count = n;
	struct passes passes = {.capture = &capture, .options = options};
	assert_int_equal(passes_limit_objects(&passes, NULL), GOSPY_OK);
	return passes.object_goid_max;
}

/* How many that live have a goid up to this one. */
static size_t count_up_to(const struct g_rec *recs, size_t n, uint64_t max)
{
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		count += grec_status(&recs[i]) != GOSPY_STATUS_DEAD && recs[i].goid <= max;
	return count;
}

static struct g_rec *make(uint64_t (*goid)(size_t i))
{
	struct g_rec *recs = calloc(COUNT, sizeof(*recs));
	assert_non_null(recs);
	for (size_t i = 0; i < COUNT; i++) {
		recs[i].goid = goid(i);
		recs[i].status = i % 3 ? GOSPY_STATUS_WAITING : GOSPY_STATUS_DEAD;
	}
	return recs;
}

static uint64_t rising(size_t i)
{
	return i + 1;
}

static uint64_t falling(size_t i)
{
	return COUNT - i;
}

static uint64_t mixed(size_t i)
{
	return i * 2654435761u % 1000003;
}

static uint64_t same(size_t i)
{
	(void)i;
	return 7;
}

/* As many as are shown, and some more, since the runtime's own are not told from others yet. */
static void test_limit(void **state)
{
	uint64_t (*const orders[])(size_t) = {rising, falling, mixed};
	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		CLEANUP_FREE struct g_rec *recs = make(orders[i]);
		for (uint64_t limit = 1; limit < 1000; limit = limit * 3 + 1) {
			const struct gospy_snapshot_options options = {.object_limit = limit};
			uint64_t max = max_of(&options, recs, COUNT);
			assert_int_equal(count_up_to(recs, COUNT, max), limit + 64);
		}
	}
}

static void test_all(void **state)
{
	(void)state;
	CLEANUP_FREE struct g_rec *recs = make(same);
	struct gospy_snapshot_options options = {0};
	assert_int_equal(max_of(&options, recs, COUNT), 0);
	options.object_limit = COUNT;
	assert_int_equal(max_of(&options, recs, COUNT), 0);
	options.object_limit = UINT64_MAX;
	assert_int_equal(max_of(&options, recs, COUNT), 0);
	options.object_limit = 1;
	assert_int_equal(max_of(&options, recs, 10), 0);
	assert_int_equal(max_of(&options, recs, COUNT), 7);
}

static void test_picked(void **state)
{
	(void)state;
	struct gospy_snapshot_options options = {.stack_states = 1u << GOSPY_STATUS_WAITING};
	struct passes passes = {.options = &options, .object_goid_max = 10};
	struct g_rec waits = {.goid = 4, .status = GOSPY_STATUS_WAITING};
	struct g_rec runs = {.goid = 5, .status = GOSPY_STATUS_RUNNING};
	struct g_rec high = {.goid = 11, .status = GOSPY_STATUS_WAITING};
	assert_true(passes_wants_object(&passes, &waits));
	assert_true(passes_wants_object(&passes, &runs));
	assert_false(passes_wants_object(&passes, &high));
	options.objects_picked = true;
	assert_true(passes_wants_object(&passes, &waits));
	assert_false(passes_wants_object(&passes, &runs));
	assert_non_null(map_put(&passes.stack_goids, 5));
	assert_false(passes_wants_object(&passes, &waits));
	options.stack_states = 0;
	assert_false(passes_wants_object(&passes, &waits));
	assert_true(passes_wants_object(&passes, &runs));
	map_deinit(&passes.stack_goids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_picked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
