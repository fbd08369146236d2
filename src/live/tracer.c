#include "live/tracer.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "live/diagnose.h"

enum {
	/* How long a waiting tracer only polls: an interrupt takes a processor some microseconds.
	 */
	POLL_NS = 20 * 1000,
	LONGEST_SLEEP_NS = 1000 * 1000,
	SHORTEST_SLEEP_NS = 10 * 1000,
	LONGEST_REST_NS = 50 * 1000 * 1000, /* after a look at very many threads */
	/* So often the kernel may refuse to seize a thread that nobody traces when it is looked at.
	 */
	SEIZE_TRIES = 16,
	/* Up to so many threads are looked at again before the others are let go. That takes some
	 * ten microseconds, in which the others could wake them. For more threads the others would
	 * have to stand still too long. */
	AGAIN_WHILE_HELD = 32,
	/* More threads than this take so long to look at that some move meanwhile. */
	LOOK_TWICE_FROM = 64,
	LOOKS_AT_MOVERS = 3,
	/* How often one attempt may read anew, while those that had to wait for a processor report
	 * one after another. */
	VISITS_MAX = 4,
	/* A sleep that is shorter would end before all is read. */
	SHORT_SLEEP_NS = 2 * 1000 * 1000,
	/* A thread that reports behind the others stands still until that is noticed: this part of
	   the longest pause at most. */
	NOTICE_SHARE = 4,
	/* Of the longest pause so much is kept to end it, and no more than this. */
	END_SHARE = 4,
	END_NS = 250 * 1000,
};

/* How long a thread that waits for a processor may take to get one, while nothing is held. */
static const uint64_t settle_ns = 250 * 1000 * 1000;
/* After this time it is worth finding out whether the thread can report at all. */
static const uint64_t settle_soon_ns = 10 * 1000 * 1000;

static enum gospy_code err_out_of_reach(const struct tracer *tracer, pid_t tid,
					struct gospy_error *err)
{
	struct proc_stat stat;
	if (procfs_stat(tracer->looker.pid, tid, &stat, NULL))
		stat.state = '?';
	return err_set(err, GOSPY_E_LIMIT,
		       "pid %d could not be stopped in time (thread %d, %c); --non-blocking needs "
		       "no stop",
		       tracer->looker.pid, tid, stat.state);
}

static struct tracee *of(const struct tracer *tracer, const struct moment_thread *thread)
{
	return &tracer->tracees.at[thread->tracee];
}

static void note_progress(struct tracer *tracer)
{
	atomic_fetch_add_explicit(&tracer->progress, 1, memory_order_relaxed);
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
	enum gospy_code code = procfs_stat(tracer->looker.pid, tid, &stat, err);
	if (!code)
		code = procfs_status(tracer->looker.pid, tid, &status, err);
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

static void note_seized(struct tracer *tracer, struct moment_thread *thread)
{
	of(tracer, thread)->interrupted = true;
	tracer->moment.interrupted++;
	note_progress(tracer);
}

static enum gospy_code seize(struct tracer *tracer, struct moment_thread *thread,
			     struct gospy_error *err)
{
	pid_t tid = thread->tid, pid = tracer->looker.pid;
	// It is tried again: the refusal may have been meant for a leader that an exec put an end
	// to, and the thread that called exec has its id now; or another tracer was there, and is
	// gone.
	for (int tries = 0; tries < SEIZE_TRIES; tries++) {
		// TRACECLONE: a thread that is created from now on starts traced and stopped.
		// TRACEEXEC: a thread that execs stops before the new program runs, so that it
		// cannot run unnoticed under the id of a leader that was seen to stop.
		long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
		if (ptrace(PTRACE_SEIZE, tid, NULL, options) == 0) {
			note_seized(tracer, thread);
			return GOSPY_OK;
		}
		enum refusal refusal = REFUSED_ENDED;
		pid_t other;
		enum gospy_code code = GOSPY_OK;
		if (errno != ESRCH && !is_refusal(errno))
			return err_os(err, errno, "cannot seize thread %d of pid %d", tid, pid);
		if (errno != ESRCH)
			code = examine_refusal(tracer, tid, &refusal, &other, err);
		if (code)
			return code;
		if (refusal == REFUSED_ENDED) {
			thread->state = MOMENT_ENDED;
			return GOSPY_OK;
		}
		if (refusal == REFUSED_OURS) {
			note_seized(tracer, thread);
			return GOSPY_OK;
		}
		if (refusal == REFUSED_TRACED) {
			tracer->taken = true;
			tracer->taken_by = other;
			return diagnose_traced(pid, other, err);
		}
	}
	return diagnose_eperm(tid, PROCESS_STOP, err);
}

/* Add a thread if it is not in the table yet. False: out of memory. */
static bool add(struct tracer *tracer, const struct look *look)
{
	uint64_t *known = map_put(&tracer->known, (uint64_t)look->tid);
	struct moment_thread thread = {.tid = look->tid, .tracee = tracer->tracees.len};
	struct tracee own = {.look = *look};
	if (!known)
		return false;
	if (!*known &&
	    (!vec_reserve(&tracer->moment.threads, thread.tracee + 1) ||
	     !vec_push(&tracer->tracees, own) || !vec_push(&tracer->moment.threads, thread)))
		return false;
	*known = 1; // an id is not used again so soon
	return true;
}

/* Add the threads there are that are not in the table yet. */
static enum gospy_code list_new(struct tracer *tracer, struct gospy_error *err)
{
	pid_vec tids = {0};
	enum gospy_code code = procfs_tids(tracer->looker.pid, &tids, err);
	for (size_t i = 0; !code && i < tids.len; i++) {
		const struct look look = LOOK_OF(tids.at[i]);
		if (!add(tracer, &look))
			code = err_nomem(err);
	}
	vec_free(&tids);
	return code;
}

/* Begin with the threads that somebody holds on to, if there are any. */
static enum gospy_code list_all(struct tracer *tracer, struct gospy_error *err)
{
	size_t n = tracer->kept ? tracer->kept->threads.len : 0;
	for (size_t i = 0; i < n; i++) {
		if (!add(tracer, &tracer->kept->threads.at[i].look))
			return err_nomem(err);
	}
	// One that has ended is noticed when it is looked at.
	return n && looker_count(&tracer->looker) == n ? GOSPY_OK : list_new(tracer, err);
}

/* The descriptors may be other ones now. */
static void return_kept(struct tracer *tracer)
{
	size_t n = tracer->kept->threads.len;
	for (size_t i = 0; i < n && i < tracer->tracees.len; i++) {
		tracer->kept->threads.at[i].look = tracer->tracees.at[i].look;
		tracer->tracees.at[i].look = LOOK_OF(0);
	}
}

static int by_tid(const void *a, const void *b)
{
	pid_t x = ((const struct moment_thread *)a)->tid;
	pid_t y = ((const struct moment_thread *)b)->tid;
	return (x > y) - (x < y);
}

static void sort_threads(struct tracer *tracer)
{
	const struct moment_thread *threads = tracer->moment.threads.at;
	size_t sorted = 1, len = tracer->moment.threads.len;
	while (sorted < len && threads[sorted - 1].tid < threads[sorted].tid)
		sorted++;
	if (sorted < len)
		qsort(tracer->moment.threads.at, len, sizeof(*threads), by_tid);
}

static bool read_regs(struct moment_thread *thread)
{
	struct iovec iov = {.iov_base = &thread->regs, .iov_len = sizeof(thread->regs)};
	return ptrace(PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &iov) == 0 &&
	       iov.iov_len == sizeof(thread->regs);
}

/* All that XSAVE knows: src/runtime/memmove_amd64.s moves pointers through vector registers. */
static void read_vectors(struct moment_thread *thread)
{
	enum { MOST = 12 << 10 }; // with AVX-512 it is 2,696 bytes, with AMX 11,008
	uint8_t bytes[MOST];
	struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	free(thread->vectors);
	thread->vectors = NULL;
	if (ptrace(PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE, &iov) || iov.iov_len == MOST)
		return;
	thread->vectors = malloc(iov.iov_len);
	thread->vector_bytes = iov.iov_len;
	if (thread->vectors)
		memcpy(thread->vectors, bytes, iov.iov_len);
}

/** `status` as si_status has it: a signal, with the ptrace event above it. */
static void note_stop(struct tracer *tracer, struct moment_thread *thread, int status)
{
	struct tracee *own = of(tracer, thread);
	int event = status >> 8;
	if (event == 0)
		thread->signal = status;
	if (event == PTRACE_EVENT_EXEC)
		tracer->execed = true;
	// Otherwise it is SIGTRAP: ptrace(2), "Group-stop".
	own->group_stop = event == PTRACE_EVENT_STOP && (status & 0xff) != SIGTRAP;
	own->stopped = true;
	if (thread->state == MOMENT_RUNS)
		thread->state = MOMENT_STOPPED;
	thread->has_regs = read_regs(thread);
	if (tracer->work->vectors)
		read_vectors(thread);
	note_progress(tracer);
}

/** The next stop of a thread if it is reported already. false: the thread has ended. */
static bool poll_stop(struct tracer *tracer, struct moment_thread *thread)
{
	// The exit of the leader belongs to the parent of the process, which may be ours.
	int exits = thread->tid == tracer->looker.pid ? 0 : WEXITED;
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
 * Find out about a thread that takes long to stop. It may not be ours any more: an exec gives the
 * id of the leader to the thread that called it, and waitid also knows that one if the process is a
 * child of ours. Or a part of this program that reaps any child, in a handler of SIGCHLD say, has
 * taken the report of the stop; the stop itself can still be seen.
 */
static bool poll_thoroughly(struct tracer *tracer, struct moment_thread *thread)
{
	if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL))
		return false;
	siginfo_t info;
	if (ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &info))
		return true;
	// It may have stopped, and been reported, just now.
	if (!poll_stop(tracer, thread))
		return false;
	if (of(tracer, thread)->stopped)
		return true;
	// ptrace_do_notify() in kernel/signal.c puts the event into si_code; the codes of signals
	// that wait for delivery are negative or small (sigaction(2)).
	bool is_event = info.si_code >> 8 > 0 && (info.si_code & 0xff) == info.si_signo;
	note_stop(tracer, thread, is_event ? info.si_code : info.si_signo);
	return true;
}

/* A system call that goes on after a stop as if nothing had been, whatever the program handles:
 * signal(7), "Interruption of system calls and library functions by stop signals". */
static bool goes_on_after_a_stop(int64_t number)
{
	return number == SYS_futex || number == SYS_nanosleep || number == SYS_clock_nanosleep;
}

/* The thread of the scheduler that watches the others (sysmon) sleeps 20 microseconds at a time
 * while there is something to do: it would not stand still. */
static bool sleeps_shortly(const struct tracer *tracer, const struct place *place)
{
	uint64_t addr = place->syscall == SYS_nanosleep         ? place->arg0
			: place->syscall == SYS_clock_nanosleep ? place->arg2
								: 0;
	uint64_t wanted[2]; // struct timespec
	int fd = tracer->process->mem_fd;
	if (!addr || fd < 0 || addr > INT64_MAX ||
	    (place->syscall == SYS_clock_nanosleep && place->arg1 & TIMER_ABSTIME) ||
	    pread(fd, wanted, sizeof(wanted), (off_t)addr) != sizeof(wanted))
		return false;
	return wanted[0] == 0 && wanted[1] < SHORT_SLEEP_NS;
}

static bool is_restless(const struct tracer *tracer, pid_t tid)
{
	return map_get(tracer->restless, (uint64_t)tid) != NULL;
}

static bool has_to_stop(const struct tracer *tracer, const struct moment_thread *thread)
{
	const struct place *place = &thread->place;
	const struct moment_work *work = tracer->work;
	if (tracer->only_watch)
		return false;
	return tracer->all ||
	       (work->needs_regs && work->needs_regs(work->ctx, thread->tid, place)) ||
	       sleeps_shortly(tracer, place) ||
	       (is_restless(tracer, thread->tid) && goes_on_after_a_stop(place->syscall));
}

static void look_at_thread(struct tracer *tracer, struct moment_thread *thread)
{
	struct tracee *own = of(tracer, thread);
	own->was_quiet = false;
	note_progress(tracer);
	switch (look_at(&tracer->looker, &own->look)) {
	case LOOK_QUIET:
		own->was_quiet = true;
		thread->place = own->look.place;
		thread->arrivals = own->look.arrivals;
		thread->same = own->look.same;
		thread->state = has_to_stop(tracer, thread) ? MOMENT_RUNS : MOMENT_STILL;
		break;
	case LOOK_RUNS:
	case LOOK_UNKNOWN:
		thread->state = MOMENT_RUNS;
		break;
	case LOOK_GONE:
		thread->state = MOMENT_ENDED;
		break;
	}
}

/* Look again at the threads that have moved since they were looked at. Returns how many they are.
 */
static size_t look_at_movers(struct tracer *tracer)
{
	size_t n = 0;
	for (size_t i = 0; i < tracer->moment.threads.len; i++) {
		struct moment_thread *thread = &tracer->moment.threads.at[i];
		struct tracee *own = of(tracer, thread);
		if (!own->was_quiet || look_again(&tracer->looker, &own->look) == LOOK_QUIET)
			continue;
		look_at_thread(tracer, thread);
		n++;
	}
	return n;
}

static enum gospy_code look_at_all(struct tracer *tracer, struct gospy_error *err)
{
	enum gospy_code code = list_all(tracer, err);
	size_t n = tracer->moment.threads.len;
	for (size_t i = 0; !code && i < n; i++) {
		look_at_thread(tracer, &tracer->moment.threads.at[i]);
		code = cancel_check(err);
	}
	for (unsigned i = 0; !code && n > LOOK_TWICE_FROM && i < LOOKS_AT_MOVERS; i++) {
		if (!look_at_movers(tracer))
			break;
	}
	return code;
}

/* How long to leave this processor to other threads, one of which may be the one that is waited
 * for. `waited_ns`: since the last thread reported. */
static uint64_t time_to_give(uint64_t waited_ns)
{
	uint64_t ns = waited_ns / 8;
	return waited_ns < POLL_NS      ? 0
	       : ns < SHORTEST_SLEEP_NS ? SHORTEST_SLEEP_NS
	       : ns > LONGEST_SLEEP_NS  ? LONGEST_SLEEP_NS
					: ns;
}

static void give_time(uint64_t ns)
{
	if (ns)
		nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

static void poll_once(struct tracer *tracer, struct moment_thread *thread, uint64_t waited_ns)
{
	static const uint64_t long_ns = 1000 * 1000;
	bool alive = poll_stop(tracer, thread);
	if (alive && !of(tracer, thread)->stopped && waited_ns >= long_ns)
		alive = poll_thoroughly(tracer, thread);
	if (alive)
		return;
	thread->state = MOMENT_ENDED;
	tracer->lost_threads = true;
}

/* May this thread report after the others were let go? Yes, where it can be proved afterwards that
 * it had no processor. No, where an attempt to prove that has failed, or the kernel does not count:
 * then the others stand still until it reports. */
static bool may_report_later(const struct tracer *tracer, struct moment_thread *thread)
{
	struct tracee *own = of(tracer, thread);
	uint64_t arrivals;
	if (own->was_quiet)
		return true;
	return !tracer->all &&
	       look_arrivals(&tracer->looker, &own->look, &arrivals) == LOOK_QUIET && arrivals &&
	       look_departures(&tracer->looker, thread->tid, &own->departures);
}

/**
 * Wait until the thread has stopped or ended, or is known to report later. No call in here blocks.
 * `*last_ns`: when a thread last reported.
 */
static enum gospy_code wait_stop(struct tracer *tracer, struct moment_thread *thread,
				 uint64_t first_ns, uint64_t *last_ns, struct gospy_error *err)
{
	for (;;) {
		uint64_t now_ns = clock_mono_ns(), waited_ns = now_ns - *last_ns;
		poll_once(tracer, thread, waited_ns);
		if (thread->state != MOMENT_RUNS) {
			*last_ns = now_ns;
			return GOSPY_OK;
		}
		if (now_ns >= tracer->moment.deadline_ns)
			return err_out_of_reach(tracer, thread->tid, err);
		if (now_ns - first_ns >= tracer->patience_ns && may_report_later(tracer, thread)) {
			thread->state = MOMENT_WAITS;
			return GOSPY_OK;
		}
		if (waited_ns >= tracer->reach_ns)
			return err_out_of_reach(tracer, thread->tid, err);
		if (cancel_check(err))
			return GOSPY_E_CANCELLED;
		give_time(time_to_give(waited_ns));
	}
}

static enum gospy_code seize_from(struct tracer *tracer, size_t first, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	for (size_t i = first; !code && i < tracer->moment.threads.len; i++) {
		if (tracer->moment.threads.at[i].state == MOMENT_RUNS)
			code = seize(tracer, &tracer->moment.threads.at[i], err);
		if (!code)
			code = cancel_check(err);
	}
	return code;
}

/* This thread asks for priority: while it waits for a processor, all that it holds stands still. */
static void ask_for_priority(void)
{
	enum { LEAST = 1, BEST_NICE = -20 };
	struct sched_param least = {.sched_priority = LEAST};
	struct rlimit limit;
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	// In Linux all three calls concern the calling thread alone.
	if (sched_setscheduler(0, SCHED_FIFO, &least) == 0 ||
	    setpriority(PRIO_PROCESS, 0, BEST_NICE) == 0)
		return;
	// RLIMIT_NICE is 20 less the best value: getrlimit(2).
	if (getrlimit(RLIMIT_NICE, &limit) == 0 && limit.rlim_cur > 20 && limit.rlim_cur <= 40)
		setpriority(PRIO_PROCESS, 0, 20 - (int)limit.rlim_cur);
}

static bool any_runs(const struct tracer *tracer, size_t first)
{
	for (size_t i = first; i < tracer->moment.threads.len; i++) {
		if (tracer->moment.threads.at[i].state == MOMENT_RUNS)
			return true;
	}
	return false;
}

static enum gospy_code stop_from(struct tracer *tracer, size_t first, struct gospy_error *err)
{
	if (!any_runs(tracer, first))
		return GOSPY_OK;
	if (!tracer->held_ns) {
		ask_for_priority();
		tracer->held_ns = clock_mono_ns();
	}
	uint64_t first_ns = clock_mono_ns(), last_ns = first_ns;
	// The wait finds out about a thread that has ended, or has stopped already.
	for (size_t i = first; i < tracer->moment.threads.len; i++) {
		if (tracer->moment.threads.at[i].state == MOMENT_RUNS)
			ptrace(PTRACE_INTERRUPT, tracer->moment.threads.at[i].tid, NULL, NULL);
	}
	enum gospy_code code = GOSPY_OK;
	for (size_t i = first; !code && i < tracer->moment.threads.len; i++) {
		if (tracer->moment.threads.at[i].state == MOMENT_RUNS)
			code = wait_stop(tracer, &tracer->moment.threads.at[i], first_ns, &last_ns,
					 err);
	}
	return code;
}

/* Are there as many threads as the table has? Then they are the same ones. If one has ended and
 * another was born, the wait finds out about the one that ended. */
static bool is_complete(const struct tracer *tracer)
{
	uint64_t n = 0, count = looker_count(&tracer->looker);
	for (size_t i = 0; i < tracer->moment.threads.len; i++)
		n += tracer->moment.threads.at[i].state != MOMENT_ENDED;
	return count == n;
}

/**
 * After a thread was lost, others that had stopped may have gone with it: a fatal signal or an exec
 * wakes them. An exec leaves one thread, under the id of the leader, on its way to its stop.
 */
static enum gospy_code check_stopped(struct tracer *tracer, struct gospy_error *err)
{
	uint64_t first_ns = clock_mono_ns(), last_ns = first_ns;
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; !code && i < tracer->moment.threads.len; i++) {
		struct moment_thread *thread = &tracer->moment.threads.at[i];
		struct tracee *own = of(tracer, thread);
		if (thread->state != MOMENT_STOPPED || read_regs(thread))
			continue;
		thread->state = MOMENT_RUNS;
		own->stopped = thread->has_regs = own->was_quiet = false;
		thread->signal = 0;
		code = wait_stop(tracer, thread, first_ns, &last_ns, err);
	}
	return code;
}

static enum gospy_code check_survivors(const struct tracer *tracer, struct gospy_error *err)
{
	pid_t pid = tracer->looker.pid;
	if (tracer->execed)
		return err_set(err, GOSPY_E_GONE, "pid %d runs another program now (exec)", pid);
	for (size_t i = 0; i < tracer->moment.threads.len; i++) {
		if (tracer->moment.threads.at[i].state != MOMENT_ENDED)
			return GOSPY_OK;
	}
	return err_set(err, GOSPY_E_GONE, "pid %d has ended", pid);
}

/* The longest pause, but for what it takes to end what was begun, and to let go. */
static uint64_t time_to_work(const struct tracer *tracer)
{
	uint64_t end_ns = tracer->max_pause_ns / END_SHARE;
	return tracer->max_pause_ns - (end_ns < END_NS ? end_ns : END_NS);
}

/* Interrupt until all threads that run have stopped. */
static enum gospy_code freeze(struct tracer *tracer, struct gospy_error *err)
{
	tracer->moment.deadline_ns = clock_after(clock_mono_ns(), time_to_work(tracer));
	enum gospy_code code = look_at_all(tracer, err);
	if (!code && tracer->only_watch && any_runs(tracer, 0))
		return err_set(err, GOSPY_E_LIMIT, "pid %d runs", tracer->looker.pid);
	if (!code)
		code = seize_from(tracer, 0, err);
	sort_threads(tracer);
	tracer->moment.begin_ns = clock_mono_ns();
	tracer->moment.deadline_ns = clock_after(tracer->moment.begin_ns, time_to_work(tracer));
	if (!code)
		code = stop_from(tracer, 0, err);
	// These threads were created before their creator was seized. While others are held there
	// is no time to look at them: they have just begun to run, or are ours already.
	while (!code && !is_complete(tracer)) {
		size_t before = tracer->moment.threads.len;
		code = list_new(tracer, err);
		if (code || tracer->moment.threads.len == before)
			break;
		if (tracer->only_watch)
			return err_set(err, GOSPY_E_LIMIT, "pid %d runs", tracer->looker.pid);
		for (size_t i = before; !tracer->held_ns && i < tracer->moment.threads.len; i++)
			look_at_thread(tracer, &tracer->moment.threads.at[i]);
		code = seize_from(tracer, before, err);
		if (!code)
			code = stop_from(tracer, before, err);
	}
	if (!code && tracer->lost_threads)
		code = check_stopped(tracer, err);
	sort_threads(tracer);
	return code ? code : check_survivors(tracer, err);
}

static void note_moved(struct tracer *tracer, struct moment_thread *thread)
{
	thread->state = MOMENT_MOVED;
	tracer->moment.moved++;
	// Without memory the thread is watched once more instead of being interrupted.
	if (!map_put(tracer->restless, (uint64_t)thread->tid))
		return;
}

/* Has the thread executed something since the moment began, or may it have? */
static bool has_moved(struct tracer *tracer, struct moment_thread *thread)
{
	struct tracee *own = of(tracer, thread);
	const struct looker *looker = &tracer->looker;
	uint64_t departures;
	if (thread->state == MOMENT_STILL)
		return look_again(looker, &own->look) != LOOK_QUIET;
	if (!poll_stop(tracer, thread))
		return true;
	if (own->stopped) {
		// Nobody knows any more whether it got a processor before all was read, but now it
		// stands still.
		if (!tracer->visits_left)
			return true;
		thread->state = MOMENT_STOPPED;
		tracer->visit_again = true;
		return false;
	}
	if (own->was_quiet)
		return look_again(looker, &own->look) != LOOK_QUIET;
	return look_arrivals(looker, &own->look, &own->arrivals_after) != LOOK_QUIET ||
	       !look_departures(looker, thread->tid, &departures) || departures != own->departures;
}

static size_t count_watched(const struct tracer *tracer)
{
	size_t n = 0;
	for (size_t i = 0; i < tracer->moment.threads.len; i++)
		n += tracer->moment.threads.at[i].state == MOMENT_STILL;
	return n;
}

/* `held`: only threads that are to be looked at before the others are let go; else all the rest. */
static void check_moved(struct tracer *tracer, bool held)
{
	bool few = count_watched(tracer) <= AGAIN_WHILE_HELD;
	for (size_t i = 0; i < tracer->moment.threads.len; i++) {
		struct moment_thread *thread = &tracer->moment.threads.at[i];
		bool now = thread->state == MOMENT_WAITS   ? held
			   : thread->state == MOMENT_STILL ? held == few
							   : false;
		if (now && has_moved(tracer, thread))
			note_moved(tracer, thread);
	}
}

static void detach(const struct tracer *tracer, const struct moment_thread *thread)
{
	struct tracee *own = of(tracer, thread);
	ptrace(PTRACE_DETACH, thread->tid, NULL, (long)thread->signal);
	own->stopped = own->interrupted = false;
}

/* Note how long something stood still: `held_ns` says since when. */
static void let_go(struct tracer *tracer)
{
	bool any = false;
	for (size_t i = 0; i < tracer->moment.threads.len; i++) {
		if (!of(tracer, &tracer->moment.threads.at[i])->stopped)
			continue;
		detach(tracer, &tracer->moment.threads.at[i]);
		any = true;
	}
	if (any)
		tracer->moment.stopped_ns += clock_mono_ns() - tracer->held_ns;
}

/* The thread has reported, and is off the processor: read_regs() has waited for that. If since all
 * was read it was taken off a processor as often as it was put on one, it had none then. */
static bool had_no_processor(const struct tracer *tracer, const struct moment_thread *thread)
{
	struct tracee *own = of(tracer, thread);
	uint64_t arrivals, departures;
	if (own->was_quiet)
		return true;
	return thread->has_regs &&
	       look_arrivals(&tracer->looker, &own->look, &arrivals) == LOOK_QUIET &&
	       look_departures(&tracer->looker, thread->tid, &departures) &&
	       departures - own->departures == arrivals - own->arrivals_after;
}

/* Take what a thread that waited for a processor reports. `last_ns`: when it had not reported yet.
 */
static void settle(struct tracer *tracer, struct moment_thread *thread, uint64_t last_ns)
{
	const struct moment_work *work = tracer->work;
	if (!had_no_processor(tracer, thread)) {
		note_moved(tracer, thread);
	} else {
		thread->state = MOMENT_STOPPED;
		if (work->settle)
			work->settle(work->ctx, thread);
	}
	detach(tracer, thread);
	uint64_t held_ns = clock_mono_ns() - last_ns;
	if (held_ns > tracer->settled_ns)
		tracer->settled_ns = held_ns;
}

/* In uninterruptible sleep a thread does not get as far as its stop. */
static bool can_report(const struct tracer *tracer, const struct moment_thread *thread)
{
	struct proc_stat stat;
	return procfs_stat(tracer->looker.pid, thread->tid, &stat, NULL) || stat.state != 'D';
}

/* A thread was interrupted and has not reported before the others were let go. Is it still to
 * report? */
static bool settle_one(struct tracer *tracer, struct moment_thread *thread, uint64_t waited_ns,
		       uint64_t last_ns)
{
	struct tracee *own = of(tracer, thread);
	bool moved = thread->state == MOMENT_MOVED;
	poll_once(tracer, thread, waited_ns);
	if (thread->state == MOMENT_ENDED) {
		own->interrupted = false;
		if (!moved)
			note_moved(tracer, thread);
	} else if (own->stopped && moved) {
		detach(tracer, thread);
	} else if (own->stopped) {
		settle(tracer, thread, last_ns);
	} else {
		return waited_ns < settle_soon_ns || can_report(tracer, thread);
	}
	return false;
}

/* Wait until those that wait for a processor have reported. Each of them stands still from its
 * report until this thread notices. So this thread keeps its priority, but spends no more time on
 * looking than it gives to others. */
static void settle_all(struct tracer *tracer)
{
	uint64_t first_ns = clock_mono_ns(), last_ns = first_ns, reported_ns = first_ns;
	for (;;) {
		size_t left = 0;
		uint64_t now_ns = clock_mono_ns(), waited_ns = now_ns - first_ns;
		for (size_t i = 0; i < tracer->moment.threads.len; i++) {
			struct moment_thread *thread = &tracer->moment.threads.at[i];
			if (!of(tracer, thread)->interrupted ||
			    (thread->state != MOMENT_WAITS && thread->state != MOMENT_MOVED))
				continue;
			if (settle_one(tracer, thread, waited_ns, last_ns))
				left++;
			else
				reported_ns = now_ns;
		}
		if (!left || waited_ns >= settle_ns || cancel_asked())
			return;
		last_ns = clock_mono_ns();
		uint64_t give_ns = time_to_give(POLL_NS + last_ns - reported_ns);
		uint64_t look_ns =
			last_ns - now_ns < LONGEST_REST_NS ? last_ns - now_ns : LONGEST_REST_NS;
		uint64_t notice_ns = tracer->max_pause_ns / NOTICE_SHARE;
		give_ns = give_ns < notice_ns ? give_ns : notice_ns;
		give_time(give_ns > look_ns ? give_ns : look_ns);
	}
}

/* Some did not report in the end. It is known all the same where they sleep. */
static void give_up_waiting(struct tracer *tracer)
{
	const struct moment_work *work = tracer->work;
	for (size_t i = 0; i < tracer->moment.threads.len; i++) {
		struct moment_thread *thread = &tracer->moment.threads.at[i];
		struct tracee *own = of(tracer, thread);
		if (thread->state != MOMENT_WAITS)
			continue;
		thread->state = MOMENT_STILL;
		if (!own->was_quiet || look_again(&tracer->looker, &own->look) != LOOK_QUIET)
			note_moved(tracer, thread);
		else if (work->settle)
			work->settle(work->ctx, thread);
	}
}

/* Threads that would run if they were not held, or may do so before they report. */
static size_t count_held(const struct tracer *tracer)
{
	size_t n = 0;
	for (size_t i = 0; i < tracer->tracees.len; i++)
		n += tracer->tracees.at[i].interrupted && !tracer->tracees.at[i].group_stop;
	return n;
}

enum gospy_code tracer_run(struct tracer *tracer, struct gospy_error *err)
{
	const struct moment_work *work = tracer->work;
	enum gospy_code code = GOSPY_OK;
	tracer->kept = kept_of(work->kept);
	if (tracer->kept)
		tracer->looker = tracer->kept->looker;
	else
		code = looker_open(&tracer->looker, tracer->process->pid, err);
	if (code)
		return code;
	code = freeze(tracer, err);
	atomic_store_explicit(&tracer->stopped, true, memory_order_relaxed);
	if (code) {
		let_go(tracer);
		return code;
	}
	tracer->moment.reached = true;
	tracer->visits_left = VISITS_MAX;
	do {
		tracer->visits_left--;
		tracer->visit_again = false;
		tracer->moment.held = count_held(tracer);
		// Nobody waits for the end of a moment that stops nothing. Meanwhile somebody may
		// continue what somebody else had stopped.
		if (!tracer->moment.interrupted)
			tracer->moment.deadline_ns = UINT64_MAX;
		code = work->visit(work->ctx, &tracer->moment, err);
		check_moved(tracer, true);
	} while (tracer->visit_again && !tracer->moment.moved);
	let_go(tracer);
	check_moved(tracer, false);
	if (tracer->moment.moved && !tracer->is_last)
		return code; // the caller does all of it anew, and the end of this thread lets go
			     // of the rest
	settle_all(tracer);
	give_up_waiting(tracer);
	tracer->moment.stopped_ns += tracer->settled_ns;
	return code;
}

void tracer_deinit(struct tracer *tracer)
{
	if (tracer->kept)
		return_kept(tracer);
	for (size_t i = 0; i < tracer->tracees.len; i++)
		look_deinit(&tracer->tracees.at[i].look);
	vec_free(&tracer->tracees);
	if (!tracer->kept)
		looker_close(&tracer->looker);
	map_deinit(&tracer->known);
}

enum gospy_code tracer_probe(pid_t tid, struct gospy_error *err)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, 0) == 0)
		return GOSPY_OK;
	if (errno == ESRCH)
		return err_set(err, GOSPY_E_GONE, "thread %d has ended", tid);
	if (!is_refusal(errno))
		return err_os(err, errno, "cannot seize thread %d", tid);
	return diagnose_eperm(tid, PROCESS_STOP, err);
}
