/* From one goroutine to what it waits for, to who holds that, and on. */
#ifndef GOSPY_RENDER_WAITS_CHAIN_H
#define GOSPY_RENDER_WAITS_CHAIN_H

#include "render/out.h"
#include "render/waits.h"

/** ", and waits for chan receive at main.main main.go:12", ", and runs": what a goroutine that
 * holds something does. */
void waits_chain_state(struct out *out, const struct waits *waits, const struct gospy_goroutine *g);

#endif
