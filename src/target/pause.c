#include "target/pause.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/thread.h"
#include "target/tracer.h"

/** One pause, shared by the thread that traces and the one that asked for it. */
struct pause_worker {
	struct tracer tracer;
	const struct pause_work *work;
	pthread_t thread;
	atomic_bool stopped; /* or failed to: nothing that an exec could block is left to do */
	sem_t done;
	enum gospy_code code;
	struct gospy_error err;
};

static void *trace(void *arg)
{
	struct pause_worker *worker = arg;
	struct tracer *tracer = &worker->tracer;
	const struct pause_work *work = worker->work;
	if (work->rehearse)
		work->rehearse(work->ctx);
	worker->code = tracer_stop(tracer, &worker->err);
	atomic_store_explicit(&worker->stopped, true, memory_order_relaxed);
	if (!worker->code)
		worker->code = work->visit(work->ctx, &tracer->pause, &worker->err);
	tracer_detach(tracer);
	tracer->pause.stopped_ns = clock_mono_ns() - tracer->pause.begin_ns;
	sem_post(&worker->done);
	return NULL;
}

/** Take note of threads that have ended; the leader belongs to the parent of the process. */
static void reap_zombies(pid_t pid)
{
	struct proc_tasks tasks;
	if (procfs_tasks(pid, false, &tasks, NULL))
		return;
	for (size_t i = 0; i < tasks.tasks.len; i++) {
		const struct proc_task *task = &tasks.tasks.at[i];
		siginfo_t info;
		if (task->state == 'Z' && task->tid != pid)
			waitid(P_PID, (id_t)task->tid, &info, WEXITED | WNOHANG | __WALL);
	}
	proc_tasks_deinit(&tasks);
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
		if (progress == last && !atomic_load(&worker->stopped))
			reap_zombies(worker->tracer.pid);
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

/** `*taken_ret`: another tracer is there. */
static enum gospy_code run_once(const struct process *process, uint64_t max_pause_ns,
				const struct pause_work *work, struct pause *ret, bool *taken_ret,
				struct gospy_error *err)
{
	struct pause_worker worker = {
		.tracer = {.pid = process->pid, .max_pause_ns = max_pause_ns},
		.work = work,
	};
	sigset_t before;
	block_job_control(&before);
	sem_init(&worker.done, 0, 0);
	int os_errno = thread_start(&worker.thread, trace, &worker);
	if (!os_errno) {
		wait_done(&worker);
		pthread_join(worker.thread, NULL);
	}
	sem_destroy(&worker.done);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	map_deinit(&worker.tracer.known);
	*ret = worker.tracer.pause;
	*taken_ret = worker.tracer.taken;
	if (os_errno)
		return err_os(err, os_errno, "cannot start a thread");
	if (worker.code && err)
		*err = worker.err;
	return worker.code;
}

/** Two that want the same process do not wake at the same time again and again. */
static void rest_a_little(void)
{
	enum { LEAST_NS = 1 << 20, RANGE_NS = 1 << 22 };
	uint64_t now_ns = clock_mono_ns();
	struct timespec ts = {.tv_nsec = LEAST_NS + (long)(now_ns % RANGE_NS)};
	nanosleep(&ts, NULL);
}

enum gospy_code pause_run(const struct process *process, uint64_t max_pause_ns,
			  const struct pause_work *work, struct pause *ret, struct gospy_error *err)
{
	static const uint64_t patience_ns = 200 * 1000 * 1000;
	uint64_t give_up_ns = clock_after(clock_mono_ns(), patience_ns);
	for (;;) {
		bool taken;
		enum gospy_code code = run_once(process, max_pause_ns, work, ret, &taken, err);
		if (!taken || clock_mono_ns() >= give_up_ns)
			return code;
		// Another gospy lets go after a moment.
		pause_deinit(ret);
		rest_a_little();
	}
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
	int os_errno = thread_start(&thread, probe_thread, &probe);
	if (os_errno)
		return err_os(err, os_errno, "cannot start a thread");
	pthread_join(thread, NULL);
	if (probe.code && err)
		*err = probe.err;
	return probe.code;
}

static int compare_tid(const void *key, const void *element)
{
	pid_t tid = *(const pid_t *)key;
	pid_t other = ((const struct pause_thread *)element)->tid;
	return (tid > other) - (tid < other);
}

const struct pause_thread *pause_regs(const struct pause *pause, pid_t tid)
{
	if (!pause->threads.len)
		return NULL;
	return bsearch(&tid, pause->threads.at, pause->threads.len, sizeof(*pause->threads.at),
		       compare_tid);
}

void pause_deinit(struct pause *pause)
{
	vec_free(&pause->threads);
	*pause = (struct pause){0};
}
