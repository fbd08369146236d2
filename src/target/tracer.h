/*
 * The ptrace calls behind target/pause.h. All of them come from one thread, the one that called
 * tracer_stop.
 */
#ifndef GOSPY_TARGET_TRACER_H
#define GOSPY_TARGET_TRACER_H

#include <stdatomic.h>

#include "base/map.h"
#include "target/pause.h"

struct tracer {
	pid_t pid;
	uint64_t max_pause_ns;
	struct pause pause;
	struct map known;  /* tids in pause.threads */
	bool lost_threads; /* some ended while they were waited for */
	bool execed;
	bool taken;           /* somebody else traces a thread */
	atomic_uint progress; /* grows with each thread that is seized or stopped */
};

/** Seize and stop all threads. On failure some may be stopped: tracer_detach. */
enum gospy_code tracer_stop(struct tracer *tracer, struct gospy_error *err);
/** Seize one thread, with no option that would stop anything. The end of the calling thread lets go
 * of it. GOSPY_E_PERM with the cause; GOSPY_E_GONE. */
enum gospy_code tracer_probe(pid_t tid, struct gospy_error *err);
/** Let everything run on. What cannot be detached because it did not stop stays traced until the
 * calling thread ends. */
void tracer_detach(struct tracer *tracer);

#endif
