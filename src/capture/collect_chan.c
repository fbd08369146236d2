#include "capture/collect_chan.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/radix.h"

#define FIELD_END_(member, path, required)                                                         \
	if (L->member.off + L->member.size > end)                                                  \
		end = L->member.off + L->member.size;

/* See note() in core/recording.c. */
static size_t whole_words(size_t len)
{
	return (len + 7) & ~(size_t)7;
}

static size_t sudog_window(const struct layout *layout)
{
	const __typeof__(layout->sudog) *L = &layout->sudog;
	size_t end = 0;
	LAYOUT_SUDOG(FIELD_END_)
	return whole_words(end);
}

static size_t hchan_window(const struct layout *layout)
{
	const __typeof__(layout->hchan) *L = &layout->hchan;
	size_t end = 0;
	LAYOUT_HCHAN(FIELD_END_)
	return whole_words(end);
}

/* "chan receive", "chan send (durable)", ...: exactly one channel. g.waiting of those who wait for
 * a semaphore or a sync.Cond is set from Go 1.26 on: src/runtime/sema.go, queue and notifyListWait.
 */
void collect_object_kinds(struct passes *p)
{
	static const struct {
		const char *reason; /* how it begins */
		enum gospy_object_kind kind;
	} table[] = {
		{"chan receive", GOSPY_OBJECT_CHANNEL},
		{"chan send", GOSPY_OBJECT_CHANNEL},
		{"semacquire", GOSPY_OBJECT_SEMAPHORE},
		{"sync.Mutex.Lock", GOSPY_OBJECT_SEMAPHORE},
		{"sync.RWMutex.", GOSPY_OBJECT_SEMAPHORE},
		{"sync.WaitGroup.Wait", GOSPY_OBJECT_SEMAPHORE},
		{"sync.Cond.Wait", GOSPY_OBJECT_NOTIFY_LIST},
	};
	memset(p->object_kinds, GOSPY_OBJECT_NONE, sizeof(p->object_kinds));
	for (unsigned i = 0; i < sizeof(p->object_kinds); i++) {
		const char *text = image_wait_reason(p->image, i);
		for (size_t k = 0; k < sizeof(table) / sizeof(table[0]); k++) {
			if (strncmp(text, table[k].reason, strlen(table[k].reason)) == 0 &&
			    (p->options->objects || table[k].kind == GOSPY_OBJECT_CHANNEL))
				p->object_kinds[i] = (uint8_t)table[k].kind;
		}
	}
}

static bool add_waiter(const struct passes *p, size_t i)
{
	struct capture *c = p->capture;
	const uint8_t *kinds = p->object_kinds;
	const struct g_rec *rec = &c->recs[i];
	if (!grec_waits(rec) || !rec->waiting || !kinds[rec->waitreason] ||
	    rec->soundness > GOSPY_SOUND_LATE || !passes_wants_object(p, rec))
		return true;
	struct chan_rec chan = {
		.addr = rec->waiting, .g = (uint32_t)i, .kind = kinds[rec->waitreason]};
	return vec_push(&c->chans, chan);
}

static bool add_waiters(struct passes *p, bool active)
{
	const struct capture *c = p->capture;
	bool ok = true;
	if (active) {
		for (size_t i = 0; i < p->active.len && ok; i++)
			ok = add_waiter(p, p->active.at[i].rec);
	} else {
		for (size_t i = 0; i < c->sorted && ok; i++)
			ok = c->recs[i].flags & G_ACTIVE || add_waiter(p, i);
	}
	return ok;
}

/* No address of a program has this bit. */
static uint64_t sort_key(const struct chan_rec *chan, bool channels_first)
{
	bool last = channels_first && chan->kind != GOSPY_OBJECT_CHANNEL;
	return chan->addr | (uint64_t)last << 63;
}

/* Put chans[first...] in order of their addresses: in place, cycle by cycle of the permutation,
 * since a second array of a million would be memory for nothing. */
static bool sort_chans(struct capture *c, size_t first, bool channels_first)
{
	size_t n = c->chans.len - first;
	if (!n)
		return true;
	struct chan_rec *chans = c->chans.at + first;
	CLEANUP_FREE struct radix_item *order = malloc(n * sizeof(*order));
	if (!order)
		return false;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct radix_item){.key = sort_key(&chans[i], channels_first),
					       .index = (uint32_t)i};
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
	uint64_t channel = own ? field_load(bytes, layout->sudog.c) : 0;
	if (chan->kind == GOSPY_OBJECT_CHANNEL) {
		chan->addr = channel;
		return;
	}
	chan->addr = own && !channel ? field_load(bytes, layout->sudog.elem) : 0;
	chan->known = chan->addr != 0;
}

/* Position behind the last channel. */
static size_t channels_end(const struct capture *c, size_t first)
{
	size_t end = c->chans.len;
	while (end > first && c->chans.at[end - 1].kind != GOSPY_OBJECT_CHANNEL)
		end--;
	return end;
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
	chan->of.chan.cap = field_load(bytes, layout->hchan.dataqsiz);
	chan->of.chan.len = field_load(bytes, layout->hchan.qcount);
	chan->elem_size = (uint16_t)field_load(bytes, layout->hchan.elemsize);
	chan->closed = field_load(bytes, layout->hchan.closed) != 0;
	chan->known = chan->of.chan.len <= chan->of.chan.cap;
	if (p->options->objects)
		chan->when = field_load(bytes, layout->hchan.timer);
}

/* What the deadline came before is not known. */
static void forget_from(struct capture *c, size_t done)
{
	for (size_t i = done; i < c->chans.len; i++)
		c->chans.at[i].addr = 0;
}

enum gospy_code collect_channels(struct passes *p, bool active, uint64_t deadline_ns,
				 struct gospy_error *err)
{
	struct capture *c = p->capture;
	const struct layout *layout = &p->image->layout;
	size_t first = c->chans.len, done;
	if (!add_waiters(p, active) || !sort_chans(c, first, false))
		return err_nomem(err);
	struct bulk bulk = {
		.mem = p->image->mem,
		.room = p->room,
		.items = c->chans.at,
		.stride = sizeof(*c->chans.at),
		.count = c->chans.len,
		.first = first,
		.ctx = p,
		.len = sudog_window(layout),
		.deadline_ns = deadline_ns,
		.visit = visit_sudog,
	};
	enum gospy_code code = bulk_run(&bulk, &done, err);
	if (code)
		return code;
	forget_from(c, done);
	if (!sort_chans(c, first, true))
		return err_nomem(err);
	bulk.count = channels_end(c, first);
	bulk.len = hchan_window(layout);
	bulk.visit = visit_hchan;
	if ((code = bulk_run(&bulk, &done, err)))
		return code;
	for (size_t i = first; i < c->chans.len; i++) {
		if (c->chans.at[i].known)
			c->recs[c->chans.at[i].g].chan = (uint32_t)i + 1;
	}
	return GOSPY_OK;
}
