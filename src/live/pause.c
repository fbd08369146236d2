#include "live/pause.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/thread.h"
#include "live/tracer.h"
#include "live/turn.h"

#define PAUSE_THREAD_NAME "gospy"

/** One attempt. The thread that traces and the one that asked for it share it. */
struct pause_worker {
	struct tracer tracer;
	struct cancel *cancel; /* that the one that asked for it works for */
	pthread_t thread;
	sem_t done;
	enum gospy_code code;
	struct gospy_error err;
};

static void work_once(struct pause_worker *worker)
{
	const struct moment_work *work = worker->tracer.work;
	if (work->rehearse)
		work->rehearse(work->ctx);
	worker->code = tracer_run(&worker->tracer, &worker->err);
}

static void *trace(void *arg)
{
	struct pause_worker *worker = arg;
	// By this name another gospy knows that it need only wait a moment.
	prctl(PR_SET_NAME, PAUSE_THREAD_NAME);
	cancel_adopt(worker->cancel);
	work_once(worker);
	sem_post(&worker->done);
	return NULL;
}

/** Take note of threads that have ended; the leader belongs to the parent of the process. */
static void reap_zombies(pid_t pid)
{
	struct tasks tasks;
	if (procfs_tasks(pid, false, &tasks, NULL))
		return;
	for (size_t i = 0; i < tasks.tasks.len; i++) {
		const struct task *task = &tasks.tasks.at[i];
		siginfo_t info;
		if (task->state == 'Z' && task->tid != pid)
			waitid(P_PID, (id_t)task->tid, &info, WEXITED | WNOHANG | __WALL);
	}
	tasks_deinit(&tasks);
}

/**
 * An exec in the target kills its other threads, and waits until those that we trace are reaped;
 * it holds the lock that PTRACE_SEIZE takes (cred_guard_mutex: fs/exec.c, de_thread() and
 * kernel/ptrace.c, ptrace_attach()). A worker that is seizing then hangs together with the target,
 * until another thread, this one, reaps.
 */
static void wait_done(struct pause_worker *worker)
{
	static const uint64_t tick_ns = 10 * 1000 * 1000;
	unsigned last = 0;
	for (;;) {
		uint64_t ns = clock_mono_ns() + tick_ns;
		struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000),
				      .tv_nsec = (long)(ns % 1000000000)};
		if (sem_clockwait(&worker->done, CLOCK_MONOTONIC, &ts) == 0)
			return;
		unsigned progress = atomic_load(&worker->tracer.progress);
		if (progress == last && !atomic_load(&worker->tracer.stopped))
			reap_zombies(worker->tracer.process->pid);
		last = progress;
	}
}

/** Ctrl-Z would stop this program, and the target would stand still until somebody says fg: it has
 * to wait. (Other threads of the program may still take it; and nobody can block a SIGSTOP.) */
static void block_job_control(sigset_t *before_ret)
{
	sigset_t stops;
	sigemptyset(&stops);
	sigaddset(&stops, SIGTSTP);
	sigaddset(&stops, SIGTTIN);
	sigaddset(&stops, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &stops, before_ret);
}

/** Run the attempt on a thread of its own. */
static void trace_once(struct pause_worker *worker)
{
	sigset_t before;
	block_job_control(&before);
	sem_init(&worker->done, 0, 0);
	int os_errno = thread_start(&worker->thread, trace, worker);
	if (!os_errno) {
		wait_done(worker);
		pthread_join(worker->thread, NULL);
	} else {
		worker->code = err_os(&worker->err, os_errno, "cannot start a thread");
	}
	sem_destroy(&worker->done);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/** Rest for a random time, so that two gospys that want the same process do not wake at the same
 * time again and again. */
static enum gospy_code rest_a_little(struct gospy_error *err)
{
	enum { LEAST_NS = 1 << 20, RANGE_NS = 1 << 22 };
	return cancel_sleep(LEAST_NS + clock_mono_ns() % RANGE_NS, err);
}

/* Is the thread that traces the process a gospy's? Then it lets go after a moment. */
static bool is_gospy(pid_t tid)
{
	struct proc_stat stat;
	return !procfs_stat(tid, 0, &stat, NULL) && strcmp(stat.comm, PAUSE_THREAD_NAME) == 0;
}

/* Attempts that follow one another because threads moved: what they have learnt, and what they
 * cost. */
struct attempts {
	const struct process *process;
	const struct moment_work *work;
	uint64_t max_pause_ns;
	bool only_watch;
	struct map restless;
	uint64_t stopped_ns;
	size_t interrupted; /* in one of them, at most */
};

/* How long those that were interrupted are waited for while others stand still: most report after
 * some microseconds. */
static const uint64_t patience_ns[] = {100000, 500000, 4000000, 4000000};
enum {
	ATTEMPTS = sizeof(patience_ns) / sizeof(patience_ns[0]),
	LEAST_SHARE = 8, /* of the longest pause: an attempt that has less comes to nothing */
};

/* How long may the next attempt hold what runs? All of them together, no longer than the longest
 * pause. `*last_ret`: there may be none after it. */
static uint64_t pause_left(const struct attempts *a, bool *last_ret)
{
	uint64_t least_ns = a->max_pause_ns / LEAST_SHARE;
	uint64_t left_ns = a->stopped_ns < a->max_pause_ns ? a->max_pause_ns - a->stopped_ns : 0;
	*last_ret = left_ns < 2 * least_ns;
	return left_ns < least_ns ? least_ns : left_ns;
}

/* False: try again. */
static bool attempt(struct attempts *a, unsigned number, struct moment *ret,
		    enum gospy_code *code_ret, pid_t *taken_by_ret, struct gospy_error *err)
{
	bool last;
	const uint64_t max_pause_ns = pause_left(a, &last);
	last |= number + 1 >= (a->only_watch ? ATTEMPTS / 2 : ATTEMPTS);
	bool all = a->work->all || (last && a->work->insist);
	uint64_t reach_ns = a->work->reach_ns ? a->work->reach_ns : PAUSE_REACH_NS;
	uint64_t patience =
		patience_ns[number] < max_pause_ns / 2 ? patience_ns[number] : max_pause_ns / 2;
	struct pause_worker worker = {
		.tracer = {.looker = {.task_fd = -1},
			   .process = a->process,
			   .work = a->work,
			   .max_pause_ns = max_pause_ns,
			   .patience_ns = all ? reach_ns : patience,
			   .reach_ns = reach_ns,
			   .restless = &a->restless,
			   .all = all,
			   .only_watch = a->only_watch,
			   .is_last = last},
		.cancel = cancel_current(),
	};
	if (a->only_watch)
		work_once(&worker);
	else
		trace_once(&worker);
	struct tracer *tracer = &worker.tracer;
	tracer_deinit(tracer);
	a->stopped_ns += tracer->moment.stopped_ns;
	*ret = tracer->moment;
	ret->stopped_ns = a->stopped_ns;
	if (ret->interrupted > a->interrupted)
		a->interrupted = ret->interrupted;
	ret->interrupted = a->interrupted;
	*code_ret = worker.code;
	*taken_by_ret = tracer->taken ? tracer->taken_by : 0;
	if (worker.code && err)
		*err = worker.err;
	if (!ret->reached || worker.code == GOSPY_E_NOMEM || worker.code == GOSPY_E_CANCELLED)
		return true;
	return !tracer->moment.moved || last;
}

static enum gospy_code run_all(struct attempts *a, struct moment *ret, struct gospy_error *err)
{
	static const uint64_t patience_tracer_ns = 200 * 1000 * 1000,
			      patience_gospy_ns = UINT64_C(5) * 1000 * 1000 * 1000;
	uint64_t start_ns = clock_mono_ns();
	for (unsigned number = 0;;) {
		enum gospy_code code;
		pid_t taken_by;
		bool done = attempt(a, number, ret, &code, &taken_by, err);
		if (!done) {
			number++;
		} else if (!taken_by ||
			   clock_mono_ns() - start_ns >=
				   (is_gospy(taken_by) ? patience_gospy_ns : patience_tracer_ns)) {
			return code;
		} else if ((code = rest_a_little(err))) {
			return code;
		}
		moment_deinit(ret);
	}
}

enum gospy_code pause_run(const struct process *process, uint64_t max_pause_ns,
			  const struct moment_work *work, struct moment *ret,
			  struct gospy_error *err)
{
	struct attempts attempts = {.process = process, .work = work, .max_pause_ns = max_pause_ns};
	struct turn turn;
	*ret = (struct moment){0};
	enum gospy_code code = turn_begin(&turn, process->pid, err);
	if (code)
		return code;
	code = run_all(&attempts, ret, err);
	turn_end(&turn);
	map_deinit(&attempts.restless);
	return code;
}

enum gospy_code pause_watch(const struct process *process, uint64_t max_pause_ns,
			    const struct moment_work *work, struct moment *ret,
			    struct gospy_error *err)
{
	struct attempts attempts = {
		.process = process, .work = work, .max_pause_ns = max_pause_ns, .only_watch = true};
	// A thread that wakes for a moment does so seldom where it has nothing to do.
	enum { TRIES = 3 };
	enum gospy_code code = GOSPY_OK;
	for (unsigned i = 0; i < TRIES; i++) {
		code = run_all(&attempts, ret, err);
		if (ret->reached || code != GOSPY_E_LIMIT || i + 1 == TRIES)
			break;
		moment_deinit(ret);
	}
	map_deinit(&attempts.restless);
	if (!ret->moved || code == GOSPY_E_CANCELLED)
		return code;
	ret->reached = false;
	return err_set(err, GOSPY_E_LIMIT, "pid %d runs", process->pid);
}

/** A probe of one thread. */
struct probe {
	pid_t tid;
	enum gospy_code code;
	struct gospy_error err;
};

static void *probe_thread(void *arg)
{
	struct probe *probe = arg;
	probe->code = tracer_probe(probe->tid, &probe->err);
	return NULL;
}

enum gospy_code pause_probe(const struct process *process, struct gospy_error *err)
{
	struct probe probe = {.tid = process->live_tid};
	pthread_t thread;
	struct turn turn;
	enum gospy_code code = turn_begin(&turn, process->pid, err);
	if (code)
		return code;
	int os_errno = thread_start(&thread, probe_thread, &probe);
	if (!os_errno)
		pthread_join(thread, NULL);
	turn_end(&turn);
	if (os_errno)
		return err_os(err, os_errno, "cannot start a thread");
	if (probe.code && err)
		*err = probe.err;
	return probe.code;
}

/* Look again at a thread that was found quiet. */
static void note_sleep(const struct looker *looker, pid_t tid, struct pause_prospect *ret)
{
	struct proc_stat stat;
	if (procfs_stat(looker->pid, tid, &stat, NULL) || stat.state != 'D')
		return;
	ret->asleep++;
	ret->asleep_tid = tid;
}

static void look_first(struct looker *looker, struct look *look, struct pause_prospect *ret)
{
	enum look_result result = look_at(looker, look);
	ret->threads += result != LOOK_GONE;
	ret->running += result == LOOK_RUNS || result == LOOK_UNKNOWN;
	ret->unknown += result == LOOK_UNKNOWN;
	if (result == LOOK_QUIET)
		note_sleep(looker, look->tid, ret);
	else
		look->tid = 0;
}

enum gospy_code pause_look(const struct process *process, struct pause_prospect *ret,
			   struct gospy_error *err)
{
	static const struct timespec moment = {.tv_nsec = 1000 * 1000};
	struct pause_prospect prospect = {0};
	struct looker looker;
	pid_vec tids = {0};
	enum gospy_code code = looker_open(&looker, process->pid, err);
	if (!code)
		code = procfs_tids(process->pid, &tids, err);
	struct look *looks = code ? NULL : calloc(tids.len + 1, sizeof(*looks));
	if (!code && !looks)
		code = err_nomem(err);
	for (size_t i = 0; !code && i < tids.len; i++) {
		looks[i] = LOOK_OF(tids.at[i]);
		look_first(&looker, &looks[i], &prospect);
	}
	if (!code)
		nanosleep(&moment, NULL);
	for (size_t i = 0; !code && i < tids.len; i++) {
		prospect.running += looks[i].tid && look_again(&looker, &looks[i]) == LOOK_RUNS;
		look_deinit(&looks[i]);
	}
	looker_close(&looker);
	free(looks);
	vec_free(&tids);
	if (!code)
		*ret = prospect;
	return code;
}
