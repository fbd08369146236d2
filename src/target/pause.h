/*
 * Stop every thread of a process, and let it go again.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT only: no signal is sent, and if gospy dies at any instant the
 * kernel detaches it and every thread runs on. Order and cost: {list, SEIZE} until nothing is new;
 * INTERRUPT all; wait for each; one more listing inside the stop. A signal that arrives meanwhile
 * is given back to its thread when it resumes; a thread in group-stop (SIGSTOP, Ctrl-Z) stays in
 * it.
 *
 * All of it happens on a thread that lives as long as the pause. The kernel detaches what a thread
 * traces when that thread ends, whatever state the tracees are in: so the end of a pause resumes
 * even a thread that could not be stopped (in uninterruptible sleep, say) and could therefore not
 * be detached by a call.
 *
 * The caller's thread takes no SIGTSTP, SIGTTIN or SIGTTOU meanwhile. If this program is stopped
 * all the same, by SIGSTOP, the target stands still until it goes on or is killed.
 *
 * The kernel sends the calling process a SIGCHLD for each thread that stops.
 */
#ifndef GOSPY_TARGET_PAUSE_H
#define GOSPY_TARGET_PAUSE_H

#include <sys/user.h>

#include "target/process.h"

struct pause_thread {
	pid_t tid;
	bool stopped; /* false: it ended before it stopped */
	bool has_regs;
	int pending_signal;           /* to hand back on detach, 0: none */
	struct user_regs_struct regs; /* valid if has_regs */
};

typedef VEC(struct pause_thread) pause_thread_vec;

struct pause {
	pause_thread_vec threads; /* sorted by tid */
	uint64_t begin_ns;        /* clock_mono_ns() before the first interrupt */
	uint64_t deadline_ns;     /* when the time that the caller allows for a pause is over */
	uint64_t stopped_ns;      /* from then to the last detach; 0 until it is over */
};

/** What a pause is for. Both are called on the thread that traces: no hand-over between threads
 * prolongs the stop. */
struct pause_work {
	/** Just before; may be NULL. What touches here the code and the memory that `visit` will
	 * need shortens the stop: caches and page tables are warm then. Nothing is traced yet: a
	 * traced thread would stop for each signal it gets. */
	void (*rehearse)(void *ctx);
	/** While the process stands still. */
	enum gospy_code (*visit)(void *ctx, const struct pause *pause, struct gospy_error *err);
	void *ctx;
};

/**
 * Stop `process`, do the work, and let everything run on, whatever `visit` returns. `*ret` is what
 * there was to see, also on failure: pause_deinit(). `max_pause_ns`, which begins after the
 * rehearsal, bounds the wait for threads to stop (GOSPY_E_LIMIT), and is for `visit` to keep to
 * (pause.deadline_ns). GOSPY_E_PERM with the cause (a tracer is named),
 * GOSPY_E_GONE: it ended or exec'ed; else what `visit` returned. An exec that is under way when the
 * first thread is seized has to finish before this returns, and may go unnoticed: process_check
 * after the pause tells. A tracer that was there first is given some tenths of a second to let go;
 * all begins anew then, with the rehearsal.
 */
enum gospy_code pause_run(const struct process *process, uint64_t max_pause_ns,
			  const struct pause_work *work, struct pause *ret,
			  struct gospy_error *err);
/**
 * Could the process be stopped? One of its threads is seized, which does not stop it, and let go
 * at once. GOSPY_E_PERM with the cause; GOSPY_E_GONE.
 */
enum gospy_code pause_probe(const struct process *process, struct gospy_error *err);
/** Free the thread table; all zero is a valid empty pause. */
void pause_deinit(struct pause *pause);
/** The entry of a thread with its registers (all are read when a thread stops), or NULL: there was
 * no such thread. */
const struct pause_thread *pause_regs(const struct pause *pause, pid_t tid);

#endif
