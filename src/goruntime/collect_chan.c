/* The channels that goroutines wait on: g.waiting -> sudog.c -> hchan, in two bulk copies. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/radix.h"
#include "goruntime/capture.h"

#define FIELD_END_(member, path, required)                                                         \
	if (L->member.off + L->member.size > end)                                                  \
		end = L->member.off + L->member.size;

static size_t sudog_window(const struct layout *layout)
{
	const __typeof__(layout->sudog) *L = &layout->sudog;
	size_t end = 0;
	LAYOUT_SUDOG(FIELD_END_)
	return end;
}

static size_t hchan_window(const struct layout *layout)
{
	const __typeof__(layout->hchan) *L = &layout->hchan;
	size_t end = 0;
	LAYOUT_HCHAN(FIELD_END_)
	return end;
}

/* "chan receive", "chan send (durable)", ...: with g.waiting set, exactly one channel. */
static void channel_reasons(const struct image *image, bool is_channel[256])
{
	for (unsigned i = 0; i < 256; i++) {
		const char *text = image_wait_reason(image, i);
		is_channel[i] = strncmp(text, "chan receive", 12) == 0 ||
				strncmp(text, "chan send", 9) == 0;
	}
}

static bool add_waiter(struct capture *c, const bool is_channel[256], size_t i)
{
	const struct g_rec *rec = &c->recs[i];
	if (grec_status(rec) != GOSPY_STATUS_WAITING || !rec->waiting ||
	    !is_channel[rec->waitreason] || rec->soundness > GOSPY_SOUND_LATE)
		return true;
	struct chan_rec chan = {.addr = rec->waiting, .g = (uint32_t)i};
	return vec_push(&c->chans, chan);
}

static bool add_waiters(struct passes *p, bool active)
{
	struct capture *c = p->capture;
	bool is_channel[256], ok = true;
	channel_reasons(p->image, is_channel);
	if (active) {
		for (size_t i = 0; i < p->active.len && ok; i++)
			ok = add_waiter(c, is_channel, p->active.at[i].rec);
	} else {
		for (size_t i = 0; i < c->sorted && ok; i++)
			ok = c->recs[i].flags & G_ACTIVE || add_waiter(c, is_channel, i);
	}
	return ok;
}

/* Put chans[first...] in order of their addresses: in place, cycle by cycle of the permutation,
 * since a second array of a million would be memory for nothing. */
static bool sort_chans(struct capture *c, size_t first)
{
	size_t n = c->chans.len - first;
	if (!n)
		return true;
	struct chan_rec *chans = c->chans.at + first;
	CLEANUP_FREE struct radix_item *order = malloc(n * sizeof(*order));
	if (!order)
		return false;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct radix_item){.key = chans[i].addr, .index = (uint32_t)i};
	if (!radix_sort(order, n))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		struct chan_rec displaced = chans[i];
		uint32_t to = i, from;
		while ((from = order[to].index) != i) {
			chans[to] = chans[from];
			order[to].index = to;
			to = from;
		}
		chans[to] = displaced;
		order[to].index = to;
	}
	return true;
}

static void visit_sudog(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			const uint8_t *again)
{
	struct passes *p = ctx;
	const struct layout *layout = &p->image->layout;
	struct chan_rec *chan = &p->capture->chans.at[i];
	(void)worker;
	(void)again;
	// The sudog must be this goroutine's own.
	bool own = bytes && field_load(bytes, layout->sudog.g) == p->capture->recs[chan->g].addr;
	chan->addr = own ? field_load(bytes, layout->sudog.c) : 0;
}

static void visit_hchan(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			const uint8_t *again)
{
	struct passes *p = ctx;
	const struct layout *layout = &p->image->layout;
	struct chan_rec *chan = &p->capture->chans.at[i];
	(void)worker;
	(void)again;
	if (!bytes || !chan->addr)
		return;
	chan->cap = field_load(bytes, layout->hchan.dataqsiz);
	chan->len = field_load(bytes, layout->hchan.qcount);
	chan->elem_size = (uint16_t)field_load(bytes, layout->hchan.elemsize);
	chan->closed = field_load(bytes, layout->hchan.closed) != 0;
	chan->known = chan->len <= chan->cap;
}

enum gospy_code collect_channels(struct passes *p, bool active, struct gospy_error *err)
{
	struct capture *c = p->capture;
	const struct layout *layout = &p->image->layout;
	size_t first = c->chans.len;
	if (!add_waiters(p, active) || !sort_chans(c, first))
		return err_nomem(err);
	struct bulk bulk = {
		.mem = p->image->mem,
		.items = c->chans.at,
		.stride = sizeof(*c->chans.at),
		.count = c->chans.len,
		.first = first,
		.ctx = p,
		.len = sudog_window(layout),
		.visit = visit_sudog,
	};
	enum gospy_code code = bulk_run(&bulk, NULL, err);
	if (code)
		return code;
	if (!sort_chans(c, first))
		return err_nomem(err);
	bulk.len = hchan_window(layout);
	bulk.visit = visit_hchan;
	if ((code = bulk_run(&bulk, NULL, err)))
		return code;
	for (size_t i = first; i < c->chans.len; i++) {
		if (c->chans.at[i].known)
			c->recs[c->chans.at[i].g].chan = (uint32_t)i + 1;
	}
	return GOSPY_OK;
}
