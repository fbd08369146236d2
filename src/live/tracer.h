/*
 * One attempt at the moment of live/pause.h. All calls come from one thread, which ends
 * afterwards: the kernel then lets go of what could not be detached.
 */
#ifndef GOSPY_LIVE_TRACER_H
#define GOSPY_LIVE_TRACER_H

#include <stdatomic.h>

#include "base/map.h"
#include "live/kept.h"
#include "live/pause.h"

/* What is kept of a thread besides what the moment shows. */
struct tracee {
	bool interrupted;
	bool stopped;    /* it has reported, and is held */
	bool group_stop; /* somebody else had stopped it: SIGSTOP, Ctrl-Z */
	bool was_quiet; /* the look has shown it to be off every processor before it was interrupted
			 */
	struct look look;
	/* Counts of a thread that waits for a processor: when the moment began, and when it was
	 * over. */
	uint64_t departures, arrivals_after;
};

struct tracer {
	/* What the caller sets. */
	const struct process *process;
	const struct moment_work *work;
	uint64_t max_pause_ns;
	uint64_t patience_ns; /* how long the interrupted are waited for while others stand still */
	uint64_t reach_ns;    /* the same while none of them reports */
	struct map *restless; /* tids that moved in earlier attempts; this one adds its own */
	bool all;             /* interrupt all threads, wait for all that run */
	bool only_watch;      /* interrupt none */
	bool is_last;         /* no other attempt follows if threads move */
	/* What it finds. */
	struct moment moment;
	bool taken; /* somebody else traces a thread */
	pid_t taken_by;
	atomic_uint progress; /* grows with each thread that is seized or stopped */
	atomic_bool stopped;  /* or failed to: nothing that an exec could block is left to do */
	/* Its own. */
	struct looker looker;
	struct kept *kept; /* whose looker it is, and the first looks; or NULL */
	VEC(struct tracee) tracees;
	struct map known;    /* tids in moment.threads */
	uint64_t held_ns;    /* clock_mono_ns() of the first interrupt; 0: nothing is held */
	uint64_t settled_ns; /* the longest that one was held after the others had been let go */
	bool lost_threads;   /* some ended while they were waited for */
	bool execed;
	unsigned visits_left;
	bool visit_again; /* a thread has reported while all was read */
};

/** Make the attempt, but for the rehearsal. */
enum gospy_code tracer_run(struct tracer *tracer, struct gospy_error *err);
void tracer_deinit(struct tracer *tracer);
/** Seize one thread, with no option that would stop anything. The end of the calling thread lets go
 * of it. GOSPY_E_PERM with the cause; GOSPY_E_GONE. */
enum gospy_code tracer_probe(pid_t tid, struct gospy_error *err);

#endif
