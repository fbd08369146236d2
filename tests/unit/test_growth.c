#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tui/growth.h"

typedef double series(size_t i, void *arg);

/* Values at each second, fitted; zeros are left out, as the caller may. */
static bool fit(series *value, void *arg, size_t n, double *slope_ret)
{
	struct growth_times times;
	struct growth growth = {0};
	growth_times_init(&times, -(double)n, -1);
	for (size_t i = 0; i < n; i++) {
		double t = (double)i - (double)n, v = value(i, arg);
		growth_times_add(&times, t);
		if (v != 0)
			growth_add(&growth, &times, t, v);
	}
	assert_true(growth_slope(&growth, &times, slope_ret));
	return growth_is_steady(&growth, &times);
}

static double line(size_t i, void *arg)
{
	const double *a = arg;
	return a[0] + a[1] * (double)i;
}

static void lines_are_fitted(void **state)
{
	(void)state;
	double slope;
	for (size_t n = GROWTH_VALUES_MIN; n < 100; n += 7) {
		assert_true(fit(line, (double[]){20000, 1}, n, &slope));
		assert_float_equal(slope, 1, 1e-6);
		assert_true(fit(line, (double[]){0, 0.5}, n, &slope));
		assert_float_equal(slope, 0.5, 1e-6);
		assert_false(fit(line, (double[]){20000, -1}, n, &slope));
		assert_float_equal(slope, -1, 1e-6);
		assert_false(fit(line, (double[]){20000, 0}, n, &slope));
		assert_float_equal(slope, 0, 1e-6);
	}
	assert_false(fit(line, (double[]){0, 5}, GROWTH_VALUES_MIN - 1, &slope));
}

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

static double noise(size_t i, void *arg)
{
	(void)i;
	return 1000 + (double)(next_random(arg) % 21);
}

/* Noise around a constant is no growth: not once in thousands of series. */
static void noise_does_not_grow(void **state)
{
	(void)state;
	uint64_t seed = 1;
	size_t flagged = 0;
	double slope;
	for (size_t round = 0; round < 4000; round++)
		flagged += fit(noise, &seed, GROWTH_VALUES_MIN + round % 100, &slope);
	assert_int_equal(flagged, 0);
}

struct sawtooth {
	size_t period, offset;
	double height, drift;
};

static double sawtooth(size_t i, void *arg)
{
	const struct sawtooth *s = arg;
	return 50 + s->height * (double)((i + s->offset) % s->period) / (double)s->period +
	       s->drift * (double)i;
}

static void what_comes_and_goes_does_not_grow(void **state)
{
	(void)state;
	double slope;
	for (size_t period = 2; period <= 20; period++) {
		for (size_t offset = 0; offset < period; offset++) {
			struct sawtooth s = {period, offset, 100, 0};
			for (size_t n = 2 * period > 12 ? 2 * period : 12; n < 100; n++)
				assert_false(fit(sawtooth, &s, n, &slope));
		}
	}
}

/* A leak is found under a sawtooth once it has risen well above its height. */
static void a_leak_under_a_sawtooth_grows(void **state)
{
	(void)state;
	double slope;
	struct sawtooth s = {4, 1, 20, 2};
	assert_true(fit(sawtooth, &s, 120, &slope));
	assert_true(slope > 1.9 && slope < 2.1);
}

static double leak_of_chance(size_t i, void *arg)
{
	static double sum;
	sum = i ? sum + (double)(next_random(arg) % 3) : 100;
	return sum;
}

static double stopped_leak(size_t i, void *arg)
{
	(void)arg;
	return i < 30 ? 10.0 * (double)i : 300;
}

static void leaks_need_not_be_even(void **state)
{
	(void)state;
	uint64_t seed = 7;
	double slope;
	size_t flagged = 0;
	for (size_t round = 0; round < 100; round++)
		flagged += fit(leak_of_chance, &seed, 60, &slope);
	assert_int_equal(flagged, 100);
	assert_true(fit(stopped_leak, NULL, 32, &slope));
	assert_false(fit(stopped_leak, NULL, 60, &slope));
}

static void too_few_have_no_slope(void **state)
{
	(void)state;
	struct growth_times times;
	struct growth growth = {0};
	double slope = 42;
	growth_times_init(&times, 1, 1);
	assert_false(growth_slope(&growth, &times, &slope));
	growth_times_add(&times, 1);
	growth_add(&growth, &times, 1, 5);
	assert_false(growth_slope(&growth, &times, &slope));
	growth_times_add(&times, 1); // the same time twice
	assert_false(growth_slope(&growth, &times, &slope));
	assert_float_equal(slope, 42, 0);
}

/* Looked at closely of late, hardly before: it is the time that counts, not the looks. A gap is no
 * objection. */
static void looks_need_not_be_even(void **state)
{
	(void)state;
	struct growth_times times;
	struct growth growth = {0};
	double slope;
	growth_times_init(&times, 0, 6000);
	for (double t = 0; t <= 6000; t += t < 5000 ? 100 : 1) {
		if (t > 2100 && t < 2900)
			continue;
		growth_times_add(&times, t);
		growth_add(&growth, &times, t, 7 + (double)(uint64_t)(t / 300));
	}
	assert_true(growth_is_steady(&growth, &times));
	assert_true(growth_slope(&growth, &times, &slope));
	assert_float_equal(slope, 1.0 / 300, 1e-4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_fitted),
		cmocka_unit_test(noise_does_not_grow),
		cmocka_unit_test(what_comes_and_goes_does_not_grow),
		cmocka_unit_test(a_leak_under_a_sawtooth_grows),
		cmocka_unit_test(leaks_need_not_be_even),
		cmocka_unit_test(too_few_have_no_slope),
		cmocka_unit_test(looks_need_not_be_even),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
