#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "render/still.h"

static const uint64_t S = 1000000000;

static const struct gospy_location place = {.pc = 0x1000}, other_place = {.pc = 0x2000};
static const char reason[] = "chan receive", other_reason[] = "select";

static struct gospy_goroutine parked(void)
{
	return (struct gospy_goroutine){
		.addr = 0xc000000000,
		.goid = 7,
		.status = GOSPY_STATUS_WAITING,
		.wait_reason = reason,
		.sp = 0xc000100000,
		.stack_hi = 0xc000101000,
		.current = &place,
		.departures = 3,
	};
}

static uint64_t look(struct still *still, struct gospy_goroutine g, uint64_t begin_ns)
{
	assert_true(still_begin(still, 1, begin_ns, begin_ns + S / 10));
	uint64_t ns = still_note(still, &g, 0);
	assert_int_equal(still_ns(still, 0), ns);
	return ns;
}

static void test_one_that_stays(void **state)
{
	(void)state;
	struct still still = {0};
	assert_int_equal(look(&still, parked(), 10 * S), GOSPY_UNKNOWN);
	// From the end of the first look to the begin of the last.
	assert_int_equal(look(&still, parked(), 12 * S), 2 * S - S / 10);
	assert_int_equal(look(&still, parked(), 24 * S), 14 * S - S / 10);
	still_deinit(&still);
}

/* Whatever is not as it was tells that it has moved. */
static void test_one_that_moves(void **state)
{
	(void)state;
	struct gospy_goroutine others[] = {parked(), parked(), parked(), parked(),
					   parked(), parked(), parked()};
	others[0].goid = 8;
	others[1].departures = 4;
	others[2].sp += 8;
	others[3].stack_hi += 0x1000;
	others[4].current = &other_place;
	others[5].wait_reason = other_reason;
	others[6].addr += 0x1000;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct still still = {0};
		look(&still, parked(), 10 * S);
		assert_int_equal(look(&still, others[i], 12 * S), GOSPY_UNKNOWN);
		// That it is back says nothing of the time before.
		assert_int_equal(look(&still, parked(), 14 * S), GOSPY_UNKNOWN);
		assert_int_equal(look(&still, parked(), 15 * S), S - S / 10);
		still_deinit(&still);
	}
}

static void test_what_cannot_be_told(void **state)
{
	(void)state;
	struct gospy_goroutine uncounted = parked(), unreadable = parked();
	uncounted.departures = GOSPY_UNKNOWN;
	unreadable.soundness = GOSPY_SOUND_UNREADABLE;
	struct still still = {0};
	for (uint64_t i = 1; i < 4; i++)
		assert_int_equal(look(&still, uncounted, i * S), GOSPY_UNKNOWN);
	for (uint64_t i = 4; i < 8; i++)
		assert_int_equal(look(&still, unreadable, i * S), GOSPY_UNKNOWN);
	still_deinit(&still);
}

/* The place of one that is gone is that of another later. */
static void test_fewer_and_more(void **state)
{
	(void)state;
	struct still still = {0};
	struct gospy_goroutine g = parked();
	assert_true(still_begin(&still, 2, S, S));
	still_note(&still, &g, 0);
	still_note(&still, &g, 1);
	assert_true(still_begin(&still, 1, 2 * S, 2 * S));
	assert_int_equal(still_note(&still, &g, 0), S);
	assert_true(still_begin(&still, 2, 3 * S, 3 * S));
	assert_int_equal(still_note(&still, &g, 0), 2 * S);
	assert_int_equal(still_note(&still, &g, 1), GOSPY_UNKNOWN);
	still_deinit(&still);
}

static void expect_known(uint64_t wait_ns, uint64_t still_ns, uint64_t ns, bool at_least)
{
	struct wait_known wait = wait_known(wait_ns, still_ns);
	assert_int_equal(wait.ns, ns);
	assert_int_equal(wait.at_least, at_least);
}

static void test_what_is_known(void **state)
{
	(void)state;
	expect_known(GOSPY_UNKNOWN, GOSPY_UNKNOWN, GOSPY_UNKNOWN, false);
	expect_known(GOSPY_UNKNOWN, S / 2, GOSPY_UNKNOWN, false);
	expect_known(GOSPY_UNKNOWN, 14 * S, 14 * S, true);
	expect_known(20 * S, 14 * S, 20 * S, false);
	expect_known(3 * S, 14 * S, 14 * S, true);
	expect_known(3 * S, GOSPY_UNKNOWN, 3 * S, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_that_stays),      cmocka_unit_test(test_one_that_moves),
		cmocka_unit_test(test_what_cannot_be_told), cmocka_unit_test(test_fewer_and_more),
		cmocka_unit_test(test_what_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
