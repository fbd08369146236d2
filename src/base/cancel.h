/*
 * Calling off a call. A public function that may take long says by cancel_begin() with which
 * descriptor its caller can call it off, and by cancel_end() that it is over. In between whatever
 * works for it asks cancel_check() as often as it likes, and returns what that returns.
 *
 * A thread works for one call at a time, so the thread knows which one, and nobody has to pass it
 * on. A thread that the call starts is told by cancel_adopt(). A function that the public function
 * calls and that is public itself is a part of it, and is called off with it.
 *
 * A function that looks something up once and keeps it for later calls must not ask: what it does
 * not find because one call was called off would be missing from the others.
 */
#ifndef GOSPY_BASE_CANCEL_H
#define GOSPY_BASE_CANCEL_H

#include <stdatomic.h>

#include "base/error.h"

struct cancel {
	struct cancel *before; /* what the thread worked for before, or NULL */
	int fd;
	atomic_bool came;
	_Atomic uint64_t look_ns; /* when the descriptor is to be looked at again */
};

/** From now on the calling thread works for a call that is called off when `fd` becomes readable.
 * `fd` 0: only the call that this one is a part of can call it off. `cancel` stays where it is
 * until cancel_end(). */
void cancel_begin(struct cancel *cancel, int64_t fd);
/** To be called on the thread of cancel_begin(), when all threads that work for the call have
 * ended. */
void cancel_end(struct cancel *cancel);

/** What the calling thread works for, or NULL. A thread that is about to be started is given it. */
struct cancel *cancel_current(void);
/** From now on the calling thread, which has just been started, works for `cancel`. */
void cancel_adopt(struct cancel *cancel);

/** GOSPY_E_CANCELLED: the caller of the call that this thread works for wants no more of it. This
 * is cheap: the descriptor is looked at once in a millisecond. Once it was readable, this stays so.
 */
enum gospy_code cancel_check(struct gospy_error *err) __attribute__((warn_unused_result));
/** The same as a question. */
bool cancel_asked(void);
/** Code of the caller's has just run, which may have called off the call: the next cancel_check()
 * looks. */
void cancel_look_again(void);
/** What the call returns if its work ended with `code`. If the call was called off meanwhile, that
 * is why the work ended, whatever `code` says. */
enum gospy_code cancel_verdict(enum gospy_code code, struct gospy_error *err);

/** Wait until `fd` is ready for `events` of poll(2), or has failed. GOSPY_E_CANCELLED;
 * GOSPY_E_LIMIT: clock_mono_ns() has come to `deadline_ns`. */
enum gospy_code cancel_poll(int fd, short events, uint64_t deadline_ns, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Wait for that time. GOSPY_E_CANCELLED. */
enum gospy_code cancel_sleep(uint64_t ns, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
