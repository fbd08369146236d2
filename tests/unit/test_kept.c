/* What is held on to of a process must never stand for a thread that is not there any more, nor
 * hide one that is new. */
#include "child.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "live/kept.h"
#include "live/pause.h"

/* A child whose thread number i lives while .go says so: bit i. It answers by .ready. */
enum { SLOTS = 8 };

struct runner {
	struct shared *shared;
	int slot;
};

static void *live_while_wanted(void *arg)
{
	struct runner *runner = arg;
	struct shared *shared = runner->shared;
	int slot = runner->slot;
	free(runner);
	atomic_store(&shared->tid[slot], gettid());
	// It sleeps most of the time, and without a deadline: a moment has to find it asleep.
	sigset_t wake;
	int signal;
	sigemptyset(&wake);
	sigaddset(&wake, SIGUSR1);
	while (atomic_load(&shared->go) >> slot & 1)
		sigwait(&wake, &signal);
	return NULL;
}

static void begin_slot(struct shared *shared, int slot)
{
	struct runner *runner = malloc(sizeof(*runner));
	if (!runner)
		abort();
	*runner = (struct runner){shared, slot};
	thread_start(live_while_wanted, runner);
}

/* Begins the thread of a slot when .stop is set to its number plus one. */
static void run_slots(struct shared *shared)
{
	sigset_t wake;
	int signal;
	sigemptyset(&wake);
	sigaddset(&wake, SIGUSR1);
	sigaddset(&wake, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &wake, NULL);
	sigdelset(&wake, SIGUSR1);
	atomic_store(&shared->ready, 1);
	for (;;) {
		int slot = atomic_exchange(&shared->stop, 0) - 1;
		if (slot >= 0)
			begin_slot(shared, slot);
		sigwait(&wake, &signal);
	}
}

static bool is_there(pid_t pid, pid_t tid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, tid);
	return access(path, F_OK) == 0;
}

/* Does the thread sleep? Then it does not run, nor is it about to. */
static bool is_asleep(pid_t pid, pid_t tid)
{
	struct proc_stat stat;
	return !procfs_stat(pid, tid, &stat, NULL) && stat.state == 'S';
}

static void start_slot(struct shared *shared, pid_t pid, int slot)
{
	atomic_store(&shared->tid[slot], 0);
	atomic_fetch_or(&shared->go, 1 << slot);
	atomic_store(&shared->stop, slot + 1);
	kill(pid, SIGUSR2);
	WAIT_FOR(atomic_load(&shared->tid[slot]));
	WAIT_FOR(is_asleep(pid, atomic_load(&shared->tid[slot])));
	WAIT_FOR(is_asleep(pid, pid));
}

static void end_slot(struct shared *shared, pid_t pid, int slot)
{
	pid_t tid = atomic_load(&shared->tid[slot]);
	atomic_fetch_and(&shared->go, ~(1 << slot));
	while (is_there(pid, tid)) {
		syscall(SYS_tgkill, pid, tid, SIGUSR1);
		usleep(200);
	}
	atomic_store(&shared->tid[slot], 0);
}

static enum gospy_code note_visit(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	(void)moment;
	(void)err;
	*(unsigned *)ctx += 1;
	return GOSPY_OK;
}

/* A moment of a process in which nothing runs. False: there was none. */
static bool watch(const struct process *process, struct source_kept *kept, struct moment *ret)
{
	unsigned visits = 0;
	const struct moment_work work = {.visit = note_visit, .ctx = &visits, .kept = kept};
	*ret = (struct moment){0};
	return !pause_watch(process, UINT64_C(60000000000), &work, ret, NULL) && visits;
}

/* What the test expects of each slot. */
struct expected {
	pid_t pid, tid[SLOTS];
	bool held[SLOTS]; /* it was there when they were listed before, and was looked at */
};

/* Returns what is wrong, or NULL. */
static const char *check_tasks(const struct expected *e, const struct tasks *tasks)
{
	size_t n = 1;
	for (int slot = 0; slot < SLOTS; slot++) {
		size_t found = 0;
		for (size_t i = 0; i < tasks->tasks.len; i++)
			found += tasks->tasks.at[i].tid == e->tid[slot];
		if (found != (e->tid[slot] != 0))
			return "a thread is missing, or there twice";
		n += found;
	}
	return n == tasks->tasks.len ? NULL : "there is a thread too many";
}

static const char *check_moment(const struct expected *e, const struct moment *moment)
{
	size_t n = 1;
	for (size_t i = 0; i < moment->threads.len; i++) {
		if (moment->threads.at[i].state == MOMENT_ENDED)
			n++;
	}
	for (int slot = 0; slot < SLOTS; slot++) {
		const struct moment_thread *thread =
			e->tid[slot] ? moment_find(moment, e->tid[slot]) : NULL;
		if (!e->tid[slot])
			continue;
		if (!thread || thread->state != MOMENT_STILL)
			return "a thread was not watched";
		if (thread->same != e->held[slot])
			return thread->same ? "a thread is taken for an earlier one"
					    : "a thread is not known again";
		n++;
	}
	return n == moment->threads.len ? NULL : "a thread too many was watched";
}

static const char *check_round(const struct expected *e, const struct process *process,
			       struct source_kept **kept, bool lists)
{
	struct tasks tasks = {0};
	struct moment moment;
	const char *wrong = NULL;
	if (lists && kept_tasks(kept, e->pid, false, &tasks, NULL))
		return "the threads were not listed";
	if (lists)
		wrong = check_tasks(e, &tasks);
	tasks_deinit(&tasks);
	if (wrong)
		return wrong;
	while (!watch(process, *kept, &moment))
		moment_deinit(&moment);
	wrong = check_moment(e, &moment);
	moment_deinit(&moment);
	return wrong;
}

/* Begin the thread of a slot, or end it. */
static void change_slot(struct shared *shared, struct expected *e, int slot)
{
	if (e->tid[slot])
		end_slot(shared, e->pid, slot);
	else
		start_slot(shared, e->pid, slot);
	e->tid[slot] = atomic_load(&shared->tid[slot]);
	e->held[slot] = false;
}

/* Without that there is no moment. */
static bool kernel_counts(pid_t pid)
{
	struct looker looker;
	struct look look = LOOK_OF(pid);
	bool counts = !looker_open(&looker, pid, NULL) && look_at(&looker, &look) != LOOK_UNKNOWN;
	look_deinit(&look);
	looker_close(&looker);
	return counts;
}

static void threads_come_and_go(void **state)
{
	(void)state;
	enum { ROUNDS = 200 };
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_slots, shared);
	struct process process;
	struct source_kept *kept = NULL;
	struct expected e = {.pid = pid};
	unsigned seed = 1;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	for (int round = 0; round < ROUNDS && kernel_counts(pid); round++) {
		seed = seed * 1103515245 + 12345;
		for (int slot = 0; slot < SLOTS; slot++) {
			if (seed >> (16 + slot) & seed >> (8 + slot) & 1)
				change_slot(shared, &e, slot);
		}
		const char *wrong = check_round(&e, &process, &kept, true);
		if (wrong)
			fail_msg("round %d: %s", round, wrong);
		bool there[SLOTS];
		for (int slot = 0; slot < SLOTS; slot++)
			there[slot] = e.tid[slot] != 0;
		if (round % 3 == 0) {
			// They need not be those that were listed.
			change_slot(shared, &e, round % SLOTS);
			there[round % SLOTS] = false;
			if ((wrong = check_round(&e, &process, &kept, false)))
				fail_msg("round %d, after they were listed: %s", round, wrong);
		}
		memcpy(e.held, there, sizeof(there));
	}
	source_forget(kept);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

/* ------------------------------------------------------------------------ ids that are used again
 * --
 */

/* The next thread that begins in this PID namespace gets this id, if it is free. */
static bool set_next_tid(pid_t tid)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", tid - 1);
	CLEANUP_CLOSE int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, (size_t)n) == n;
}

/* End a thread, and begin another one that gets its id. */
static bool replace_slot(struct shared *shared, struct expected *e, int slot)
{
	pid_t tid = e->tid[slot];
	change_slot(shared, e, slot);
	for (;;) {
		if (!set_next_tid(tid))
			return false;
		change_slot(shared, e, slot);
		if (e->tid[slot] == tid)
			return true;
		// The id becomes free a moment after the thread is gone from /proc.
		change_slot(shared, e, slot);
	}
}

static int use_an_id_again(struct shared *shared)
{
	pid_t pid = fork();
	if (pid == 0)
		run_slots(shared);
	WAIT_FOR(atomic_load(&shared->ready));
	struct process process;
	struct source_kept *kept = NULL;
	struct expected e = {.pid = pid};
	if (process_open(pid, &process, NULL))
		return 1;
	if (!kernel_counts(pid))
		return CHILD_CANNOT;
	for (int slot = 0; slot < 3; slot++)
		change_slot(shared, &e, slot);
	const char *wrong = check_round(&e, &process, &kept, true);
	for (int round = 0; !wrong && round < 8; round++) {
		if (!replace_slot(shared, &e, 1))
			return CHILD_CANNOT;
		e.held[0] = e.held[2] = true;
		wrong = check_round(&e, &process, &kept, round % 2 == 0);
	}
	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	source_forget(kept);
	process_close(&process);
	kill(pid, SIGKILL);
	return wrong != NULL;
}

/* In a PID namespace of its own, where nobody else takes ids. */
static int in_own_namespace(void *arg)
{
	if (unshare(CLONE_NEWPID | CLONE_NEWNS))
		return CHILD_CANNOT;
	pid_t pid = fork();
	if (pid == 0) {
		bool ok = mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
			  mount("proc", "/proc", "proc", 0, NULL) == 0;
		_exit(ok ? use_an_id_again(arg) : CHILD_CANNOT);
	}
	int status;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void an_id_is_used_again(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	int result = child_result(in_own_namespace, shared);
	shared_destroy(shared);
	if (result == CHILD_CANNOT) {
		print_message("left out: no PID namespace, or ids cannot be chosen in it\n");
		skip();
	}
	assert_int_equal(result, 0);
}

/* --------------------------------------------------------------------------------- descriptors --
 */

static unsigned count_fds(void)
{
	unsigned n = 0;
	DIR *dir CLEANUP_CLOSEDIR = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		n++;
	return n;
}

static void run_many(struct shared *shared)
{
	for (int i = 0; i < 100; i++)
		thread_start(sleeping_thread, NULL);
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

static void run_few(struct shared *shared)
{
	for (int i = 0; i < 9; i++)
		thread_start(sleeping_thread, NULL);
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

static bool lists(struct source_kept **kept, pid_t pid, size_t n)
{
	struct tasks tasks;
	if (kept_tasks(kept, pid, false, &tasks, NULL))
		return false;
	bool right = tasks.tasks.len == n;
	tasks_deinit(&tasks);
	return right;
}

static void many_threads_are_listed_only(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_many, shared);
	struct source_kept *kept = NULL;
	unsigned before = count_fds();
	for (int i = 0; i < 3; i++) {
		assert_true(lists(&kept, pid, 101));
		assert_int_equal(kept_of(kept)->threads.len, 0);
	}
	source_forget(kept);
	assert_int_equal(count_fds(), before);
	child_end(pid);
	shared_destroy(shared);
}

/* All that hold on to something leave most descriptors to the rest of the program. */
static int hold_on_to_many(void *arg)
{
	enum { MANY = 100, LIMIT = 800, SHARE = LIMIT / 8 };
	const struct rlimit limit = {LIMIT, LIMIT};
	struct source_kept *kept[MANY] = {NULL};
	pid_t pid = *(pid_t *)arg;
	unsigned before = count_fds();
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return CHILD_CANNOT;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < MANY; i++) {
			if (!lists(&kept[i], pid, 10))
				return 1;
		}
		// The first one has those of ten threads.
		if (count_fds() > before + SHARE || count_fds() < before + 11)
			return 2;
		for (int i = 0; i < MANY; i++) {
			source_forget(kept[i]);
			kept[i] = NULL;
		}
		if (count_fds() != before)
			return 3;
	}
	return 0;
}

/* There may be none left at all. */
static int hold_on_to_none(void *arg)
{
	pid_t pid = *(pid_t *)arg;
	const struct rlimit limit = {400, 400};
	int filled[400], n = 0;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return CHILD_CANNOT;
	while ((filled[n] = dup(0)) >= 0)
		n++;
	for (int room = 1; room < 40; room++) {
		close(filled[--n]);
		struct source_kept *kept = NULL;
		struct tasks tasks;
		struct gospy_error err;
		unsigned before = count_fds();
		enum gospy_code code = kept_tasks(&kept, pid, false, &tasks, &err);
		if (code ? code != GOSPY_E_OS : tasks.tasks.len != 10)
			return room;
		if (!code)
			tasks_deinit(&tasks);
		source_forget(kept);
		if (count_fds() != before)
			return 100 + room;
	}
	return 0;
}

static void descriptors_are_few(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_few, shared);
	assert_int_equal(child_result(hold_on_to_many, &pid), 0);
	assert_int_equal(child_result(hold_on_to_none, &pid), 0);
	child_end(pid);
	shared_destroy(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_come_and_go),
		cmocka_unit_test(an_id_is_used_again),
		cmocka_unit_test(many_threads_are_listed_only),
		cmocka_unit_test(descriptors_are_few),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
