/* What gospy.h promises to programs with several threads: one target that all of them read at once,
 * one snapshot that all of them read, snapshots that outlive their target. To be run with
 * ThreadSanitizer, too (the preset tsan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "go_program.h"
#include "gospy.h"

enum {
	THREADS = 6,
	PARKED = 20000, /* enough for the library's own second thread */
	SWITCHING = 16,
	GOROUTINES = PARKED + SWITCHING + 1, /* and main */
	STEP = 7,                            /* every so many stacks are looked at */
};

static char count_text[16], switching_text[16];
static const char *const args[] = {"parked", "-n", count_text, "-switching", switching_text, NULL};

/* What all threads share. */
static struct gospy_target *target;
static struct gospy_snapshot *shared;
static pid_t pid;

/* The first thing that went wrong in a thread: only the thread of the test may fail it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char failure[512];

__attribute__((format(printf, 1, 2))) static void fail_later(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	pthread_mutex_lock(&lock);
	if (!failure[0])
		vsnprintf(failure, sizeof(failure), fmt, ap);
	pthread_mutex_unlock(&lock);
	va_end(ap);
}

static void expect(enum gospy_code code, const char *what, const struct gospy_error *err)
{
	if (code)
		fail_later("%s: %s: %s", what, gospy_code_name(code), err->msg);
}

static bool has_main(const struct gospy_stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++) {
		const char *func = stack->frames[i].func;
		if (func && strncmp(func, "main.", 5) == 0)
			return true;
	}
	return false;
}

/* The place of each parked goroutine is known; the others may be anywhere. */
static void check_stack(struct gospy_snapshot *snapshot, size_t index)
{
	struct gospy_error err;
	struct gospy_goroutine g;
	struct gospy_stack stack;
	gospy_snapshot_goroutine(snapshot, index, &g);
	if (g.system || g.status != GOSPY_STATUS_WAITING || g.soundness != GOSPY_SOUND)
		return;
	expect(gospy_snapshot_stack(snapshot, index, &stack, &err), "stack", &err);
	if (!has_main(&stack) || stack.problem)
		fail_later("goroutine %" PRIu64 ": %s", g.goid,
			   stack.problem ? stack.problem : "no function of package main");
}

static void check_goroutines(struct gospy_snapshot *snapshot)
{
	size_t users = 0, n = gospy_snapshot_goroutine_count(snapshot), threads;
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		users += g.start && g.start->func && !g.system && g.status != GOSPY_STATUS_DEAD &&
			 g.status != GOSPY_STATUS_DEADEXTRA;
	}
	if (users != GOROUTINES)
		fail_later("%zu goroutines instead of %d", users, GOROUTINES);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	if (info->goroutines.total != GOROUTINES || info->problem)
		fail_later("%" PRIu64 " goroutines: %s", info->goroutines.total,
			   info->problem ? info->problem : "ok");
	gospy_snapshot_threads(snapshot, &threads);
	gospy_snapshot_ps(snapshot);
	gospy_snapshot_ms(snapshot);
}

static void look(const struct gospy_snapshot_options *options)
{
	struct gospy_error err;
	struct gospy_snapshot *snapshot;
	enum gospy_code code = gospy_snapshot_take(target, options, &snapshot, &err);
	expect(code, options->non_blocking ? "snapshot without a stop" : "snapshot", &err);
	if (code)
		return;
	check_goroutines(snapshot);
	for (size_t i = 0; options->stacks && i < gospy_snapshot_goroutine_count(snapshot);
	     i += STEP)
		check_stack(snapshot, i);
	gospy_snapshot_destroy(snapshot);
}

static void take_stacks(void)
{
	look(&(struct gospy_snapshot_options){.size = sizeof(struct gospy_snapshot_options),
					      .stacks = true,
					      .arguments = true,
					      .objects = true,
					      .labels = true,
					      .threads = true,
					      .figures = true});
}

static void take_exact(void)
{
	look(&(struct gospy_snapshot_options){.size = sizeof(struct gospy_snapshot_options),
					      .exact = true});
}

static void take_running(void)
{
	look(&(struct gospy_snapshot_options){.size = sizeof(struct gospy_snapshot_options),
					      .stacks = true,
					      .non_blocking = true});
}

static void read_memstats(void)
{
	struct gospy_error err;
	struct gospy_memstats memstats;
	expect(gospy_memstats_read(target, NULL, &memstats, &err), "memstats", &err);
	const struct gospy_read_options options = {.size = sizeof(options), .non_blocking = true};
	expect(gospy_memstats_read(target, &options, &memstats, &err), "memstats, no stop", &err);
}

static void read_stats(void)
{
	struct gospy_error err;
	struct gospy_stats stats;
	expect(gospy_stats_read(target, NULL, &stats, &err), "stats", &err);
	if (stats.goroutines != GOROUTINES)
		fail_later("%" PRIu64 " goroutines in the statistics", stats.goroutines);
	const struct gospy_read_options options = {.size = sizeof(options), .non_blocking = true};
	expect(gospy_stats_read(target, &options, &stats, &err), "stats, no stop", &err);
}

static void look_at_target(void)
{
	struct gospy_error err;
	struct gospy_diagnosis *diagnosis;
	struct gospy_process_info *info;
	struct gospy_process_usage usage;
	struct gospy_build_info *build;
	size_t n;
	if (gospy_target_info(target)->pid != pid || !gospy_target_provenance(target, &n) || !n)
		fail_later("the target is another one");
	enum gospy_code code = gospy_diagnosis_create(pid, NULL, &diagnosis, &err);
	expect(code, "diagnosis", &err);
	if (!code)
		gospy_diagnosis_destroy(diagnosis);
	code = gospy_process_info_create(pid, 0, &info, &err);
	expect(code, "process info", &err);
	if (!code)
		gospy_process_info_destroy(info);
	code = gospy_build_info_create(pid, &build, &err);
	expect(code, "build info", &err);
	if (!code)
		gospy_build_info_destroy(build);
	expect(gospy_process_usage(pid, &usage, &err), "usage", &err);
}

/* All threads read the snapshot at once, but only one its stacks. */
static void read_shared(void)
{
	static pthread_mutex_t stacks = PTHREAD_MUTEX_INITIALIZER;
	check_goroutines(shared);
	pthread_mutex_lock(&stacks);
	for (size_t i = 0; i < gospy_snapshot_goroutine_count(shared); i += STEP)
		check_stack(shared, i);
	pthread_mutex_unlock(&stacks);
	check_goroutines(shared);
}

static void (*const operations[])(void) = {
	take_stacks, take_running,   read_shared, read_memstats,
	take_exact,  look_at_target, read_stats,
};

enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

static void *work(void *arg)
{
	const unsigned *first = arg;
	for (unsigned i = 0; i < OPERATIONS; i++)
		operations[(*first + i) % OPERATIONS]();
	return NULL;
}

static void run_threads(void *(*run)(void *arg))
{
	pthread_t threads[THREADS];
	unsigned numbers[THREADS];
	for (unsigned i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, run, &numbers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	if (failure[0])
		fail_msg("%s", failure);
}

static void open_all(struct go_program *program, struct gospy_snapshot **ret)
{
	struct gospy_error err;
	failure[0] = 0;
	snprintf(count_text, sizeof(count_text), "%d", PARKED);
	snprintf(switching_text, sizeof(switching_text), "%d", SWITCHING);
	go_program_start_newest(program, "parked", args);
	pid = program->pid;
	if (gospy_target_open_pid(pid, NULL, &target, &err))
		fail_msg("%s", err.msg);
	const struct gospy_snapshot_options options = {.size = sizeof(options), .stacks = true};
	if (gospy_snapshot_take(target, &options, ret, &err))
		fail_msg("%s", err.msg);
}

static void one_target_is_read_by_many(void **state)
{
	(void)state;
	struct go_program program;
	open_all(&program, &shared);
	run_threads(work);
	gospy_target_close(target);
	gospy_snapshot_destroy(shared);
	go_program_end(&program);
}

static struct gospy_snapshot *own[THREADS];

static void *read_own(void *arg)
{
	const unsigned *number = arg;
	struct gospy_snapshot *snapshot = own[*number];
	for (size_t i = 0; i < gospy_snapshot_goroutine_count(snapshot); i += STEP)
		check_stack(snapshot, i);
	if (*number == 0)
		gospy_target_close(target);
	check_goroutines(snapshot);
	gospy_snapshot_destroy(snapshot);
	return NULL;
}

static void snapshots_outlive_their_target(void **state)
{
	(void)state;
	struct gospy_error err;
	struct go_program program;
	const struct gospy_snapshot_options options = {.size = sizeof(options), .stacks = true};
	open_all(&program, &own[0]);
	for (unsigned i = 1; i < THREADS; i++) {
		if (gospy_snapshot_take(target, &options, &own[i], &err))
			fail_msg("%s", err.msg);
	}
	run_threads(read_own);
	go_program_end(&program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_target_is_read_by_many),
		cmocka_unit_test(snapshots_outlive_their_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
