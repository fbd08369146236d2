#include "child.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "live/pause.h"

static const uint64_t minute_ns = 60 * UINT64_C(1000000000);

/* A pause that lasts until let_go, so that a test can look at the target from its own thread. */
struct held {
	const struct process *process;
	uint64_t max_pause_ns;
	const struct moment *moment; /* while it is held */
	uint64_t stopped_ns;
	pthread_t thread;
	bool active;
	sem_t begun, end;
	enum gospy_code code;
	struct gospy_error err;
};

static enum gospy_code keep_held(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	struct held *held = ctx;
	(void)err;
	held->moment = moment;
	sem_post(&held->begun);
	while (sem_wait(&held->end))
		;
	held->moment = NULL;
	return GOSPY_OK;
}

static void *run_held(void *arg)
{
	struct held *held = arg;
	const struct moment_work work = {
		.visit = keep_held, .ctx = held, .all = true, .reach_ns = minute_ns};
	struct moment moment;
	held->code = pause_run(held->process, held->max_pause_ns, &work, &moment, &held->err);
	held->stopped_ns = moment.stopped_ns;
	moment_deinit(&moment);
	sem_post(&held->begun);
	return NULL;
}

static void let_go(struct held *held)
{
	if (!held->active)
		return;
	held->active = false;
	sem_post(&held->end);
	pthread_join(held->thread, NULL);
}

static enum gospy_code hold(const struct process *process, uint64_t max_pause_ns, struct held *held,
			    struct gospy_error *err)
{
	*held = (struct held){.process = process, .max_pause_ns = max_pause_ns, .active = true};
	sem_init(&held->begun, 0, 0);
	sem_init(&held->end, 0, 0);
	assert_int_equal(pthread_create(&held->thread, NULL, run_held, held), 0);
	while (sem_wait(&held->begun))
		;
	if (held->moment)
		return GOSPY_OK;
	let_go(held);
	if (err)
		*err = held->err;
	return held->code;
}

static bool may_trace(void)
{
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_sleeper, shared);
	bool may = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
	child_end(pid);
	shared_destroy(shared);
	return may;
}

static int setup(void **state)
{
	(void)state;
	if (!may_trace())
		skip(); // ptrace is not allowed here
	return 0;
}

struct states {
	unsigned traced, stopped, sleeping_or_running, zombies;
};

static struct states states_of(pid_t pid)
{
	struct states states = {0};
	struct tasks tasks;
	if (procfs_tasks(pid, false, &tasks, NULL))
		return states;
	for (size_t i = 0; i < tasks.tasks.len; i++) {
		struct proc_status status;
		if (!procfs_status(pid, tasks.tasks.at[i].tid, &status, NULL) && status.tracer_pid)
			states.traced++;
		switch (tasks.tasks.at[i].state) {
		case 'T':
		case 't':
			states.stopped++;
			break;
		case 'Z':
		case 'X':
			states.zombies++;
			break;
		default:
			states.sleeping_or_running++;
		}
	}
	tasks_deinit(&tasks);
	return states;
}

static void assert_untouched(pid_t pid)
{
	struct states states = states_of(pid);
	assert_int_equal(states.traced, 0);
	assert_int_equal(states.stopped, 0);
	assert_true(states.sleeping_or_running > 0);
}

static size_t stopped_threads(const struct moment *moment)
{
	size_t n = 0;
	for (size_t i = 0; i < moment->threads.len; i++) {
		const struct moment_thread *thread = &moment->threads.at[i];
		assert_true(i == 0 || moment->threads.at[i - 1].tid < thread->tid);
		n += thread->has_regs;
	}
	return n;
}

struct counter {
	struct shared *shared;
	int slot;
};

static void *count(void *arg)
{
	struct counter *counter = arg;
	struct shared *shared = counter->shared;
	atomic_store(&shared->tid[counter->slot], gettid());
	atomic_fetch_add(&shared->ready, 1);
	for (;;)
		atomic_fetch_add(&shared->count[counter->slot], 1);
	return NULL;
}

enum { COUNTERS = 2, SLEEPERS = 30 };

static void run_counters(struct shared *shared)
{
	static struct counter counters[COUNTERS];
	for (int i = 0; i < SLEEPERS; i++)
		thread_start(sleeping_thread, NULL);
	for (int i = 0; i < COUNTERS; i++) {
		counters[i] = (struct counter){shared, i};
		thread_start(count, &counters[i]);
	}
	sleep_forever();
}

/** Sum of the counters. */
static unsigned long counted(const struct shared *shared)
{
	unsigned long sum = 0;
	for (int i = 0; i < COUNTERS; i++)
		sum += atomic_load(&shared->count[i]);
	return sum;
}

static void wait_all_count(const struct shared *shared)
{
	for (int i = 0; i < COUNTERS; i++) {
		unsigned long before = atomic_load(&shared->count[i]);
		WAIT_FOR(atomic_load(&shared->count[i]) != before);
	}
}

static void stops_and_resumes_all(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_counters, shared);
	WAIT_FOR(atomic_load(&shared->ready) == COUNTERS);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	for (int round = 0; round < 20; round++) {
		struct held held = {0};
		struct gospy_error err;
		assert_int_equal(hold(&process, minute_ns, &held, &err), GOSPY_OK);
		assert_int_equal(stopped_threads(held.moment), 1 + COUNTERS + SLEEPERS);
		unsigned long before = counted(shared);
		assert_int_equal(states_of(pid).sleeping_or_running, 0);
		for (int i = 0; i < COUNTERS; i++) {
			const struct moment_thread *thread =
				moment_find(held.moment, shared->tid[i]);
			assert_non_null(thread);
			assert_true(thread->has_regs && thread->regs.rip && thread->regs.rsp);
			assert_int_equal(thread->signal, 0);
		}
		assert_null(moment_find(held.moment, 1));
		assert_int_equal(counted(shared), before);
		let_go(&held);
		assert_true(held.stopped_ns > 0);
		assert_untouched(pid);
		wait_all_count(shared);
		let_go(&held);
	}
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

struct rehearsal {
	pid_t pid;
	unsigned rehearsals, traced_then, visits, stopped_then;
};

static void rehearse(void *ctx)
{
	struct rehearsal *r = ctx;
	r->traced_then = states_of(r->pid).traced;
	r->rehearsals++;
}

static enum gospy_code fail_at_visit(void *ctx, const struct moment *moment,
				     struct gospy_error *err)
{
	struct rehearsal *r = ctx;
	(void)moment;
	r->stopped_then = states_of(r->pid).stopped;
	r->visits++;
	return err_set(err, GOSPY_E_LIMIT, "as the visit said");
}

static void rehearses_untraced_and_resumes_after_a_failure(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_counters, shared);
	WAIT_FOR(atomic_load(&shared->ready) == COUNTERS);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	struct rehearsal r = {.pid = pid, .traced_then = 1};
	const struct moment_work work = {.rehearse = rehearse,
					 .visit = fail_at_visit,
					 .ctx = &r,
					 .all = true,
					 .reach_ns = minute_ns};
	struct moment moment;
	struct gospy_error err;
	assert_int_equal(pause_run(&process, minute_ns, &work, &moment, &err), GOSPY_E_LIMIT);
	assert_string_equal(err.msg, "as the visit said");
	assert_int_equal(r.rehearsals, 1);
	assert_int_equal(r.traced_then, 0);
	assert_int_equal(r.visits, 1);
	assert_int_equal(r.stopped_then, 1 + COUNTERS + SLEEPERS);
	assert_int_equal(moment.threads.len, 1 + COUNTERS + SLEEPERS);
	assert_true(moment.stopped_ns > 0);
	moment_deinit(&moment);
	assert_untouched(pid);
	wait_all_count(shared);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

static void *short_thread(void *arg)
{
	struct shared *shared = arg;
	atomic_fetch_add(&shared->count[1], 1);
	atomic_fetch_sub(&shared->count[0], 1);
	return NULL;
}

static void *churn(void *arg)
{
	struct shared *shared = arg;
	for (;;) {
		if (atomic_fetch_add(&shared->count[0], 1) < 100)
			pthread_detach(thread_start(short_thread, shared));
		else
			atomic_fetch_sub(&shared->count[0], 1);
	}
	return NULL;
}

static void run_churn(struct shared *shared)
{
	for (int i = 0; i < 3; i++)
		thread_start(churn, shared);
	WAIT_FOR(atomic_load(&shared->count[1]) > 100);
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

static void misses_no_new_thread(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_churn, shared);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	for (int round = 0; round < 50; round++) {
		struct held held = {0};
		struct gospy_error err = {0};
		enum gospy_code code = hold(&process, minute_ns, &held, &err);
		if (code)
			print_error("%s\n", err.msg);
		assert_int_equal(code, GOSPY_OK);
		unsigned long before = atomic_load(&shared->count[1]);
		struct states states = states_of(pid);
		assert_int_equal(states.sleeping_or_running, 0);
		assert_int_equal(states.stopped, stopped_threads(held.moment));
		assert_int_equal(atomic_load(&shared->count[1]), before);
		let_go(&held);
		assert_int_equal(states_of(pid).traced, 0);
		WAIT_FOR(atomic_load(&shared->count[1]) > before + 10);
	}
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

static void dead_leader(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_dead_leader, shared);
	WAIT_FOR(states_of(pid).zombies == 1);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	struct held held = {0};
	assert_int_equal(hold(&process, minute_ns, &held, NULL), GOSPY_OK);
	assert_int_equal(stopped_threads(held.moment), 1);
	assert_non_null(moment_find(held.moment, process.live_tid));
	let_go(&held);
	assert_untouched(pid);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

static void stays_in_group_stop(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_counters, shared);
	WAIT_FOR(atomic_load(&shared->ready) == COUNTERS);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	const unsigned all = 1 + COUNTERS + SLEEPERS;
	kill(pid, SIGSTOP);
	WAIT_FOR(states_of(pid).stopped == all);
	unsigned long before = counted(shared);
	for (int round = 0; round < 10; round++) {
		struct held held = {0};
		assert_int_equal(hold(&process, minute_ns, &held, NULL), GOSPY_OK);
		assert_int_equal(stopped_threads(held.moment), all);
		assert_int_equal(held.moment->held, 0);
		let_go(&held);
		// On its way back it may be seen running inside the kernel.
		WAIT_FOR(states_of(pid).stopped == all);
		assert_int_equal(states_of(pid).traced, 0);
		assert_int_equal(counted(shared), before);
	}
	kill(pid, SIGCONT);
	wait_all_count(shared);

	// Continued by someone else while it is paused.
	kill(pid, SIGSTOP);
	WAIT_FOR(states_of(pid).stopped == all);
	struct held held = {0};
	assert_int_equal(hold(&process, minute_ns, &held, NULL), GOSPY_OK);
	kill(pid, SIGCONT);
	let_go(&held);
	wait_all_count(shared);

	// Stopped by someone else while it is paused.
	assert_int_equal(hold(&process, minute_ns, &held, NULL), GOSPY_OK);
	assert_int_equal(held.moment->held, all);
	kill(pid, SIGSTOP);
	let_go(&held);
	WAIT_FOR(states_of(pid).stopped == all);
	assert_int_equal(states_of(pid).traced, 0);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

struct tracer_child {
	struct shared *shared;
	pid_t target;
};

static struct tracer_child tracer_child;

static void run_other_tracer(struct shared *shared)
{
	prctl(PR_SET_NAME, "other-tracer");
	if (ptrace(PTRACE_SEIZE, tracer_child.target, NULL, NULL) == 0)
		atomic_store(&shared->ready, 1);
	sleep_forever();
}

static void names_the_other_tracer(void **state)
{
	(void)state;
	struct shared *shared = shared_create(), *tracer_shared = shared_create();
	pid_t pid = child_start(run_counters, shared);
	WAIT_FOR(atomic_load(&shared->ready) == COUNTERS);
	// A thread that is stopped before the traced one is met has to be resumed.
	tracer_child.target = atomic_load(&shared->tid[COUNTERS - 1]);
	pid_t tracer = child_start(run_other_tracer, tracer_shared);
	struct process process;
	struct held held = {0};
	struct gospy_error err;
	char cause[100];
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	assert_int_equal(hold(&process, minute_ns, &held, &err), GOSPY_E_PERM);
	snprintf(cause, sizeof(cause), ": other-tracer (pid %d) is tracing it; try: --non-blocking",
		 tracer);
	assert_non_null(strstr(err.msg, cause));
	WAIT_FOR(states_of(pid).traced == 1);
	assert_int_equal(states_of(pid).stopped, 0);
	wait_all_count(shared);
	child_end(tracer);
	assert_int_equal(hold(&process, minute_ns, &held, &err), GOSPY_OK);
	let_go(&held);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
	shared_destroy(tracer_shared);
}

static void *end_child(void *pid)
{
	usleep(10000); // most often the target is asked for by then
	child_end(*(pid_t *)pid);
	return NULL;
}

static void waits_for_a_tracer_that_lets_go(void **state)
{
	(void)state;
	struct shared *shared = shared_create(), *tracer_shared = shared_create();
	pid_t pid = child_start(run_counters, shared);
	WAIT_FOR(atomic_load(&shared->ready) == COUNTERS);
	tracer_child.target = pid;
	pid_t tracer = child_start(run_other_tracer, tracer_shared);
	struct process process;
	struct held held = {0};
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	pthread_t end = thread_start(end_child, &tracer);
	// On a busy machine the tracer may take longer to end than it is waited for.
	uint64_t begin_ns = clock_mono_ns();
	enum gospy_code code;
	while ((code = hold(&process, minute_ns, &held, NULL)) == GOSPY_E_PERM) {
		assert_true(clock_mono_ns() - begin_ns >= 100 * UINT64_C(1000000));
		begin_ns = clock_mono_ns();
	}
	assert_int_equal(code, GOSPY_OK);
	let_go(&held);
	pthread_join(end, NULL);
	wait_all_count(shared);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
	shared_destroy(tracer_shared);
}

static void *exec_on_go(void *arg)
{
	struct shared *shared = arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!atomic_load(&shared->go))
		;
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
	return NULL;
}

static void run_exec_by_thread(struct shared *shared)
{
	for (int i = 0; i < 20; i++)
		thread_start(sleeping_thread, NULL);
	thread_start(exec_on_go, shared);
	for (int i = 0; i < 20; i++)
		thread_start(sleeping_thread, NULL);
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

static void run_exec_by_leader(struct shared *shared)
{
	for (int i = 0; i < 20; i++)
		thread_start(sleeping_thread, NULL);
	atomic_store(&shared->ready, 1);
	exec_on_go(shared);
}

static char comm_of(pid_t pid, char comm[COMM_MAX])
{
	struct proc_stat stat = {0};
	if (procfs_stat(pid, 0, &stat, NULL))
		return '?';
	memcpy(comm, stat.comm, sizeof(stat.comm));
	return stat.state;
}

/** Pause a process at the moment of its exec: whatever comes out, the new program has to run. */
static unsigned pause_during_exec(void (*run)(struct shared *), unsigned spin)
{
	struct shared *shared = shared_create();
	pid_t pid = child_start(run, shared);
	struct process process;
	struct held held = {0};
	struct gospy_error err = {0};
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	atomic_store(&shared->go, 1);
	for (unsigned i = 0; i < spin; i++)
		__asm__ volatile("pause");
	enum gospy_code code = hold(&process, minute_ns, &held, &err);
	if (code && code != GOSPY_E_GONE)
		print_error("%s\n", err.msg);
	if (code)
		assert_int_equal(code, GOSPY_E_GONE);
	else
		assert_int_equal(states_of(pid).sleeping_or_running, 0);
	let_go(&held);
	char comm[COMM_MAX] = "";
	WAIT_FOR(comm_of(pid, comm) == 'S' && !strcmp(comm, "sleep"));
	assert_untouched(pid);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
	return code;
}

static void survives_exec(void **state)
{
	(void)state;
	unsigned gone = 0;
	for (unsigned i = 0; i < 30; i++) {
		gone += pause_during_exec(run_exec_by_thread, i * 2000) != GOSPY_OK;
		gone += pause_during_exec(run_exec_by_leader, i * 2000) != GOSPY_OK;
	}
	print_message("exec met in %u of 60 pauses\n", gone);
}

static void *exit_on_go(void *arg)
{
	struct shared *shared = arg;
	while (!atomic_load(&shared->go))
		;
	_exit(42);
}

static void run_exit(struct shared *shared)
{
	for (int i = 0; i < 20; i++)
		thread_start(sleeping_thread, NULL);
	thread_start(exit_on_go, shared);
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

static void survives_exit(void **state)
{
	(void)state;
	unsigned gone = 0;
	for (unsigned i = 0; i < 60; i++) {
		struct shared *shared = shared_create();
		pid_t pid = child_start(run_exit, shared);
		struct process process;
		struct held held = {0};
		assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
		atomic_store(&shared->go, 1);
		for (unsigned spin = 0; spin < i * 250; spin++)
			__asm__ volatile("pause");
		enum gospy_code code = hold(&process, minute_ns, &held, NULL);
		assert_true(code == GOSPY_OK || code == GOSPY_E_GONE);
		gone += code != GOSPY_OK;
		let_go(&held);
		process_close(&process);
		// The exit status is still there for the parent.
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 42);
		shared_destroy(shared);
	}
	print_message("exit met in %u of 60 pauses\n", gone);
}

static void survives_kill_while_stopped(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_counters, shared);
	struct process process;
	struct held held = {0};
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	assert_int_equal(hold(&process, minute_ns, &held, NULL), GOSPY_OK);
	kill(pid, SIGKILL);
	WAIT_FOR(states_of(pid).sleeping_or_running + states_of(pid).stopped == 0);
	let_go(&held);
	process_close(&process);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	shared_destroy(shared);
}

static struct shared *signals_shared;

static void count_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	atomic_fetch_add(&signals_shared->count[signal == SIGUSR1 ? 0 : 1], 1);
	// The sender's data has to come through as well.
	if (info->si_code == SI_QUEUE)
		atomic_fetch_add(&signals_shared->count[2],
				 (unsigned long)info->si_value.sival_int);
}

static void *handle_signals(void *arg)
{
	struct shared *shared = arg;
	atomic_store(&shared->tid[0], gettid());
	sigset_t none;
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	atomic_store(&shared->ready, 1);
	sleep_forever();
	return NULL;
}

/** One thread handles signals, the others block them. */
static void run_signals(struct shared *shared)
{
	signals_shared = shared;
	struct sigaction action = {.sa_sigaction = count_signal,
				   .sa_flags = SA_SIGINFO | SA_RESTART};
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGURG, &action, NULL);
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGURG);
	pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	for (int i = 0; i < 10; i++)
		thread_start(sleeping_thread, NULL);
	thread_start(handle_signals, shared);
	sleep_forever();
}

struct sender {
	struct shared *shared;
	pid_t pid;
	unsigned long sent;
	atomic_bool stop;
};

/** One signal at a time, for a second one of the same number is merged with the first. */
static void *send_signals(void *arg)
{
	struct sender *sender = arg;
	struct shared *shared = sender->shared;
	while (!atomic_load(&sender->stop)) {
		unsigned long next = ++sender->sent;
		const union sigval one = {.sival_int = 1};
		sigqueue(sender->pid, SIGUSR1, one);
		syscall(SYS_tgkill, sender->pid, atomic_load(&shared->tid[0]), SIGURG);
		while (atomic_load(&shared->count[0]) < next ||
		       atomic_load(&shared->count[1]) < next)
			sched_yield();
	}
	return NULL;
}

static void loses_no_signal(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_signals, shared);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	struct sender sender = {.shared = shared, .pid = pid};
	pthread_t thread = thread_start(send_signals, &sender);
	unsigned pending = 0;
	for (int round = 0; round < 200; round++) {
		unsigned long before = atomic_load(&shared->count[0]);
		WAIT_FOR(atomic_load(&shared->count[0]) != before);
		struct held held = {0};
		assert_int_equal(hold(&process, minute_ns, &held, NULL), GOSPY_OK);
		for (size_t i = 0; i < held.moment->threads.len; i++)
			pending += held.moment->threads.at[i].signal != 0;
		let_go(&held);
	}
	atomic_store(&sender.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&shared->count[0]), sender.sent);
	assert_int_equal(atomic_load(&shared->count[1]), sender.sent);
	assert_int_equal(atomic_load(&shared->count[2]), sender.sent);
	print_message("%lu signals, %u held back and handed on\n", sender.sent, pending);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

/** A parent in vfork sleeps uninterruptibly until its child ends or execs. */
static void *vfork_parent(void *arg)
{
	struct shared *shared = arg;
	pid_t pid = vfork();
	if (pid == 0) {
		atomic_store(&shared->ready, 1);
		while (!atomic_load(&shared->go))
			;
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	atomic_store(&shared->stop, 1);
	sleep_forever();
	return NULL;
}

static void run_vfork(struct shared *shared)
{
	thread_start(vfork_parent, shared);
	sleep_forever();
}

static void gives_up_at_the_deadline(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_vfork, shared);
	struct process process;
	struct held held = {0};
	struct gospy_error err;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	assert_int_equal(hold(&process, 0, &held, &err), GOSPY_E_LIMIT);
	// A machine under load may need longer to come as far as the thread in question.
	uint64_t wait_ns = 10 * 1000 * 1000;
	do {
		wait_ns *= 2;
		uint64_t begin_ns = clock_mono_ns();
		assert_int_equal(hold(&process, wait_ns, &held, &err), GOSPY_E_LIMIT);
		assert_true(clock_mono_ns() - begin_ns >= wait_ns);
	} while (!strstr(err.msg, ", D)"));
	// Also the thread that did not stop is let go: nobody traces it when it wakes.
	WAIT_FOR(states_of(pid).traced == 0);
	atomic_store(&shared->go, 1);
	WAIT_FOR(atomic_load(&shared->stop));
	assert_untouched(pid);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

static int new_process(void *arg)
{
	struct shared *shared = arg;
	atomic_fetch_add(&shared->count[0], 1);
	return 0;
}

/** Processes that are made like threads, without SIGCHLD to their parent: TRACECLONE gets them. */
static void run_clone(struct shared *shared)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	atomic_store(&shared->ready, 1);
	for (;;) {
		pid_t pid = clone(new_process, stack + sizeof(stack), CLONE_VM, shared);
		waitpid(pid, NULL, __WALL);
		atomic_fetch_add(&shared->count[1], 1);
	}
}

static void lets_other_processes_go(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_clone, shared);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	for (int round = 0; round < 100; round++) {
		unsigned long before = atomic_load(&shared->count[1]);
		WAIT_FOR(atomic_load(&shared->count[1]) > before + 1);
		struct held held = {0};
		assert_int_equal(hold(&process, minute_ns, &held, NULL), GOSPY_OK);
		assert_int_equal(stopped_threads(held.moment), 1);
		let_go(&held);
	}
	unsigned long before = atomic_load(&shared->count[1]);
	WAIT_FOR(atomic_load(&shared->count[1]) > before + 1);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

static atomic_bool reap_stop;

static void *reap_all(void *arg)
{
	(void)arg;
	while (!atomic_load(&reap_stop)) {
		int status;
		waitpid(-1, &status, WNOHANG | __WALL);
	}
	return NULL;
}

static void bears_a_program_that_reaps_everything(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_counters, shared);
	WAIT_FOR(atomic_load(&shared->ready) == COUNTERS);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	pthread_t thread = thread_start(reap_all, NULL);
	for (int round = 0; round < 20; round++) {
		struct held held = {0};
		assert_int_equal(hold(&process, minute_ns, &held, NULL), GOSPY_OK);
		assert_int_equal(stopped_threads(held.moment), 1 + COUNTERS + SLEEPERS);
		let_go(&held);
		wait_all_count(shared);
	}
	atomic_store(&reap_stop, true);
	pthread_join(thread, NULL);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

static void run_pausing(struct shared *shared)
{
	struct process process;
	if (process_open(tracer_child.target, &process, NULL))
		_exit(1);
	atomic_store(&shared->ready, 1);
	for (;;) {
		struct held held = {0};
		if (hold(&process, minute_ns, &held, NULL))
			_exit(1);
		let_go(&held);
		atomic_fetch_add(&shared->count[0], 1);
	}
}

static void kill_of_the_tracer_harms_nobody(void **state)
{
	(void)state;
	struct shared *shared = shared_create(), *tracer_shared = shared_create();
	pid_t pid = child_start(run_counters, shared);
	WAIT_FOR(atomic_load(&shared->ready) == COUNTERS);
	tracer_child.target = pid;
	srand(1);
	for (int round = 0; round < 30; round++) {
		atomic_store(&tracer_shared->count[0], 0);
		pid_t tracer = child_start(run_pausing, tracer_shared);
		WAIT_FOR(atomic_load(&tracer_shared->count[0]) > 0);
		usleep((useconds_t)(rand() % 3000));
		kill(tracer, SIGKILL);
		int status;
		assert_int_equal(waitpid(tracer, &status, 0), tracer);
		assert_true(WIFSIGNALED(status));
		struct states states = states_of(pid);
		assert_int_equal(states.traced, 0);
		WAIT_FOR(states_of(pid).stopped == 0);
		wait_all_count(shared);
	}
	child_end(pid);
	shared_destroy(shared);
	shared_destroy(tracer_shared);
}

static void run_visiting(struct shared *shared)
{
	for (;;) {
		if (ptrace(PTRACE_SEIZE, tracer_child.target, NULL, NULL) == 0) {
			ptrace(PTRACE_INTERRUPT, tracer_child.target, NULL, NULL);
			waitpid(tracer_child.target, NULL, __WALL);
			ptrace(PTRACE_DETACH, tracer_child.target, NULL, NULL);
			atomic_fetch_add(&shared->count[0], 1);
			atomic_store(&shared->ready, 1);
		}
		usleep(20);
	}
}

/** Another tracer that comes and goes is named, or not in the way; nothing else is blamed. */
static void tracers_may_come_and_go(void **state)
{
	(void)state;
	enum { VISITS = 500 };
	struct shared *shared = shared_create(), *visitor_shared = shared_create();
	pid_t pid = child_start(run_sleeper, shared);
	tracer_child.target = pid;
	pid_t visitor = child_start(run_visiting, visitor_shared);
	struct process process;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	while (atomic_load(&visitor_shared->count[0]) < VISITS) {
		struct held held = {0};
		struct gospy_error err;
		enum gospy_code code = hold(&process, minute_ns, &held, &err);
		if (code) {
			assert_int_equal(code, GOSPY_E_PERM);
			assert_non_null(strstr(err.msg, "is tracing it"));
		}
		let_go(&held);
	}
	child_end(visitor);
	assert_int_equal(states_of(pid).traced, 0);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
	shared_destroy(visitor_shared);
}

static enum gospy_code stop_ourselves(void *ctx, const struct moment *moment,
				      struct gospy_error *err)
{
	struct shared *shared = ctx;
	(void)moment;
	(void)err;
	kill(getpid(), SIGTSTP);
	// A thread that is stopped does not count.
	for (int i = 0; i < 50; i++) {
		usleep(100);
		atomic_fetch_add(&shared->count[0], 1);
	}
	return GOSPY_OK;
}

static void run_suspended(struct shared *shared)
{
	const struct moment_work work = {.visit = stop_ourselves, .ctx = shared};
	struct process process;
	struct moment moment;
	setpgid(0, 0); // an orphaned process group takes no SIGTSTP
	atomic_store(&shared->ready, 1);
	if (process_open(tracer_child.target, &process, NULL) ||
	    pause_run(&process, minute_ns, &work, &moment, NULL))
		_exit(1);
	_exit(0);
}

/** Ctrl-Z while the target stands still takes effect when it runs again. */
static void is_suspended_after_the_pause(void **state)
{
	(void)state;
	struct shared *shared = shared_create(), *own = shared_create();
	pid_t pid = child_start(run_sleeper, shared);
	int status;
	tracer_child.target = pid;
	pid_t tracer = child_start(run_suspended, own);
	assert_int_equal(waitpid(tracer, &status, WUNTRACED), tracer);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
	assert_int_equal(atomic_load(&own->count[0]), 50);
	struct states states = states_of(pid);
	assert_int_equal(states.traced, 0);
	assert_int_equal(states.stopped, 0);
	kill(tracer, SIGCONT);
	assert_int_equal(waitpid(tracer, &status, 0), tracer);
	assert_int_equal(status, 0);
	child_end(pid);
	shared_destroy(shared);
	shared_destroy(own);
}

static void own_process_is_refused(void **state)
{
	(void)state;
	struct process process;
	struct held held = {0};
	struct gospy_error err;
	assert_int_equal(process_open(getpid(), &process, NULL), GOSPY_OK);
	assert_int_equal(hold(&process, minute_ns, &held, &err), GOSPY_E_PERM);
	assert_non_null(strstr(err.msg, "a process cannot stop itself"));
	let_go(&held);
	process_close(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(stops_and_resumes_all, setup),
		cmocka_unit_test_setup(rehearses_untraced_and_resumes_after_a_failure, setup),
		cmocka_unit_test_setup(misses_no_new_thread, setup),
		cmocka_unit_test_setup(dead_leader, setup),
		cmocka_unit_test_setup(stays_in_group_stop, setup),
		cmocka_unit_test_setup(names_the_other_tracer, setup),
		cmocka_unit_test_setup(waits_for_a_tracer_that_lets_go, setup),
		cmocka_unit_test_setup(survives_exec, setup),
		cmocka_unit_test_setup(survives_exit, setup),
		cmocka_unit_test_setup(survives_kill_while_stopped, setup),
		cmocka_unit_test_setup(loses_no_signal, setup),
		cmocka_unit_test_setup(gives_up_at_the_deadline, setup),
		cmocka_unit_test_setup(lets_other_processes_go, setup),
		cmocka_unit_test_setup(bears_a_program_that_reaps_everything, setup),
		cmocka_unit_test_setup(kill_of_the_tracer_harms_nobody, setup),
		cmocka_unit_test_setup(tracers_may_come_and_go, setup),
		cmocka_unit_test_setup(is_suspended_after_the_pause, setup),
		cmocka_unit_test(own_process_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
