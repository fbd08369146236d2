/* Parts of the lines of `gospy waits`. */
#ifndef GOSPY_RENDER_WAITS_LINE_H
#define GOSPY_RENDER_WAITS_LINE_H

#include "render/out.h"
#include "render/waits.h"

/** " at main.work work.go:12"; nothing for NULL. */
void waits_put_place(struct out *out, const struct gospy_location *place);
/** ", 12 minutes"; nothing if that is not known. */
void waits_put_wait(struct out *out, uint64_t wait_ns);
/** "sync.Mutex 0xc000012348 (main.registry+0x8)" */
void waits_put_object(struct out *out, const struct waits *waits,
		      const struct waits_object *object);
/** "held by goroutine 18, taken at main.transfer main.go:31". By "itself" if that is the waiter. */
void waits_put_holder(struct out *out, const struct waits *waits, const struct waits_edge *edge,
		      uint64_t waiter_goid);
/** "goroutine 18 waits for sync.Mutex 0xc000012348 at main.transfer main.go:33, 3 minutes" */
void waits_put_waiter(struct out *out, const struct waits *waits, const struct gospy_goroutine *g,
		      const struct waits_object *object);

#endif
