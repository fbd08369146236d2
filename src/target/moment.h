/*
 * A moment at which a target stands still: what its threads were doing then.
 *
 * The source of a target (target/source.h) makes it. What a core file holds is one; of a live
 * process live/pause.h tells how it comes about.
 */
#ifndef GOSPY_TARGET_MOMENT_H
#define GOSPY_TARGET_MOMENT_H

#include <sys/user.h>

#include "base/error.h"
#include "base/vec.h"

/* Where a thread is that does not run, as the kernel tells without its registers. */
struct place {
	int64_t syscall; /* number of the system call it is in; -1: in none (a page fault, a stop)
			  */
	uint64_t arg0, arg1, arg2, arg3; /* of the system call */
	uint64_t sp, pc; /* of the program, not the kernel; 0: the kernel does not tell */
};

enum moment_state {
	MOMENT_RUNS,    /* not dealt with yet */
	MOMENT_ENDED,   /* it ended before it stopped */
	MOMENT_STOPPED, /* it is stopped, and has its registers */
	MOMENT_STILL,   /* it does not run, and nobody stopped it: .place says where it is */
	MOMENT_WAITS,   /* it was interrupted, and has to get a processor before it can report */
	MOMENT_MOVED,   /* it ran, or may have run, while it was to stand still */
};

struct moment_thread {
	pid_t tid;
	enum moment_state state;
	bool has_regs;
	int signal;         /* it has stopped with, and gets when it goes on; 0: none */
	struct place place; /* valid in MOMENT_STILL */
	/* In MOMENT_STILL: how often it had been put on a processor; 0: not known. The same number
	 * in a later moment, and it has executed nothing in between. */
	uint64_t arrivals;
	/* In MOMENT_STILL: the source has held on to this thread since an earlier call of
	 * source_tasks(), so that it is no other one that got the same id. */
	bool same;
	struct user_regs_struct regs; /* valid if has_regs */
	/* With .vectors: its vector registers, as XSAVE lays them out; NULL: not known. The
	 * moment's. */
	uint8_t *vectors;
	size_t vector_bytes;
	size_t tracee; /* position in what the source keeps of it for itself */
};

struct moment {
	VEC(struct moment_thread) threads; /* sorted by tid */
	uint64_t begin_ns;    /* clock_mono_ns() when it began: before the first interrupt */
	uint64_t deadline_ns; /* when the time that the caller allows to hold threads is over */
	uint64_t stopped_ns;  /* how long a thread was held at most; 0: none was */
	bool reached;         /* `visit` was called, in the last attempt */
	size_t interrupted;   /* threads, in that attempt with most of them */
	size_t held;          /* of them, those that nobody else had stopped before */
	size_t moved;         /* threads in MOMENT_MOVED, in the last attempt */
};

/** The entry of a thread, or NULL: there was no such thread. */
const struct moment_thread *moment_find(const struct moment *moment, pid_t tid);
/** Free the thread table; all zero is a valid empty moment. */
void moment_deinit(struct moment *moment);

/** What a moment is for. All functions are called on the thread that traces, or on the caller's
 * where nothing is stopped. So no hand-over between threads makes the stop longer. */
struct source_kept;
struct moment_work {
	/** Called just before the stop, at each attempt; may be NULL. It should touch the code and
	 * the memory that `visit` will need: caches and page tables are warm then, which shortens
	 * the stop. Nothing is traced yet: a traced thread would stop for each signal it gets. */
	void (*rehearse)(void *ctx);
	/** Called after that. Does the work need all registers of this thread, which does not run?
	 * Then the thread is interrupted. NULL: the work needs those of none. */
	bool (*needs_regs)(void *ctx, pid_t tid, const struct place *place);
	/** Called while the target stands still, in each attempt, perhaps several times. The
	 * results replace those of the time before. */
	enum gospy_code (*visit)(void *ctx, const struct moment *moment, struct gospy_error *err);
	/** Called after that, when a thread in MOMENT_WAITS has reported its stop. It has its
	 * registers now, and stands still until this returns, while others run. It has executed no
	 * instruction of the program since the moment. A thread whose registers were needed, but
	 * which sleeps so that it cannot report, comes as MOMENT_STILL, and nobody holds it. May be
	 * NULL. */
	void (*settle)(void *ctx, const struct moment_thread *thread);
	void *ctx;
	/** Read vector registers, too, of threads that stop. */
	bool vectors;
	/** Interrupt all threads, and wait for each that can report. */
	bool all;
	/** Rather than accept at last that threads moved, do as with `all`. */
	bool insist;
	/** How long others may be held while no thread reports its stop; 0: PAUSE_REACH_NS. */
	uint64_t reach_ns;
	/** What the source holds on to since source_tasks() was called with it, or NULL. */
	struct source_kept *kept;
};

#endif
