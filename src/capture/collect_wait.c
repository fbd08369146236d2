#include "capture/collect_wait.h"

#include <string.h>

#include "base/cleanup.h"
#include "capture/collect_cond.h"
#include "capture/collect_poll.h"
#include "capture/collect_select.h"
#include "capture/collect_sync.h"
#include "capture/collect_timer.h"
#include "capture/scatter.h"

/* The texts are those of waitReasonStrings. Waits for Mutex and RWMutex have reasons of their own
 * from Go 1.20 on, those for WaitGroup from 1.24 on; "(durable)" or "(synctest)" may follow. */
static enum gospy_wait_kind kind_of_reason(const char *reason)
{
	static const struct {
		const char *reason; /* how it begins; the first that fits counts */
		enum gospy_wait_kind kind;
	} table[] = {
		{"chan receive (nil chan)", GOSPY_WAIT_NIL_CHANNEL},
		{"chan send (nil chan)", GOSPY_WAIT_NIL_CHANNEL},
		{"chan receive", GOSPY_WAIT_CHANNEL},
		{"chan send", GOSPY_WAIT_CHANNEL},
		{"select", GOSPY_WAIT_SELECT},
		{"semacquire", GOSPY_WAIT_SEMAPHORE},
		{"sync.Mutex.Lock", GOSPY_WAIT_MUTEX},
		{"sync.RWMutex.", GOSPY_WAIT_RWMUTEX},
		{"sync.WaitGroup.Wait", GOSPY_WAIT_WAITGROUP},
		{"sync.Cond.Wait", GOSPY_WAIT_COND},
		{"IO wait", GOSPY_WAIT_FD},
		{"sleep", GOSPY_WAIT_SLEEP},
	};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strncmp(reason, table[i].reason, strlen(table[i].reason)) == 0)
			return table[i].kind;
	}
	return GOSPY_WAIT_NONE;
}

void collect_wait_kinds(struct passes *p)
{
	uint8_t *kinds = p->capture->wait_kinds;
	for (unsigned i = 0; p->options->objects && i < sizeof(p->capture->wait_kinds); i++)
		kinds[i] = (uint8_t)kind_of_reason(image_wait_reason(p->image, i));
}

/* What a sudog has led to names itself. */
static void name_channels(struct capture *c)
{
	for (size_t i = 0; i < c->chans.len; i++) {
		struct chan_rec *chan = &c->chans.at[i];
		if (chan->known && chan->kind == GOSPY_OBJECT_CHANNEL)
			chan->wait = GOSPY_WAIT_CHANNEL;
	}
}

/* Forget what was found of a goroutine that has moved since it was read in the stop. Its channel
 * and its semaphore were read there, too, and so is the type of what it waited for. */
static void check_one(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct passes *p = ctx;
	struct capture *c = p->capture;
	struct chan_rec *chan = &c->chans.at[index];
	struct g_rec *rec = &c->recs[chan->g];
	if (bytes && grec_is_still(&p->image->layout, bytes, rec))
		return;
	chan->when = 0;
	if (!chan->kind)
		rec->chan = 0;
}

/* Those that were not active collect_verify() looks at. */
static enum gospy_code check_active(struct passes *p, struct gospy_error *err)
{
	const struct capture *c = p->capture;
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	uint32_t window = (uint32_t)grec_window(&p->image->layout);
	for (size_t i = 0; i < c->chans.len; i++) {
		const struct chan_rec *chan = &c->chans.at[i];
		const struct g_rec *rec = &c->recs[chan->g];
		if (rec->chan == i + 1 && rec->flags & G_ACTIVE && !chan->of_stop &&
		    (!chan->kind || chan->when) &&
		    !scatter_add(&scatter, rec->addr, window, (uint32_t)i))
			return err_nomem(err);
	}
	mem_record(p->image->mem, false);
	enum gospy_code code = scatter_read(&scatter, p, check_one, p, err);
	mem_record(p->image->mem, true);
	return code;
}

enum gospy_code collect_waits(struct passes *p, struct gospy_error *err)
{
	if (!p->options->objects)
		return GOSPY_OK;
	name_channels(p->capture);
	enum gospy_code code = collect_sync(p, err);
	if (!code)
		code = collect_conds(p, err);
	if (!code)
		code = collect_polls(p, err);
	if (!code)
		code = collect_selects(p, err);
	if (!code)
		code = collect_timers(p, err);
	return code ? code : check_active(p, err);
}
