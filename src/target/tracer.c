#include "target/tracer.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	/* How long a waiting tracer yields its processor before it sleeps: longer than the stop of
	 * an ordinary process, and short enough not to matter where a thread takes long to stop. */
	YIELD_NS = 1000 * 1000,
	LONGEST_SLEEP_NS = 1000 * 1000,
	/* Refusals to seize a thread that nobody traces when it is looked at. */
	SEIZE_TRIES = 16,
};

static enum gospy_code check_deadline(const struct tracer *tracer, pid_t tid,
				      struct gospy_error *err)
{
	if (clock_mono_ns() <= tracer->pause.deadline_ns)
		return GOSPY_OK;
	struct proc_stat stat;
	if (procfs_stat(tracer->pid, tid, &stat, NULL))
		stat.state = '?';
	return err_set(err, GOSPY_E_LIMIT,
		       "pid %d could not be stopped in time (thread %d, %c); --max-pause gives it "
		       "more, --non-blocking needs no stop",
		       tracer->pid, tid, stat.state);
}

static enum gospy_code add_thread(struct tracer *tracer, pid_t tid, struct gospy_error *err)
{
	struct pause_thread thread = {.tid = tid};
	if (!map_put(&tracer->known, (uint64_t)tid) || !vec_push(&tracer->pause.threads, thread))
		return err_nomem(err);
	atomic_fetch_add_explicit(&tracer->progress, 1, memory_order_relaxed);
	return GOSPY_OK;
}

/* EPERM, or what seccomp filters answer instead. */
static bool is_refusal(int os_errno)
{
	return os_errno == EPERM || os_errno == EACCES || os_errno == ENOSYS;
}

enum refusal { REFUSED_ENDED, REFUSED_OURS, REFUSED_TRACED, REFUSED_OTHER };

/**
 * EPERM is also the answer for a zombie, and for a thread that is traced already, be it by us:
 * children of a thread with PTRACE_O_TRACECLONE are born so.
 */
static enum gospy_code examine_refusal(const struct tracer *tracer, pid_t tid, enum refusal *ret,
				       pid_t *tracer_ret, struct gospy_error *err)
{
	struct proc_stat stat;
	struct proc_status status = {0};
	enum gospy_code code = procfs_stat(tracer->pid, tid, &stat, err);
	if (!code)
		code = procfs_status(tracer->pid, tid, &status, err);
	if (code == GOSPY_E_GONE || (!code && (stat.state == 'Z' || stat.state == 'X'))) {
		*ret = REFUSED_ENDED;
		return GOSPY_OK;
	}
	*ret = status.tracer_pid == gettid() ? REFUSED_OURS
	       : status.tracer_pid           ? REFUSED_TRACED
					     : REFUSED_OTHER;
	*tracer_ret = status.tracer_pid;
	return code;
}

static enum gospy_code seize(struct tracer *tracer, pid_t tid, struct gospy_error *err)
{
	// Again, for the refusal may have been meant for a leader that an exec put an end to, and
	// the thread that called exec has its id now; or another tracer was there, and is gone.
	for (int tries = 0; tries < SEIZE_TRIES; tries++) {
		// TRACECLONE: a thread that is created from now on starts traced and stopped.
		// TRACEEXEC: a thread that execs stops before the new program runs, so that it
		// cannot run unnoticed under the id of a leader that was seen to stop.
		if (ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC) == 0)
			return add_thread(tracer, tid, err);
		if (errno == ESRCH)
			return GOSPY_OK;
		if (!is_refusal(errno))
			return err_os(err, errno, "cannot seize thread %d of pid %d", tid,
				      tracer->pid);
		enum refusal refusal;
		pid_t other;
		enum gospy_code code = examine_refusal(tracer, tid, &refusal, &other, err);
		if (code || refusal == REFUSED_ENDED)
			return code;
		if (refusal == REFUSED_OURS)
			return add_thread(tracer, tid, err);
		if (refusal == REFUSED_TRACED) {
			tracer->taken = true;
			return process_diagnose_traced(tracer->pid, other, err);
		}
	}
	return process_diagnose_eperm(tid, PROCESS_STOP, err);
}

/** One pass over the threads there are; new ones are appended to the table. */
static enum gospy_code seize_new(struct tracer *tracer, struct gospy_error *err)
{
	pid_vec tids = {0};
	enum gospy_code code = procfs_tids(tracer->pid, &tids, err);
	for (size_t i = 0; !code && i < tids.len; i++) {
		if (map_get(&tracer->known, (uint64_t)tids.at[i]))
			continue;
		code = check_deadline(tracer, tids.at[i], err);
		if (!code)
			code = seize(tracer, tids.at[i], err);
	}
	vec_free(&tids);
	return code;
}

static enum gospy_code seize_all(struct tracer *tracer, struct gospy_error *err)
{
	size_t before;
	enum gospy_code code;
	do {
		before = tracer->pause.threads.len;
		code = seize_new(tracer, err);
	} while (!code && tracer->pause.threads.len > before);
	return code;
}

static int by_tid(const void *a, const void *b)
{
	pid_t x = ((const struct pause_thread *)a)->tid;
	pid_t y = ((const struct pause_thread *)b)->tid;
	return (x > y) - (x < y);
}

static void sort_threads(struct tracer *tracer)
{
	const struct pause_thread *threads = tracer->pause.threads.at;
	size_t sorted = 1, len = tracer->pause.threads.len;
	while (sorted < len && threads[sorted - 1].tid < threads[sorted].tid)
		sorted++;
	if (sorted < len)
		qsort(tracer->pause.threads.at, len, sizeof(*threads), by_tid);
}

static bool read_regs(struct pause_thread *thread)
{
	struct iovec iov = {.iov_base = &thread->regs, .iov_len = sizeof(thread->regs)};
	return ptrace(PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &iov) == 0 &&
	       iov.iov_len == sizeof(thread->regs);
}

/** `status` as si_status has it: a signal, with the ptrace event above it. */
static void note_stop(struct tracer *tracer, struct pause_thread *thread, int status)
{
	int event = status >> 8;
	if (event == 0)
		thread->pending_signal = status;
	if (event == PTRACE_EVENT_EXEC)
		tracer->execed = true;
	thread->stopped = true;
	thread->has_regs = read_regs(thread);
	atomic_fetch_add_explicit(&tracer->progress, 1, memory_order_relaxed);
}

/** The next stop of a thread if it is reported already. false: the thread has ended. */
static bool poll_stop(struct tracer *tracer, struct pause_thread *thread)
{
	// The exit of the leader belongs to the parent of the process, which may be ours.
	int exits = thread->tid == tracer->pid ? 0 : WEXITED;
	siginfo_t info = {0};
	if (waitid(P_PID, (id_t)thread->tid, &info, WSTOPPED | exits | WNOHANG | __WALL))
		return false;
	if (info.si_pid == 0)
		return true;
	if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED)
		return false;
	note_stop(tracer, thread, info.si_status);
	return true;
}

/**
 * For a thread that takes long to stop. It may not be ours any more: an exec gives the id of the
 * leader to the thread that called it, and waitid also knows that one if the process is a child of
 * ours. Or a part of this program that reaps whatever child there is, in a handler of SIGCHLD say,
 * has taken the report of the stop; the stop itself can still be seen.
 */
static bool poll_thoroughly(struct tracer *tracer, struct pause_thread *thread)
{
	if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL))
		return false;
	siginfo_t info;
	if (ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &info))
		return true;
	// It may have stopped, and been reported, just now.
	if (!poll_stop(tracer, thread))
		return false;
	if (thread->stopped)
		return true;
	// ptrace_do_notify() in kernel/signal.c puts the event into si_code; the codes of signals
	// that wait for delivery are negative or small (sigaction(2)).
	bool is_event = info.si_code >> 8 > 0 && (info.si_code & 0xff) == info.si_signo;
	note_stop(tracer, thread, is_event ? info.si_code : info.si_signo);
	return true;
}

static void give_time(uint64_t waited_ns)
{
	if (waited_ns < YIELD_NS) {
		sched_yield();
		return;
	}
	uint64_t ns = waited_ns / 16;
	struct timespec ts = {.tv_nsec = ns < LONGEST_SLEEP_NS ? (long)ns : LONGEST_SLEEP_NS};
	nanosleep(&ts, NULL);
}

/**
 * Until the thread has stopped or ended. Nothing here blocks: a thread in uninterruptible sleep
 * (state D; the parent in a vfork, say) may take any time to stop.
 */
static enum gospy_code wait_stop(struct tracer *tracer, struct pause_thread *thread,
				 struct gospy_error *err)
{
	while (!thread->stopped) {
		uint64_t waited_ns = clock_mono_ns() - tracer->pause.begin_ns;
		bool alive = poll_stop(tracer, thread);
		if (alive && !thread->stopped && waited_ns >= YIELD_NS)
			alive = poll_thoroughly(tracer, thread);
		if (!alive) {
			tracer->lost_threads = true;
			return GOSPY_OK;
		}
		if (thread->stopped)
			break;
		enum gospy_code code = check_deadline(tracer, thread->tid, err);
		if (code)
			return code;
		give_time(waited_ns);
	}
	return GOSPY_OK;
}

static enum gospy_code stop_from(struct tracer *tracer, size_t first, struct gospy_error *err)
{
	// A thread that has ended, or has stopped already, is found out by the wait.
	for (size_t i = first; i < tracer->pause.threads.len; i++)
		ptrace(PTRACE_INTERRUPT, tracer->pause.threads.at[i].tid, NULL, NULL);
	enum gospy_code code = GOSPY_OK;
	for (size_t i = first; !code && i < tracer->pause.threads.len; i++)
		code = wait_stop(tracer, &tracer->pause.threads.at[i], err);
	return code;
}

/**
 * After a thread was lost, others that had stopped may have gone with it: a fatal signal or an exec
 * wakes them. An exec leaves one thread, under the id of the leader, on its way to its stop.
 */
static enum gospy_code check_stopped(struct tracer *tracer, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; !code && i < tracer->pause.threads.len; i++) {
		struct pause_thread *thread = &tracer->pause.threads.at[i];
		if (!thread->stopped || read_regs(thread))
			continue;
		thread->stopped = thread->has_regs = false;
		thread->pending_signal = 0;
		code = wait_stop(tracer, thread, err);
	}
	return code;
}

static enum gospy_code check_survivors(const struct tracer *tracer, struct gospy_error *err)
{
	if (tracer->execed)
		return err_set(err, GOSPY_E_GONE, "pid %d runs another program now (exec)",
			       tracer->pid);
	for (size_t i = 0; i < tracer->pause.threads.len; i++) {
		if (tracer->pause.threads.at[i].stopped)
			return GOSPY_OK;
	}
	return err_set(err, GOSPY_E_GONE, "pid %d has ended", tracer->pid);
}

enum gospy_code tracer_stop(struct tracer *tracer, struct gospy_error *err)
{
	tracer->pause.deadline_ns = clock_after(clock_mono_ns(), tracer->max_pause_ns);
	enum gospy_code code = seize_all(tracer, err);
	size_t stopped = 0;
	sort_threads(tracer);
	tracer->pause.begin_ns = clock_mono_ns();
	while (!code && stopped < tracer->pause.threads.len) {
		code = stop_from(tracer, stopped, err);
		stopped = tracer->pause.threads.len;
		// Those that were created by a thread before it was seized.
		if (!code)
			code = seize_new(tracer, err);
	}
	if (!code && tracer->lost_threads)
		code = check_stopped(tracer, err);
	sort_threads(tracer);
	return code ? code : check_survivors(tracer, err);
}

void tracer_detach(struct tracer *tracer)
{
	for (size_t i = 0; i < tracer->pause.threads.len; i++) {
		const struct pause_thread *thread = &tracer->pause.threads.at[i];
		if (thread->stopped)
			ptrace(PTRACE_DETACH, thread->tid, NULL, (long)thread->pending_signal);
	}
}

enum gospy_code tracer_probe(pid_t tid, struct gospy_error *err)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, 0) == 0)
		return GOSPY_OK;
	if (errno == ESRCH)
		return err_set(err, GOSPY_E_GONE, "thread %d has ended", tid);
	if (!is_refusal(errno))
		return err_os(err, errno, "cannot seize thread %d", tid);
	return process_diagnose_eperm(tid, PROCESS_STOP, err);
}
