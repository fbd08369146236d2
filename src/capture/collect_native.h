/* Stacks of C code, and of the system stacks it is on, if they are asked for. */
#ifndef GOSPY_CAPTURE_COLLECT_NATIVE_H
#define GOSPY_CAPTURE_COLLECT_NATIVE_H

#include "capture/passes.h"

struct native_work;
/** Before the stop: do all that can be done without it. GOSPY_E_UNSUPPORTED. */
enum gospy_code collect_native_prepare(struct passes *p, struct native_work **ret,
				       struct gospy_error *err);
/** In the stop: copy registers and stacks of the threads that are in C code for a goroutine. If
 * threads are asked for, copy those of all threads that are not on a goroutine's own stack. */
enum gospy_code collect_native_stopped(struct native_work *work, const struct moment *moment,
				       uint64_t deadline_ns, struct gospy_error *err);
/** After the resume: walk what was copied. */
enum gospy_code collect_native_walk(struct native_work *work, struct gospy_error *err);
/** Does this thread, which does not run, have to be stopped because its registers are needed? */
bool collect_native_wants(const struct native_work *work, const struct m_rec *m, uint64_t sp);
/** A thread has reported its stop late: copy its stack. */
void collect_native_late(struct native_work *work, const struct moment_thread *thread);
void native_work_destroy(struct native_work *work);

#endif
