/*
 * A moment at which a process stands still: threads that run are stopped, those that do not are
 * only watched.
 *
 * A thread that the kernel says is off every processor, and that it has not put on one since, has
 * executed nothing in between (live/look.h). So only threads that run, or wait for a processor, are
 * interrupted, by PTRACE_SEIZE and PTRACE_INTERRUPT: no signal is sent, and if gospy dies at any
 * instant the kernel detaches it and every thread runs on. A signal that arrives meanwhile is given
 * back to its thread when it resumes. A thread is left alone if it sleeps, be it in a system call
 * that cannot be interrupted, if it is in group-stop (SIGSTOP, Ctrl-Z), or in a frozen cgroup:
 * nothing that it waits for returns EINTR. In a process of which nothing runs, nothing is stopped.
 *
 * A thread that was interrupted while it waited for a processor reports its stop only when it gets
 * one: on a crowded machine after many milliseconds. Nobody waits for that while others stand
 * still: the kernel's counters prove that it executed nothing meanwhile, and its registers are read
 * afterwards, when it reports; they are those of the moment. docs/internals.md has the proofs.
 *
 * A thread that was to stand still may run all the same (a timer ends, a packet arrives). Then
 * everything is let go and tried again, up to four times. `moved` says how many did in the end.
 *
 * Threads are stopped by a thread that lives as long as the pause. The kernel detaches what a
 * thread traces when that thread ends, whatever state the tracees are in. While it holds anything
 * that thread asks for a real-time priority, or for a better nice value; it may be refused both.
 *
 * Threads of this program that want the same process come one after the other.
 *
 * The caller's thread takes no SIGTSTP, SIGTTIN or SIGTTOU meanwhile. If this program is stopped
 * all the same, by SIGSTOP, the target stands still until it goes on or is killed.
 *
 * The kernel sends the calling process a SIGCHLD for each thread that stops.
 */
#ifndef GOSPY_LIVE_PAUSE_H
#define GOSPY_LIVE_PAUSE_H

#include "live/look.h"
#include "live/process.h"

/** Enough for all that runs, even if it waits for its turn once. */
#define PAUSE_REACH_NS (UINT64_C(20) * 1000 * 1000)

/**
 * Make `process` stand still, do the work, and let everything run on, whatever `visit` returns.
 * `*ret` is what there was to see, also on failure: moment_deinit(). `visit` has to keep to
 * `max_pause_ns`, which begins after the rehearsal (moment.deadline_ns). Threads that run, but do
 * not report their stop for a while (.reach_ns), are let go: GOSPY_E_LIMIT, and .reached is false.
 * GOSPY_E_PERM with the cause (a tracer is named), GOSPY_E_GONE: it ended or exec'ed; else what
 * `visit` returned. An exec that is under way when the first thread is seized has to finish before
 * this returns, and may go unnoticed: process_check after the pause tells. A tracer that was there
 * first is given some tenths of a second to let go, another gospy some seconds; all begins anew
 * then, with the rehearsal.
 */
enum gospy_code pause_run(const struct process *process, uint64_t max_pause_ns,
			  const struct moment_work *work, struct moment *ret,
			  struct gospy_error *err);

/** The same without a stop: `visit` while the threads are only watched. GOSPY_E_LIMIT: something
 * ran; .reached is false, and if `visit` was called its results are worth nothing. */
enum gospy_code pause_watch(const struct process *process, uint64_t max_pause_ns,
			    const struct moment_work *work, struct moment *ret,
			    struct gospy_error *err);

/**
 * Could the process be stopped? One of its threads is seized, which does not stop it, and let go
 * at once. GOSPY_E_PERM with the cause; GOSPY_E_GONE.
 */
enum gospy_code pause_probe(const struct process *process, struct gospy_error *err);
/** What a stop would meet. */
struct pause_prospect {
	size_t threads;
	size_t running;   /* that run, or did between two looks: these would be stopped */
	size_t unknown;   /* of those: of which the kernel does not tell whether they run */
	size_t asleep;    /* in uninterruptible sleep: they cannot be stopped, and need not be */
	pid_t asleep_tid; /* one of these, or 0 */
};
/** Look at each thread twice, a moment apart. Nothing is stopped. GOSPY_E_GONE. */
enum gospy_code pause_look(const struct process *process, struct pause_prospect *ret,
			   struct gospy_error *err);
#endif
