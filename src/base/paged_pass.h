/*
 * A pass over a window (base/paged.h), forward, which keeps nothing of what it reads. A table that
 * is looked through once is fetched far ahead into one small buffer, which stays in the processor's
 * cache. In the window each of its pages would first have to become memory, which costs several
 * times what copying it does.
 *
 * A pass may go backward, and may ask for more than the buffer is good for: that comes from the
 * window, which keeps it. So whatever order a hostile table leads to, a pass fetches no more than
 * about twice what the window spans.
 */
#ifndef GOSPY_BASE_PAGED_PASS_H
#define GOSPY_BASE_PAGED_PASS_H

#include "base/paged.h"

enum {
	/* A process is read at full speed from about here on; it fits into the second cache. */
	PAGED_PASS_AHEAD = 64 << 10,
	/* The longest piece that the buffer is used for. */
	PAGED_PASS_PIECE = PAGED_PASS_AHEAD / 2,
};

struct paged_pass {
	struct paged *window; /* borrowed */
	uint8_t *bytes;       /* the buffer, made when it is first needed */
	uint64_t start, end;  /* what it holds, as offsets in the window */
	uint64_t tried;       /* nothing below is fetched into it again */
};

/** Begin a pass at the start of the window. Its place in memory is the caller's. */
static inline struct paged_pass paged_pass_of(struct paged *window)
{
	return (struct paged_pass){.window = window};
}
void paged_pass_deinit(struct paged_pass *pass);

/** The same as paged_pass_at, where the buffer does not hold it. */
struct span paged_pass_fetch_(struct paged_pass *pass, uint64_t off, uint64_t len);

/** The bytes at target address `addr`, at least `len` of them, and those behind them that are at
 * hand; `ptr` is NULL if they are outside of the window, or unreadable, or the call was called off
 * (base/cancel.h). They stay until the next call. Without memory for the buffer they come from the
 * window. */
static inline struct span paged_pass_at(struct paged_pass *pass, uint64_t addr, uint64_t len)
{
	uint64_t off = addr - pass->window->addr; // below the window: above all of it
	if (off >= pass->start && off < pass->end && len <= pass->end - off)
		return (struct span){pass->bytes + (off - pass->start), (size_t)(pass->end - off)};
	return paged_pass_fetch_(pass, off, len);
}

#endif
