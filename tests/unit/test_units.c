#include "render/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gospy.h"

static const uint64_t MS = 1000000, S = 1000000000, M = 60 * S, H = 60 * M, D = 24 * H;

static void test_span(void **state)
{
	(void)state;
	assert_string_equal(units_span(0).s, "0s");
	assert_string_equal(units_span(59 * S + 999 * MS).s, "59s");
	assert_string_equal(units_span(12 * M + 5 * S).s, "12m5s");
	assert_string_equal(units_span(4 * H + 12 * M + 59 * S).s, "4h12m");
	assert_string_equal(units_span(3 * D + 4 * H + 59 * M).s, "3d4h");
	assert_string_equal(units_span(400 * D).s, "400d0h");
	assert_string_equal(units_span(GOSPY_UNKNOWN).s, "?");
	assert_string_equal(units_span(GOSPY_UNKNOWN - 1).s, "213503d23h");
}

static void test_ms(void **state)
{
	(void)state;
	assert_string_equal(units_ms(0).s, "0.0 ms");
	assert_string_equal(units_ms(430000).s, "0.4 ms");
	assert_string_equal(units_ms(80000).s, "0.08 ms");
	assert_string_equal(units_ms(4000).s, "0.004 ms");
	assert_string_equal(units_ms(12345678).s, "12.3 ms");
	assert_string_equal(units_ms(1500 * MS).s, "1.5s");
	assert_string_equal(units_ms(999999 * MS / 1000).s, "1000.0 ms");
	assert_string_equal(units_ms(150000 * MS).s, "2m30s");
	assert_string_equal(units_ms(GOSPY_UNKNOWN).s, "?");
}

static void test_age(void **state)
{
	(void)state;
	assert_string_equal(units_age(1500 * MS).s, "1.5s");
	assert_string_equal(units_age(59 * S + 940 * MS).s, "59.9s");
	assert_string_equal(units_age(59 * S + 960 * MS).s, "1m0s");
	assert_string_equal(units_age(M).s, "1m0s");
	assert_string_equal(units_age(2 * H).s, "2h0m");
}

static void expect_wait(uint64_t ns, uint64_t n, const char *unit)
{
	struct units_wait wait = units_wait(ns);
	assert_int_equal(wait.n, n);
	if (unit)
		assert_string_equal(wait.unit, unit);
	else
		assert_null(wait.unit);
}

static void test_wait(void **state)
{
	(void)state;
	expect_wait(GOSPY_UNKNOWN, 0, NULL);
	expect_wait(999 * MS, 0, NULL);
	expect_wait(S, 1, "second");
	expect_wait(59 * S, 59, "seconds");
	expect_wait(M, 1, "minute");
	expect_wait(12 * M + 59 * S, 12, "minutes");
	expect_wait(3 * D, 4320, "minutes");
}

static void test_bytes(void **state)
{
	(void)state;
	assert_string_equal(units_bytes(0).s, "0 B");
	assert_string_equal(units_bytes(1023).s, "1023 B");
	assert_string_equal(units_bytes(1024).s, "1.0 kB");
	assert_string_equal(units_bytes(12939425).s, "12.3 MB");
	assert_string_equal(units_bytes(1024 * 1024 - 1).s, "1.0 MB");
	assert_string_equal(units_bytes(UINT64_C(5) << 30).s, "5.0 GB");
	assert_string_equal(units_bytes(GOSPY_UNKNOWN - 1).s, "16.0 EB");
	assert_string_equal(units_bytes(GOSPY_UNKNOWN).s, "?");
}

static void test_elapsed(void **state)
{
	(void)state;
	assert_string_equal(units_elapsed(0).s, "00:00");
	assert_string_equal(units_elapsed(61 * S).s, "01:01");
	assert_string_equal(units_elapsed(H).s, "01:00:00");
	assert_string_equal(units_elapsed(D + 2 * H + 3 * M + 4 * S).s, "01-02:03:04");
	assert_string_equal(units_elapsed(123 * D).s, "123-00:00:00");
}

static void test_go_duration(void **state)
{
	(void)state;
	assert_string_equal(units_go_duration(0).s, "0s");
	assert_string_equal(units_go_duration(999).s, "999ns");
	assert_string_equal(units_go_duration(1500).s, "1.5µs");
	assert_string_equal(units_go_duration(500 * MS).s, "500ms");
	assert_string_equal(units_go_duration(500 * MS + 1).s, "500.000001ms");
	assert_string_equal(units_go_duration(2 * S).s, "2s");
	assert_string_equal(units_go_duration(S + 50 * MS).s, "1.05s");
	assert_string_equal(units_go_duration(90 * S).s, "1m30s");
	assert_string_equal(units_go_duration(2 * H).s, "2h0m0s");
}

/* fmt.Println of 0.0, 0.5, 1e-05, ... */
static void test_go_float(void **state)
{
	(void)state;
	assert_string_equal(units_go_float(0).s, "0");
	assert_string_equal(units_go_float(1).s, "1");
	assert_string_equal(units_go_float(0.5).s, "0.5");
	assert_string_equal(units_go_float(0.1 + 0.2).s, "0.30000000000000004");
	assert_string_equal(units_go_float(0.00012345).s, "0.00012345");
	assert_string_equal(units_go_float(0.000012345).s, "1.2345e-05");
	assert_string_equal(units_go_float(5e-324).s, "5e-324");
	assert_string_equal(units_go_float(-1).s, "?");
}

static void test_go_time(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	assert_string_equal(units_go_time(0).s, "1970-01-01 00:00:00 +0000 UTC");
	assert_string_equal(units_go_time(1795274916 * S + 672866000).s,
			    "2026-11-21 15:28:36.672866 +0000 UTC");
	assert_string_equal(units_go_time(9 * S + 1).s, "1970-01-01 00:00:09.000000001 +0000 UTC");
	assert_non_null(strchr(units_go_time(UINT64_MAX).s, ' '));
	assert_string_equal(units_date(1795274916 * S + 672866000).s, "2026-11-21 15:28:36 UTC");
	assert_non_null(strchr(units_date(UINT64_MAX).s, ' '));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_span),        cmocka_unit_test(test_ms),
		cmocka_unit_test(test_age),         cmocka_unit_test(test_wait),
		cmocka_unit_test(test_bytes),       cmocka_unit_test(test_elapsed),
		cmocka_unit_test(test_go_duration), cmocka_unit_test(test_go_float),
		cmocka_unit_test(test_go_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
