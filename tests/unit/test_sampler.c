#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "base/clock.h"
#include "go_program.h"
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

/** A fixture that parks, or the test is skipped. */
static void start(struct go_program *program)
{
	const char *fixtures = getenv("GOSPY_FIXTURES");
	CLEANUP_FREE char *pattern = NULL;
	glob_t found;
	if (!fixtures || asprintf(&pattern, "%s/1.*/default/parked", fixtures) < 0 ||
	    glob(pattern, 0, NULL, &found)) {
		print_message("no fixture parked in GOSPY_FIXTURES\n");
		skip();
	}
	*program = (struct go_program){.path = strdup(found.gl_pathv[found.gl_pathc - 1])};
	globfree(&found);
	go_program_start(program);
}

static void end(struct go_program *program)
{
	fclose(program->to);
	fclose(program->from);
	waitpid(program->pid, NULL, 0);
	free((void *)(uintptr_t)program->path);
}

static void samples_come(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	struct sampler *sampler;
	const struct sampler_options options = every(1000000);
	assert_int_equal(sampler_start(program.pid, NULL, &options, &sampler, NULL), GOSPY_OK);
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
	end(&program);
}

static void what_is_missing_is_read_at_once(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	struct sampler *sampler;
	struct sampler_options options = every(HOUR_NS);
	options.paused = true;
	assert_int_equal(sampler_start(program.pid, NULL, &options, &sampler, NULL), GOSPY_OK);
	sample_destroy(next_sample(sampler));
	wait_for_state(sampler, SAMPLER_PAUSED);
	options.key = GROUP_OBJECT;
	sampler_configure(sampler, &options);
	struct sample *sample = next_sample(sampler);
	assert_non_null(sample->groups[GROUP_OBJECT].group_of);
	assert_true(sample->groups[GROUP_OBJECT].groups.at[0].count == 10000); // one channel
	sample_destroy(sample);
	// What is there already is not read again; what is asked for is.
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
	end(&program);
}

static void the_end_of_the_target_is_told(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	struct sampler *sampler;
	const struct sampler_options options = every(1000000);
	assert_int_equal(sampler_start(program.pid, NULL, &options, &sampler, NULL), GOSPY_OK);
	struct sample *sample = next_sample(sampler);
	end(&program);
	struct sampler_status status = wait_for_state(sampler, SAMPLER_ENDED);
	assert_int_equal(status.error.code, GOSPY_E_GONE);
	// What was sampled stays.
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
	assert_int_equal(sampler_start(getpid(), NULL, &options, &sampler, NULL), GOSPY_OK);
	struct sampler_status status = wait_for_state(sampler, SAMPLER_ENDED);
	assert_int_not_equal(status.error.code, GOSPY_OK);
	assert_null(sampler_target(sampler));
	assert_null(sampler_take(sampler));
	sampler_stop(sampler);
	sampler_stop(NULL);
}

/** At any moment of its work. */
static void it_ends_at_any_time(void **state)
{
	(void)state;
	struct go_program program;
	start(&program);
	for (unsigned i = 0; i < 20; i++) {
		struct sampler *sampler;
		const struct sampler_options options = every(1);
		assert_int_equal(sampler_start(program.pid, NULL, &options, &sampler, NULL),
				 GOSPY_OK);
		if (i % 2)
			sample_destroy(next_sample(sampler));
		nanosleep(&(struct timespec){.tv_nsec = i * 700000}, NULL);
		sampler_stop(sampler);
	}
	end(&program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_come),
		cmocka_unit_test(what_is_missing_is_read_at_once),
		cmocka_unit_test(the_end_of_the_target_is_told),
		cmocka_unit_test(what_is_no_go_program_ends_it),
		cmocka_unit_test(it_ends_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
