/* Texts of facts, from what a snapshot has: escaped, and the arena's of the facts. NULL: unknown,
 * or out of memory, which *failed tells. */
#ifndef GOSPY_CHECK_GATHER_TEXT_H
#define GOSPY_CHECK_GATHER_TEXT_H

#include "base/strbuf.h"
#include "check/facts.h"
#include "render/waits.h"

/** "main.(*Store).Get store.go:14" */
const char *gather_place(struct facts *facts, const struct gospy_location *place, bool *failed);
/** "sync.Mutex 0xc000012348 (main.store+0x10)" */
const char *gather_object(struct facts *facts, const struct waits *waits,
			  const struct waits_object *object, bool *failed);
/** What one goroutine waits for: "channel 0xc000012345, cap 4 len 4". */
const char *gather_wait(struct facts *facts, const struct gospy_goroutine *g, bool *failed);
/** "waits for chan receive on ... at ...", "runs at ..." */
const char *gather_doing(struct facts *facts, const struct gospy_goroutine *g, bool *failed);
/** "goroutine 8, which took it at main.save store.go:58" */
const char *gather_holder(struct facts *facts, const struct waits *waits,
			  const struct waits_edge *edge, bool *failed);
/** The text of a buffer, which is cleared. */
const char *gather_take(struct facts *facts, struct strbuf *text, bool *failed);

#endif
