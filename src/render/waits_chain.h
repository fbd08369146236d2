/* From one goroutine to what it waits for, to who holds that, and on. */
#ifndef GOSPY_RENDER_WAITS_CHAIN_H
#define GOSPY_RENDER_WAITS_CHAIN_H

#include "render/json.h"
#include "render/out.h"
#include "render/waits.h"

/** "; it waits for channel 0xc000012345 at main.main main.go:12", "; it runs": what a goroutine
 * that holds something does. */
void waits_chain_state(struct out *out, const struct gospy_goroutine *g);
/** The index in the snapshot of the goroutine with this goid; SIZE_MAX: there is none. */
size_t waits_chain_find(const struct waits *waits, uint64_t goid);
/** The chain from this goroutine on, to one that waits for nobody that is known, or that was in the
 * chain before. Of several holders it follows the first one, which is certain if any is. */
void waits_chain_text(struct out *out, const struct waits *waits, size_t goroutine);
/** The same as members: "chain", "circle", "deadlock". */
void waits_chain_json(struct json *json, const struct waits *waits, size_t goroutine);

#endif
