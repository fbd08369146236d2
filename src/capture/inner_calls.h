/*
 * The innermost calls of a parked goroutine, from the first bytes of its stack: they tell what it
 * waits for. Nothing is kept of the walk.
 */
#ifndef GOSPY_CAPTURE_INNER_CALLS_H
#define GOSPY_CAPTURE_INNER_CALLS_H

#include "capture/passes.h"
#include "capture/scatter.h"

enum {
	/* Bytes of a stack that are looked at. The frames of gopark, of what has called it, and of
	 * package sync or internal/poll take some 500, without optimization some 700. */
	INNER_BYTES = 1024,
	INNER_FRAMES = 16,
};

struct inner_calls {
	struct symbols *symbols;
	uint64_t addr; /* of the first byte */
	const uint8_t *bytes;
	size_t len;
	uint64_t pc, sp; /* of the next frame */
	unsigned frames; /* that were returned */
};

struct inner_frame {
	const struct frame_site *site;
	uint64_t end;       /* of the frame, which its arguments follow */
	uint64_t first_arg; /* where its first argument is printed from; 0: it has none */
};

/** Can the stack of the goroutine be looked at? Then it is added, with INNER_BYTES or fewer.
 * False: out of memory. */
bool inner_calls_add(struct scatter *scatter, const struct g_rec *rec, uint32_t index);
/** Read what was added. Nothing of it is recorded: whoever records has the stacks, and as stacks.
 */
enum gospy_code inner_calls_read(struct scatter *scatter, struct passes *p,
				 void (*visit)(void *ctx, uint32_t index, const uint8_t *bytes),
				 void *ctx, struct gospy_error *err);
/** The goroutine of `rec`, with the bytes that were read for it. */
struct inner_calls inner_calls_of(const struct passes *p, const struct g_rec *rec,
				  const uint8_t *bytes);
/** The next frame, innermost first; false: the walk does not lead further. */
bool inner_calls_next(struct inner_calls *calls, struct inner_frame *ret);
/** The word at an address of the stack; false: it is not among the bytes. */
bool inner_calls_word(const struct inner_calls *calls, uint64_t addr, uint64_t *ret);

/** Name of the physical function of a frame; NULL: not known. */
static inline const char *inner_frame_func(const struct inner_frame *frame)
{
	const struct frame_site *site = frame->site;
	return site->call_count ? site->calls[site->call_count - 1].func : NULL;
}

#endif
