#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "base/clock.h"
#include "go_program.h"
#include "left_behind.h"
#include "tui/sampler.h"

static const uint64_t HOUR_NS = 3600000000000;

/* Far above anything seen. */
enum { PATIENCE_MS = 60000 };

static struct sampler_options every(uint64_t refresh_ns)
{
	return (struct sampler_options){
		.refresh_ns = refresh_ns, .max_pause_ns = 1000000000, .non_blocking = true};
}

static void wait_for_news(struct sampler *sampler)
{
	struct pollfd fd = {.fd = sampler_fd(sampler), .events = POLLIN};
	assert_int_equal(poll(&fd, 1, PATIENCE_MS), 1);
}

static struct sample *next_sample(struct sampler *sampler)
{
	for (;;) {
		wait_for_news(sampler);
		struct sample *sample = sampler_take(sampler);
		struct sampler_status status;
		sampler_status(sampler, &status);
		if (!sample && status.failures)
			fail_msg("%s", status.error.msg);
		if (sample)
			return sample;
	}
}

/** Wait until the sampler has come to that state. */
static struct sampler_status wait_for_state(struct sampler *sampler, enum sampler_state state)
{
	struct sampler_status status;
	for (;;) {
		sampler_status(sampler, &status);
		if (status.state == state)
			return status;
		wait_for_news(sampler);
		sample_destroy(sampler_take(sampler));
	}
}

static void start(struct go_program *program)
{
	go_program_start_newest(program, "parked", NULL);
}

static void samples_come(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	struct sampler *sampler;
	const struct sampler_options options = every(1000000);
	assert_int_equal(sampler_start(program.pid, NULL, NULL, &options, &sampler, NULL),
			 GOSPY_OK);
	uint64_t before_ns = 0;
	for (unsigned i = 0; i < 5; i++) {
		struct sample *sample = next_sample(sampler);
		const struct gospy_target_info *info = sampler_target(sampler);
		assert_non_null(info);
		assert_int_equal(info->pid, program.pid);
		assert_true(sample->mono_ns > before_ns && sample->mono_ns <= clock_mono_ns());
		before_ns = sample->mono_ns;
		assert_int_equal(sample->census.goroutines, 10001); // and main
		assert_int_equal(sample->groups[GROUP_START].goroutines, 10001);
		assert_non_null(sample->groups[GROUP_STATE].group_of);
		assert_null(sample->groups[GROUP_OBJECT].group_of);
		assert_true(sample->usage_known && sample->usage.rss > 0);
		sample_destroy(sample);
	}
	sampler_stop(sampler);
	go_program_end(&program);
}

/** Reads a sample while the thread takes the next one, as the screen does. */
static void stacks_are_read_meanwhile(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	struct sampler *sampler;
	struct sampler_options options = every(1);
	assert_int_equal(sampler_start(program.pid, NULL, NULL, &options, &sampler, NULL),
			 GOSPY_OK);
	// Of the first one only the go statements are there to be named, while the thread comes to
	// know all that is on the stacks.
	struct sample *first = next_sample(sampler), *second = NULL;
	options.stacks = options.arguments = options.labels = options.threads = true;
	sampler_configure(sampler, &options);
	while (!second) {
		struct gospy_stack stack;
		for (size_t g = gospy_snapshot_goroutine_count(first->snapshot); g-- > 0;)
			assert_int_equal(gospy_snapshot_stack(first->snapshot, g, &stack, NULL),
					 GOSPY_E_NOT_FOUND);
		second = sampler_take(sampler);
	}
	sample_destroy(first);
	sample_destroy(second);
	for (unsigned read = 0; read < 5;) {
		struct sample *sample = next_sample(sampler);
		size_t n = gospy_snapshot_goroutine_count(sample->snapshot), parked = 0;
		if (!sample->options.stacks) {
			sample_destroy(sample);
			continue;
		}
		read++;
		for (size_t g = 0; g < n; g++) {
			struct gospy_stack stack;
			if (gospy_snapshot_stack(sample->snapshot, g, &stack, NULL))
				continue; // dead, or just running
			assert_true(stack.frame_count > 0);
			parked += stack.frames[0].func &&
				  strcmp(stack.frames[0].func, "runtime.gopark") == 0;
		}
		assert_true(parked >= 10000);
		sample_destroy(sample);
	}
	sampler_stop(sampler);
	go_program_end(&program);
}

static void what_is_missing_is_read_at_once(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	struct sampler *sampler;
	struct sampler_options options = every(HOUR_NS);
	options.paused = true;
	assert_int_equal(sampler_start(program.pid, NULL, NULL, &options, &sampler, NULL),
			 GOSPY_OK);
	sample_destroy(next_sample(sampler));
	wait_for_state(sampler, SAMPLER_PAUSED);
	options.key = GROUP_OBJECT;
	sampler_configure(sampler, &options);
	struct sample *sample = next_sample(sampler);
	assert_non_null(sample->groups[GROUP_OBJECT].group_of);
	assert_true(sample->groups[GROUP_OBJECT].groups.at[0].count == 10000); // one channel
	sample_destroy(sample);
	// The sampler does not read again what is there already; it reads what is asked for.
	options.key = GROUP_START;
	sampler_configure(sampler, &options);
	struct sampler_status status = wait_for_state(sampler, SAMPLER_PAUSED);
	assert_int_equal(status.samples, 2);
	sampler_refresh(sampler);
	sample_destroy(next_sample(sampler));
	sampler_status(sampler, &status);
	assert_int_equal(status.samples, 3);
	assert_int_equal(status.failures, 0);
	sampler_stop(sampler);
	go_program_end(&program);
}

static void the_end_of_the_target_is_told(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	struct sampler *sampler;
	const struct sampler_options options = every(1000000);
	assert_int_equal(sampler_start(program.pid, NULL, NULL, &options, &sampler, NULL),
			 GOSPY_OK);
	struct sample *sample = next_sample(sampler);
	go_program_end(&program);
	struct sampler_status status = wait_for_state(sampler, SAMPLER_ENDED);
	assert_int_equal(status.error.code, GOSPY_E_GONE);
	// The sample stays.
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(sample->snapshot, 0, &g);
	assert_non_null(g.start->func);
	assert_non_null(sampler_target(sampler)->exe);
	sample_destroy(sample);
	sampler_stop(sampler);
}

static void what_is_no_go_program_ends_it(void **state)
{
	(void)state;
	struct sampler *sampler;
	const struct sampler_options options = every(1000000);
	assert_int_equal(sampler_start(getpid(), NULL, NULL, &options, &sampler, NULL), GOSPY_OK);
	struct sampler_status status = wait_for_state(sampler, SAMPLER_ENDED);
	assert_int_not_equal(status.error.code, GOSPY_OK);
	assert_null(sampler_target(sampler));
	assert_null(sampler_take(sampler));
	sampler_stop(sampler);
	sampler_stop(NULL);
}

/** The sampler may end at any moment of its work. */
static void it_ends_at_any_time(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	const struct left_behind before = left_behind(program.pid);
	for (unsigned i = 0; i < 20; i++) {
		struct sampler *sampler;
		const struct sampler_options options = every(1);
		assert_int_equal(sampler_start(program.pid, NULL, NULL, &options, &sampler, NULL),
				 GOSPY_OK);
		if (i % 2)
			sample_destroy(next_sample(sampler));
		nanosleep(&(struct timespec){.tv_nsec = i * 700000}, NULL);
		sampler_stop(sampler);
		check_left_behind(&before, program.pid);
	}
	go_program_end(&program);
}

/** However large the interval is: at the end of time, and not at once. */
static void the_next_one_is_due_later(void **state)
{
	(void)state;
	assert_int_equal(sampler_due_ns(1000, 1100, 500), 1500);
	assert_int_equal(sampler_due_ns(1000, 1400, 500), 1500);
	assert_int_equal(sampler_due_ns(1000, 1800, 500), 2000);
	assert_true(sampler_due_ns(1000, 1100, UINT64_MAX) == UINT64_MAX);
	assert_true(sampler_due_ns(1000, UINT64_MAX - 1, 500) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_come),
		cmocka_unit_test(stacks_are_read_meanwhile),
		cmocka_unit_test(what_is_missing_is_read_at_once),
		cmocka_unit_test(the_end_of_the_target_is_told),
		cmocka_unit_test(what_is_no_go_program_ends_it),
		cmocka_unit_test(it_ends_at_any_time),
		cmocka_unit_test(the_next_one_is_due_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
