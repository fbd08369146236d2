/*
 * Reading records of a target that are met in no order, such as those that many goroutines refer
 * to: they are put in order and copied in bulk.
 */
#ifndef GOSPY_CAPTURE_SCATTER_H
#define GOSPY_CAPTURE_SCATTER_H

#include "base/radix.h"
#include "capture/passes.h"

/* All zero is empty. */
struct scatter {
	VEC(struct radix_item) items; /* key: address; tag: bytes to copy; index: the caller's */
};

static inline void scatter_deinit(struct scatter *scatter)
{
	vec_free(&scatter->items);
}

/** Read `len` bytes at `addr` when scatter_read() is called. False: out of memory. */
static inline bool scatter_add(struct scatter *scatter, uint64_t addr, uint32_t len, uint32_t index)
{
	return vec_push(&scatter->items, ((struct radix_item){addr, len, index}));
}

/** Read them, and call `visit` with each index, in any order and from several threads. `bytes` is
 * NULL if they cannot be read. Then the scatter is empty, with its memory. */
enum gospy_code scatter_read(struct scatter *scatter, struct passes *p,
			     void (*visit)(void *ctx, uint32_t index, const uint8_t *bytes),
			     void *ctx, struct gospy_error *err);

#endif
