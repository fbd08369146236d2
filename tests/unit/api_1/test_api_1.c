/* A program that was built with the first gospy.h, on the library of today: all that it could do
 * then it can do now, and nothing is written beyond the structs that it knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../go_program.h"
#include "gospy.h"

enum {
	PARKED = 40,
	GOROUTINES = PARKED + 1, /* and main */
	GUARD = 512,             /* more than any of the structs will grow */
	GUARD_BYTE = 0xa5,
};

static const char *const args[] = {"parked", "-n", "40", NULL};
static struct go_program program;
static struct gospy_target *target;
static struct gospy_snapshot *snapshot;

/* A result and what lies behind it. */
#define GUARDED(type)                                                                              \
	struct {                                                                                   \
		struct type ret;                                                                   \
		uint8_t guard[GUARD];                                                              \
	}

#define SET_GUARD(x)   memset(&(x), GUARD_BYTE, sizeof(x))
#define CHECK_GUARD(x) check_guard((x).guard)

static void check_guard(const uint8_t *guard)
{
	for (size_t i = 0; i < GUARD; i++)
		assert_int_equal(guard[i], GUARD_BYTE);
}

static void expect_ok(enum gospy_code code, const struct gospy_error *err)
{
	if (code)
		fail_msg("%s: %s", gospy_code_name(code), err->msg);
}

/* The options are followed by bytes that are not the program's to set. */
static void options_of_then_are_taken(void)
{
	struct gospy_error err;
	GUARDED(gospy_open_options) open;
	GUARDED(gospy_snapshot_options) take;
	SET_GUARD(open);
	open.ret = (struct gospy_open_options){.size = sizeof(open.ret)};
	expect_ok(gospy_target_open_pid(program.pid, &open.ret, &target, &err), &err);
	SET_GUARD(take);
	take.ret = (struct gospy_snapshot_options){
		.size = sizeof(take.ret),
		.stacks = true,
		.channels = true,
		.threads = true,
		.stack_states = 1 << GOSPY_STATUS_WAITING,
	};
	expect_ok(gospy_snapshot_take(target, &take.ret, &snapshot, &err), &err);
	CHECK_GUARD(open);
	CHECK_GUARD(take);
	assert_int_equal(gospy_target_info(target)->pid, program.pid);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	assert_int_equal(info->goroutines.total, GOROUTINES);
	assert_true(info->p_count && info->m_count && gospy_snapshot_ps(snapshot) &&
		    gospy_snapshot_ms(snapshot));
}

/* Each goroutine has a name for where it waits, and a stack that begins in main. */
static void goroutines_and_stacks_are_read(void)
{
	struct gospy_error err;
	GUARDED(gospy_goroutine) g;
	GUARDED(gospy_stack) stack;
	size_t users = 0;
	for (size_t i = 0; i < gospy_snapshot_goroutine_count(snapshot); i++) {
		SET_GUARD(g);
		SET_GUARD(stack);
		gospy_snapshot_goroutine(snapshot, i, &g.ret);
		CHECK_GUARD(g);
		if (g.ret.system || g.ret.status != GOSPY_STATUS_WAITING)
			continue;
		expect_ok(gospy_snapshot_stack(snapshot, i, &stack.ret, &err), &err);
		CHECK_GUARD(stack);
		assert_true(g.ret.wait_reason && g.ret.current && stack.ret.frame_count);
		assert_non_null(stack.ret.frames[stack.ret.frame_count - 1].func);
		assert_null(stack.ret.problem);
		assert_int_equal(g.ret.label_count, 0);
		users++;
	}
	assert_in_range(users, PARKED, GOROUTINES);
}

static void threads_are_read(void)
{
	struct gospy_error err;
	GUARDED(gospy_stack) stack;
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(snapshot, &n);
	assert_true(n > 1);
	assert_int_equal(threads[0].tid, program.pid);
	for (size_t i = 0; i < n; i++) {
		SET_GUARD(stack);
		enum gospy_code code = gospy_snapshot_thread_stack(snapshot, i, &stack.ret, &err);
		assert_true(code == GOSPY_OK || code == GOSPY_E_NOT_FOUND);
		CHECK_GUARD(stack);
	}
}

static void statistics_are_read(void)
{
	struct gospy_error err;
	GUARDED(gospy_read_options) how;
	GUARDED(gospy_memstats) memstats;
	GUARDED(gospy_stats) stats;
	GUARDED(gospy_process_usage) usage;
	SET_GUARD(how);
	SET_GUARD(memstats);
	SET_GUARD(stats);
	SET_GUARD(usage);
	how.ret = (struct gospy_read_options){.size = sizeof(how.ret), .non_blocking = true};
	expect_ok(gospy_memstats_read(target, &how.ret, &memstats.ret, &err), &err);
	expect_ok(gospy_stats_read(target, &how.ret, &stats.ret, &err), &err);
	expect_ok(gospy_process_usage(program.pid, &usage.ret, &err), &err);
	CHECK_GUARD(memstats);
	CHECK_GUARD(stats);
	CHECK_GUARD(usage);
	assert_true(memstats.ret.sys && memstats.ret.sys != GOSPY_UNKNOWN);
	assert_int_equal(memstats.ret.reading.paused_ns, 0);
	assert_in_range(stats.ret.goroutines, GOROUTINES, GOROUTINES + 64); // and the runtime's
	assert_true(usage.ret.rss && usage.ret.rss != GOSPY_UNKNOWN);
}

static void other_things_are_known(void)
{
	struct gospy_error err;
	struct gospy_diagnosis *diagnosis;
	struct gospy_process_list *list;
	struct gospy_process_info *process;
	struct gospy_build_info *build;
	struct gospy_agent *agent;
	const struct gospy_open_options open = {.size = sizeof(open)};
	const struct gospy_agent_options ask = {.size = sizeof(ask), .timeout_ns = 1};
	expect_ok(gospy_diagnosis_create(program.pid, &open, &diagnosis, &err), &err);
	assert_int_equal(diagnosis->code, GOSPY_OK);
	assert_true(diagnosis->finding_count);
	gospy_diagnosis_destroy(diagnosis);
	expect_ok(gospy_process_list_create(&list, &err), &err);
	size_t n, found = 0;
	const struct gospy_process *processes = gospy_process_list_get(list, &n);
	for (size_t i = 0; i < n; i++)
		found += processes[i].pid == program.pid && processes[i].is_go;
	assert_int_equal(found, 1);
	gospy_process_list_destroy(list);
	expect_ok(gospy_process_info_create(program.pid, 0, &process, &err), &err);
	assert_true(process->threads > 1);
	gospy_process_info_destroy(process);
	expect_ok(gospy_build_info_create(program.pid, &build, &err), &err);
	assert_non_null(build->go_version);
	gospy_build_info_destroy(build);
	assert_int_equal(gospy_agent_open_pid(program.pid, &ask, &agent, &err), GOSPY_E_NOT_FOUND);
}

static void what_worked_then_works_now(void **state)
{
	(void)state;
	go_program_start_newest(&program, "parked", args);
	options_of_then_are_taken();
	goroutines_and_stacks_are_read();
	threads_are_read();
	statistics_are_read();
	other_things_are_known();
	gospy_snapshot_destroy(snapshot);
	gospy_target_close(target);
	go_program_end(&program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_worked_then_works_now)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
