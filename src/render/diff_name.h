/*
 * Names of functions and reasons to wait as two builds, or two versions of Go, have in common.
 *
 * Of a name goes what the compiler adds and counts: type arguments, what it makes of go and defer
 * statements, "-fm" of a method value. The numbers of closures stay in one form of the name, and
 * go in the other, since a closure that is written before others renumbers them; and so does what
 * stands before the function that a closure is written in, since some versions of Go name there
 * the functions that it was inlined into.
 */
#ifndef GOSPY_RENDER_DIFF_NAME_H
#define GOSPY_RENDER_DIFF_NAME_H

#include <stdbool.h>

#include "base/strbuf.h"

/** Append it: "main.(*Store).Get.func1.2", or without the numbers "main.Get.func". */
void diff_name(const char *func, bool numbers, struct strbuf *text);

/** Is it what the compiler makes of a go or defer statement, to call with its arguments? */
bool diff_name_is_wrapper(const char *func);

/** Is it of a package of the standard library that others wait in: sync, internal/poll, ...? What
 * such packages call inside of them changes from version to version. */
bool diff_name_is_waiting(const char *func);

/** What a reason to wait is called whatever the version: "semaphore" for "semacquire" and for
 * "sync.Mutex.Lock", "select" for "select (durable)". Most have one name; `reason` itself then. */
const char *diff_wait(const char *reason);

#endif
