/* object_state.c: what is in locks, and who cannot hold them by that. */
#include "capture/object_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct object_rec object;
static struct holder_rec holders[3];

static void set(enum gospy_wait_kind kind, size_t n)
{
	object = (struct object_rec){
		.kind = (uint8_t)kind, .read = true, .at_instant = true, .count = n};
	memset(holders, 0, sizeof(holders));
}

static void put(unsigned off, int32_t word)
{
	memcpy(object.bytes + off, &word, sizeof(word));
}

static void test_mutex(void **state)
{
	(void)state;
	set(GOSPY_WAIT_MUTEX, 1);
	put(0, 3 << 3 | 1);
	assert_int_equal(object_state(&object, 24).locked, 1);
	assert_int_equal(object_state(&object, 24).waiters, 3);
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_NONE);
	put(0, 3 << 3);
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_STATE);
	object.read = false;
	assert_true(object_state(&object, 24).locked == GOSPY_UNKNOWN);
}

static void test_several(void **state)
{
	(void)state;
	set(GOSPY_WAIT_MUTEX, 3);
	put(0, 1);
	holders[2].doubt = GOSPY_DOUBT_PATHS;
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_SEVERAL);
	assert_int_equal(holders[1].doubt, GOSPY_DOUBT_SEVERAL);
	assert_int_equal(holders[2].doubt, GOSPY_DOUBT_PATHS);
	// One that is doubted does not touch the other.
	set(GOSPY_WAIT_MUTEX, 2);
	put(0, 1);
	holders[1].doubt = GOSPY_DOUBT_MEMORY;
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_NONE);
}

/* The lock was read after the instant: that is good for those who stood still until then. */
static void test_later(void **state)
{
	(void)state;
	set(GOSPY_WAIT_MUTEX, 2);
	put(0, 1);
	object.at_instant = false;
	holders[1].held = true;
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_STATE);
	assert_int_equal(holders[1].doubt, GOSPY_DOUBT_NONE);
}

static void test_rwmutex(void **state)
{
	(void)state;
	enum { COUNT = 16, WAIT = 20, MAX = 1 << 30 };
	set(GOSPY_WAIT_RWMUTEX, 2); // two readers have it, a writer waits for them
	holders[0].reader = holders[1].reader = true;
	put(COUNT, 5 - MAX);
	put(WAIT, 2);
	object.writer_waits = true;
	struct object_state found = object_state(&object, 24);
	assert_int_equal(found.locked, 0);
	assert_int_equal(found.readers, 2);
	assert_int_equal(found.readers_waiting, 3);
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_NONE);
	put(WAIT, 1); // only one of them can have it
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_SEVERAL);

	set(GOSPY_WAIT_RWMUTEX, 1); // a writer has it
	put(COUNT, 4 - MAX);
	assert_int_equal(object_state(&object, 24).locked, 1);
	assert_int_equal(object_state(&object, 24).readers, 0);
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_NONE);
	object.writer_waits = true; // not while another one waits for readers
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_STATE);

	set(GOSPY_WAIT_RWMUTEX, 1); // nobody has it
	holders[0].reader = true;
	object_judge(&object, holders);
	assert_int_equal(holders[0].doubt, GOSPY_DOUBT_STATE);
	put(COUNT, -1 - MAX); // nonsense
	put(WAIT, -7);
	assert_int_equal(object_state(&object, 24).readers, 0);
}

static void test_waitgroup(void **state)
{
	(void)state;
	set(GOSPY_WAIT_WAITGROUP, 0);
	put(0, (int32_t)(UINT32_C(1) << 31 | 2));
	put(4, 7);
	assert_int_equal(object_state(&object, 27).counter, 7);
	assert_int_equal(object_state(&object, 27).waiters, 2);
	object.addr = 0xc000000004;
	put(8, 9); // up to Go 1.17 it lies where it is aligned
	assert_int_equal(object_state(&object, 17).counter, 9);
	assert_int_equal(object_state_bytes(GOSPY_WAIT_CHANNEL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutex),     cmocka_unit_test(test_several),
		cmocka_unit_test(test_later),     cmocka_unit_test(test_rwmutex),
		cmocka_unit_test(test_waitgroup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
