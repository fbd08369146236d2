/* Pieces of text about what goroutines wait for, for all forms of `gospy waits`. */
#ifndef GOSPY_RENDER_WAITS_TEXT_H
#define GOSPY_RENDER_WAITS_TEXT_H

#include "base/strbuf.h"
#include "render/waits.h"

/** "sync.Mutex 0xc000012348", "fd 7 tcp 10.0.0.1:80 with 10.0.0.2:4711"; unescaped. */
void waits_object_name(const struct waits *waits, const struct waits_object *object,
		       struct strbuf *text);
/** " (main.registry+0x8)", " (on the stack of goroutine 17)"; nothing if it is not known. Escaped.
 */
void waits_object_home(const struct waits_object *object, struct strbuf *text);
/** "readers: 2, waiting to read: 3"; nothing if there is nothing to say. */
void waits_object_state(const struct waits_object *object, struct strbuf *text);
/** Why it is not certain who holds a lock, for a person; NULL: it is. */
const char *waits_doubt_text(enum gospy_doubt doubt);
/** The same as a word, for JSON; NULL: it is certain. */
const char *waits_doubt_name(enum gospy_doubt doubt);
/** "to read", "to write", "to write, behind another writer", "receives", "sends"; NULL: nothing is
 * to be said. */
const char *waits_how(const struct gospy_goroutine *g, const struct waits_waiter *waiter);
/** The same as words for JSON; NULL: there is nothing to say. */
const char *waits_role_name(enum waits_role role);
/** What is said of a lock of which no holder is known. */
const char *waits_nobody_text(const struct waits_object *object);
/** Where in the user's own code it waits, or else where it is; may be NULL. */
const struct gospy_location *waits_place(const struct gospy_goroutine *g);

#endif
