#include "base/paged_pass.h"

#include <stdlib.h>

#include "base/cancel.h"

void paged_pass_deinit(struct paged_pass *pass)
{
	free(pass->bytes);
	*pass = (struct paged_pass){0};
}

/* Pages are there as a whole, so that the rest of the last one is at hand. */
static struct span from_window(struct paged_pass *pass, uint64_t off, uint64_t len)
{
	struct paged *window = pass->window;
	const uint8_t *bytes = paged_at(window, off, len);
	if (!bytes)
		return (struct span){0};
	uint64_t end = window->len;
	if (window->present && off + len < end / PAGED_PAGE * PAGED_PAGE)
		end = (off + len + PAGED_PAGE - 1) / PAGED_PAGE * PAGED_PAGE;
	return (struct span){bytes, (size_t)(end - off)};
}

/* Fill the buffer from the page of `off` on. */
static bool fill(struct paged_pass *pass, uint64_t off)
{
	const struct paged *window = pass->window;
	uint64_t start = off / PAGED_PAGE * PAGED_PAGE, left = window->len - start;
	size_t len = left < PAGED_PASS_AHEAD ? (size_t)left : PAGED_PASS_AHEAD;
	pass->start = pass->end = 0;
	pass->tried = start + len;
	if (!pass->bytes && !(pass->bytes = malloc(PAGED_PASS_AHEAD)))
		return false;
	if (window->fetch(window->ctx, window->addr + start, pass->bytes, len, NULL))
		return false; // there is a hole, which the window finds out
	pass->start = start;
	pass->end = start + len;
	return true;
}

struct span paged_pass_fetch_(struct paged_pass *pass, uint64_t off, uint64_t len)
{
	const struct paged *window = pass->window;
	bool inside = off < window->len && len <= window->len - off;
	if (cancel_asked())
		return (struct span){0};
	if (!inside || !window->present || len > PAGED_PASS_PIECE || off + len <= pass->tried ||
	    !fill(pass, off))
		return from_window(pass, off, len);
	return (struct span){pass->bytes + (off - pass->start), (size_t)(pass->end - off)};
}
