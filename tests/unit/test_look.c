#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/span.h"
#include "live/look.h"
#include "live/pause.h"

#define TEXT(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

static void parses_what_the_kernel_writes(void **state)
{
	(void)state;
	struct look look = LOOK_OF(1);
	assert_int_equal(look_parse_syscall(TEXT("running\n"), &look), LOOK_RUNS);
	assert_int_equal(
		look_parse_syscall(TEXT("0 0x3 0x7fe9 0x20000 0x4 0x5 0x6 0x7ffc0 0x401\n"), &look),
		LOOK_QUIET);
	assert_int_equal(look.place.syscall, 0);
	assert_int_equal(look.place.arg0, 3);
	assert_int_equal(look.place.arg3, 4);
	assert_int_equal(look.place.sp, 0x7ffc0);
	assert_int_equal(look.place.pc, 0x401);
	// Off the processor, but in no system call: fs/proc/base.c, proc_pid_syscall().
	assert_int_equal(look_parse_syscall(TEXT("-1 0x7ffd8 0x402\n"), &look), LOOK_QUIET);
	assert_int_equal(look.place.syscall, -1);
	assert_int_equal(look.place.sp, 0x7ffd8);
	assert_int_equal(look.place.pc, 0x402);
	uint64_t arrivals = 0;
	assert_true(look_parse_schedstat(TEXT("1267438 3307729 41\n"), &arrivals));
	assert_int_equal(arrivals, 41);
}

static void rejects_malformed_text(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"-",
		"r",
		"0",
		"0 0x3",
		"202 0x1 0x2 0x3 0x4 0x5 0x6 0x7",
		"0 3 4 5 6 7 8 9 10",
		"-1 0x1",
		"99999999999999999999999999 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct look look = {.place = {.sp = 77}};
		struct span text = {(const uint8_t *)bad[i], strlen(bad[i])};
		assert_int_equal(look_parse_syscall(text, &look), LOOK_UNKNOWN);
		assert_int_equal(look.place.sp, 77);
	}
	static const char *const bad_counts[] = {"",      "1",     "1 2",   "1 2 ",
						 "x 2 3", "1 2 x", "-1 2 3"};
	for (size_t i = 0; i < sizeof(bad_counts) / sizeof(bad_counts[0]); i++) {
		struct span text = {(const uint8_t *)bad_counts[i], strlen(bad_counts[i])};
		uint64_t arrivals;
		assert_false(look_parse_schedstat(text, &arrivals));
	}
}

/* Threads that wake and sleep in many ways, each counting in memory whenever it executes. */
enum { SLEEPERS = 24, HOPPERS = 4 };

struct runner {
	struct shared *shared;
	int slot;
};

static void *sleep_and_count(void *arg)
{
	struct runner *runner = arg;
	unsigned seed = (unsigned)runner->slot;
	atomic_store(&runner->shared->tid[runner->slot], gettid());
	atomic_fetch_add(&runner->shared->ready, 1);
	for (;;) {
		atomic_fetch_add(&runner->shared->count[runner->slot], 1);
		seed = seed * 1103515245 + 12345;
		usleep(50 + (seed >> 16) % 3000);
	}
	return NULL;
}

/* Ways to be off a processor for as short as possible. */
static void *hop_and_count(void *arg)
{
	struct runner *runner = arg;
	struct pollfd fd = {.fd = open("/dev/null", O_RDONLY | O_CLOEXEC), .events = POLLIN};
	atomic_store(&runner->shared->tid[runner->slot], gettid());
	atomic_fetch_add(&runner->shared->ready, 1);
	for (unsigned i = 0;; i++) {
		atomic_fetch_add(&runner->shared->count[runner->slot], 1);
		if (i % 4 == 0)
			nanosleep(&(struct timespec){.tv_nsec = 1}, NULL);
		else if (i % 4 == 1)
			sched_yield();
		else if (i % 4 == 2)
			poll(&fd, 1, 1);
		else
			usleep(50);
	}
	return NULL;
}

static void run_sleepers(struct shared *shared)
{
	static struct runner runners[SLEEPERS + HOPPERS];
	for (int i = 0; i < SLEEPERS + HOPPERS; i++) {
		runners[i] = (struct runner){shared, i};
		thread_start(i < SLEEPERS ? sleep_and_count : hop_and_count, &runners[i]);
	}
	sleep_forever();
}

/* A thread that is said to have stood still between two looks has not counted. */
static void who_is_quiet_does_not_count(void **state)
{
	(void)state;
	enum { LOOKS = 20000 };
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_sleepers, shared);
	WAIT_FOR(atomic_load(&shared->ready) == SLEEPERS + HOPPERS);
	struct looker looker;
	struct look looks[SLEEPERS + HOPPERS];
	unsigned quiet = 0, moved = 0;
	assert_int_equal(looker_open(&looker, pid, NULL), GOSPY_OK);
	assert_int_equal(looker_count(&looker), 1 + SLEEPERS + HOPPERS);
	for (int i = 0; i < SLEEPERS + HOPPERS; i++)
		looks[i] = LOOK_OF(shared->tid[i]);
	for (unsigned n = 0; n < LOOKS; n++) {
		int i = (int)(n % (SLEEPERS + HOPPERS));
		enum look_result first = look_at(&looker, &looks[i]);
		if (first == LOOK_UNKNOWN)
			skip(); // this kernel does not count
		if (first != LOOK_QUIET)
			continue;
		unsigned long before = atomic_load(&shared->count[i]);
		for (unsigned spin = 0; spin < (n % 64) * 64; spin++)
			__asm__ volatile("pause");
		unsigned long after = atomic_load(&shared->count[i]);
		if (look_again(&looker, &looks[i]) != LOOK_QUIET) {
			moved++;
			continue;
		}
		assert_int_equal(before, after);
		quiet++;
	}
	print_message("%u quiet, %u moved in between\n", quiet, moved);
	assert_true(quiet > 0);
	for (int i = 0; i < SLEEPERS + HOPPERS; i++)
		look_deinit(&looks[i]);
	looker_close(&looker);
	child_end(pid);
	shared_destroy(shared);
}

/* Counts in a moment of pause_run, in which all threads that count must stand still. */
struct counts {
	struct shared *shared;
	unsigned long first[CHILD_THREADS];
	unsigned long last[CHILD_THREADS];
	unsigned settled;
	int slots;
};

static enum gospy_code read_counts(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	struct counts *counts = ctx;
	(void)moment;
	(void)err;
	for (int i = 0; i < counts->slots; i++)
		counts->first[i] = atomic_load(&counts->shared->count[i]);
	for (unsigned spin = 0; spin < 2000; spin++)
		__asm__ volatile("pause");
	for (int i = 0; i < counts->slots; i++)
		counts->last[i] = atomic_load(&counts->shared->count[i]);
	return GOSPY_OK;
}

/* A thread that waited for a processor has not counted since the moment, either. */
static void check_settled(void *ctx, const struct moment_thread *thread)
{
	struct counts *counts = ctx;
	for (int i = 0; i < counts->slots; i++) {
		if (atomic_load(&counts->shared->tid[i]) == thread->tid)
			assert_int_equal(atomic_load(&counts->shared->count[i]), counts->last[i]);
	}
	counts->settled++;
}

static int slot_of(const struct counts *counts, pid_t tid)
{
	for (int i = 0; i < counts->slots; i++) {
		if (atomic_load(&counts->shared->tid[i]) == tid)
			return i;
	}
	return -1;
}

static const uint64_t minute_ns = UINT64_C(60000000000);

static void check_moments(void (*run)(struct shared *), int slots, unsigned rounds)
{
	struct shared *shared = shared_create();
	pid_t pid = child_start(run, shared);
	WAIT_FOR(atomic_load(&shared->ready) == slots);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	unsigned still = 0, stopped = 0, moved = 0, settled = 0;
	for (unsigned n = 0; n < rounds; n++) {
		struct counts counts = {.shared = shared, .slots = slots};
		const struct moment_work work = {.visit = read_counts,
						 .settle = check_settled,
						 .ctx = &counts,
						 .reach_ns = minute_ns};
		struct moment moment;
		struct gospy_error err = {0};
		enum gospy_code code = pause_run(&process, minute_ns, &work, &moment, &err);
		// Nothing runs for so long in the kernel; a crowded machine is no reason.
		if (code)
			print_error("%s\n", err.msg);
		assert_int_equal(code, GOSPY_OK);
		for (size_t i = 0; i < moment.threads.len; i++) {
			const struct moment_thread *thread = &moment.threads.at[i];
			int slot = slot_of(&counts, thread->tid);
			still += thread->state == MOMENT_STILL;
			stopped += thread->state == MOMENT_STOPPED;
			moved += thread->state == MOMENT_MOVED;
			if (slot >= 0 && thread->state != MOMENT_MOVED)
				assert_int_equal(counts.first[slot], counts.last[slot]);
		}
		settled += counts.settled;
		moment_deinit(&moment);
	}
	print_message("%u still, %u stopped, %u of them later, %u moved\n", still, stopped, settled,
		      moved);
	// How many moved depends on the machine, too.
	assert_true(still + stopped > 0);
	struct tasks tasks;
	assert_int_equal(procfs_tasks(pid, false, &tasks, NULL), GOSPY_OK);
	for (size_t i = 0; i < tasks.tasks.len; i++) {
		struct proc_status status;
		assert_int_equal(procfs_status(pid, tasks.tasks.at[i].tid, &status, NULL),
				 GOSPY_OK);
		assert_int_equal(status.tracer_pid, 0);
	}
	tasks_deinit(&tasks);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

static void a_moment_of_sleepers(void **state)
{
	(void)state;
	check_moments(run_sleepers, SLEEPERS + HOPPERS, 300);
}

enum { SPINNERS = 6 };

static void *spin_and_count(void *arg)
{
	struct runner *runner = arg;
	atomic_store(&runner->shared->tid[runner->slot], gettid());
	atomic_fetch_add(&runner->shared->ready, 1);
	for (;;)
		atomic_fetch_add(&runner->shared->count[runner->slot], 1);
	return NULL;
}

/* More than there are processors: most wait for one. */
static void run_spinners(struct shared *shared)
{
	static struct runner runners[SPINNERS];
	for (int i = 0; i < SPINNERS; i++) {
		runners[i] = (struct runner){shared, i};
		thread_start(spin_and_count, &runners[i]);
	}
	sleep_forever();
}

static void a_moment_of_spinners(void **state)
{
	(void)state;
	check_moments(run_spinners, SPINNERS, 200);
}

static enum gospy_code note_visit(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	unsigned *visits = ctx;
	(void)moment;
	(void)err;
	++*visits;
	return GOSPY_OK;
}

static void nothing_is_stopped_that_sleeps(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_sleeper, shared);
	struct process process;
	struct moment moment;
	unsigned visits = 0;
	const struct moment_work work = {
		.visit = note_visit, .ctx = &visits, .reach_ns = minute_ns};
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	// It may be on its way to sleep.
	do {
		assert_int_equal(pause_run(&process, minute_ns, &work, &moment, NULL), GOSPY_OK);
		moment_deinit(&moment);
	} while (pause_watch(&process, minute_ns, &work, &moment, NULL));
	assert_true(moment.reached && visits >= 2);
	assert_int_equal(moment.interrupted, 0);
	assert_int_equal(moment.stopped_ns, 0);
	assert_int_equal(moment.threads.len, 1);
	assert_int_equal(moment.threads.at[0].state, MOMENT_STILL);
	assert_int_equal(moment.threads.at[0].place.syscall, SYS_pause);
	moment_deinit(&moment);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

static void what_runs_cannot_be_watched(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_spinners, shared);
	WAIT_FOR(atomic_load(&shared->ready) == SPINNERS);
	struct process process;
	struct moment moment;
	struct pause_prospect prospect;
	unsigned visits = 0;
	const struct moment_work work = {.visit = note_visit, .ctx = &visits};
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	assert_int_equal(pause_watch(&process, minute_ns, &work, &moment, NULL), GOSPY_E_LIMIT);
	assert_false(moment.reached);
	moment_deinit(&moment);
	assert_int_equal(pause_look(&process, &prospect, NULL), GOSPY_OK);
	assert_int_equal(prospect.threads, 1 + SPINNERS);
	assert_in_range(prospect.running, SPINNERS, 1 + SPINNERS);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_what_the_kernel_writes),
		cmocka_unit_test(rejects_malformed_text),
		cmocka_unit_test(who_is_quiet_does_not_count),
		cmocka_unit_test(a_moment_of_sleepers),
		cmocka_unit_test(a_moment_of_spinners),
		cmocka_unit_test(nothing_is_stopped_that_sleeps),
		cmocka_unit_test(what_runs_cannot_be_watched),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
