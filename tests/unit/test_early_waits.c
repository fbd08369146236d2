/* Which goroutines have not left their wait since it was noted who waits. */
#include "api/early_waits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct g_rec parked(uint64_t addr)
{
	return (struct g_rec){.addr = addr,
			      .goid = addr + 1,
			      .sp = addr + 2,
			      .waiting = addr + 3,
			      .status = GOSPY_STATUS_WAITING,
			      .seq = 7,
			      .waitreason = 9};
}

static struct early_wait noted(uint64_t addr, uint64_t waitsince)
{
	const struct g_rec rec = parked(addr);
	return (struct early_wait){.g = addr,
				   .goid = rec.goid,
				   .sp = rec.sp,
				   .waiting = rec.waiting,
				   .waitsince = waitsince,
				   .seq = rec.seq,
				   .waitreason = rec.waitreason};
}

static void test_same(void **state)
{
	(void)state;
	struct early_waits waits = {0};
	assert_true(vec_push(&waits.list, noted(0x100, 0)) &&
		    vec_push(&waits.list, noted(0x200, 5)));
	struct g_rec rec = parked(0x100);
	assert_true(early_waits_has(&waits, &rec));
	rec.waitsince = 6; // noted by a collection since then
	assert_true(early_waits_has(&waits, &rec));
	rec = parked(0x200);
	assert_false(early_waits_has(&waits, &rec));
	rec.waitsince = 5;
	assert_true(early_waits_has(&waits, &rec));
	early_waits_deinit(&waits);
}

static void test_another(void **state)
{
	(void)state;
	struct early_waits waits = {0};
	struct g_rec rec = parked(0x100);
	assert_false(early_waits_has(&waits, &rec)); // nobody waited
	assert_true(vec_push(&waits.list, noted(0x100, 0)));
	rec = parked(0x300);
	assert_false(early_waits_has(&waits, &rec));
	rec = parked(0x100);
	rec.goid++; // another goroutine has got the g
	assert_false(early_waits_has(&waits, &rec));
	rec = parked(0x100);
	rec.seq++; // it has run
	assert_false(early_waits_has(&waits, &rec));
	rec = parked(0x100);
	rec.waiting++;
	assert_false(early_waits_has(&waits, &rec));
	rec = parked(0x100);
	rec.sp++;
	assert_false(early_waits_has(&waits, &rec));
	rec = parked(0x100);
	rec.waitreason++;
	assert_false(early_waits_has(&waits, &rec));
	early_waits_deinit(&waits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
