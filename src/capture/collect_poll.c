#include "capture/collect_poll.h"

#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "capture/inner_calls.h"

/* src/runtime/netpoll.go:pollDesc, which has no type descriptor. rg and wg are the goroutine that
 * waits to read and the one that waits to write, so that a pollDesc which names the goroutine
 * proves its row: Go 1.17 has two of them, by its patch release. rd and wd are deadlines; 0: none,
 * -1: it is over. uses are counters of which none is as it was once the descriptor is closed: fdseq
 * from Go 1.21 on, before rseq and wseq. */
static const struct poll_layout {
	int since, until; /* minor version */
	uint16_t fd, rg, wg, rd, wd, uses[POLL_USES];
} poll_layouts[] = {
	{12, 13, 16, 40, 128, 112, 200, {32, 120}}, {14, 17, 16, 40, 136, 120, 216, {32, 128}},
	{17, 20, 8, 24, 32, 136, 224, {56, 144}},   {21, 22, 8, 32, 40, 144, 232, {16, 16}},
	{23, 24, 8, 32, 40, 160, 264, {16, 16}},    {25, 27, 8, 32, 40, 168, 280, {16, 16}},
};

static bool is_wanted(const struct passes *p, const struct g_rec *rec)
{
	return p->capture->wait_kinds[rec->waitreason] == GOSPY_WAIT_FD &&
	       grec_status(rec) == GOSPY_STATUS_WAITING && rec->soundness <= GOSPY_SOUND_LATE &&
	       passes_wants_object(p, rec);
}

/* src/internal/poll/fd_poll_runtime.go: runtime_pollWait(ctx uintptr, mode int). */
static void visit_calls(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct passes *p = ctx;
	struct chan_rec *chan = &p->capture->chans.at[index];
	struct inner_calls calls = inner_calls_of(p, &p->capture->recs[chan->g], bytes);
	struct inner_frame frame;
	while (inner_calls_next(&calls, &frame)) {
		const char *func = inner_frame_func(&frame);
		if (!func || strcmp(func, "internal/poll.runtime_pollWait") != 0)
			continue;
		if (frame.first_arg && !inner_calls_word(&calls, frame.first_arg, &chan->addr))
			chan->addr = 0;
		return;
	}
}

static uint64_t load(const uint8_t *bytes, unsigned off)
{
	uint64_t v;
	memcpy(&v, bytes + off, sizeof(v));
	return v;
}

static bool take_row(struct chan_rec *chan, const struct poll_layout *L, const uint8_t *bytes,
		     uint64_t g)
{
	bool reads = load(bytes, L->rg) == g, writes = load(bytes, L->wg) == g;
	uint64_t fd = load(bytes, L->fd);
	if (reads == writes || fd > INT_MAX)
		return false;
	int64_t deadline = (int64_t)load(bytes, reads ? L->rd : L->wd);
	chan->when = deadline > 0 ? (uint64_t)deadline : 0;
	chan->of.poll.fd = (int)fd;
	chan->of.poll.direction = reads ? GOSPY_RECEIVE : GOSPY_SEND;
	chan->of.poll.layout = (uint8_t)(L - poll_layouts);
	for (size_t i = 0; i < POLL_USES; i++)
		chan->of.poll.uses[i] = (uint32_t)load(bytes, L->uses[i]);
	return true;
}

bool collect_poll_is_same(const struct chan_rec *chan, const uint8_t *bytes)
{
	const struct poll_layout *L = &poll_layouts[chan->of.poll.layout];
	bool same = false;
	for (size_t i = 0; i < POLL_USES; i++)
		same |= (uint32_t)load(bytes, L->uses[i]) == chan->of.poll.uses[i];
	return same && load(bytes, L->fd) == (uint64_t)chan->of.poll.fd;
}

static void visit_poll(void *ctx, uint32_t index, const uint8_t *bytes)
{
	const struct passes *p = ctx;
	struct chan_rec *chan = &p->capture->chans.at[index];
	struct g_rec *rec = &p->capture->recs[chan->g];
	int minor = p->image->version.minor;
	for (size_t i = 0; bytes && i < sizeof(poll_layouts) / sizeof(poll_layouts[0]); i++) {
		const struct poll_layout *L = &poll_layouts[i];
		if (minor < L->since || minor > L->until || !take_row(chan, L, bytes, rec->addr))
			continue;
		chan->wait = GOSPY_WAIT_FD;
		chan->known = true;
		rec->chan = index + 1;
		return;
	}
}

/* One more, whose stack is to be looked at. */
static bool add_wait(struct passes *p, size_t i, struct scatter *scatter)
{
	struct capture *c = p->capture;
	return inner_calls_add(scatter, &c->recs[i], (uint32_t)c->chans.len) &&
	       vec_push(&c->chans, ((struct chan_rec){.g = (uint32_t)i}));
}

/* Those of chans[first...] that have one. */
static enum gospy_code read_polls(struct passes *p, size_t first, struct scatter *scatter,
				  struct gospy_error *err)
{
	const struct capture *c = p->capture;
	for (size_t i = first; i < c->chans.len; i++) {
		if (c->chans.at[i].addr &&
		    !scatter_add(scatter, c->chans.at[i].addr, POLL_BYTES, (uint32_t)i))
			return err_nomem(err);
	}
	return scatter_read(scatter, p, visit_poll, p, err);
}

enum gospy_code collect_polls(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	size_t first = c->chans.len;
	for (size_t i = 0; i < c->count; i++) {
		if (is_wanted(p, &c->recs[i]) && !c->recs[i].chan && !add_wait(p, i, &scatter))
			return err_nomem(err);
	}
	enum gospy_code code = inner_calls_read(&scatter, p, visit_calls, p, err);
	return code ? code : read_polls(p, first, &scatter, err);
}

/* Look at the stacks of those that are read in the stop. */
static enum gospy_code look_at_stopped(struct passes *p, struct scatter *scatter,
				       struct gospy_error *err)
{
	enum { STOPPED_MAX = 128 };
	const struct capture *c = p->capture;
	size_t first = c->chans.len, n = c->exact ? c->sorted : p->active.len;
	for (size_t k = 0; k < n && c->chans.len - first < STOPPED_MAX; k++) {
		size_t i = c->exact ? k : p->active.at[k].rec;
		if (is_wanted(p, &c->recs[i]) && !add_wait(p, i, scatter))
			return err_nomem(err);
	}
	return inner_calls_read(scatter, p, visit_calls, p, err);
}

enum gospy_code collect_polls_stopped(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	size_t first = c->chans.len;
	if (!p->options->objects)
		return GOSPY_OK;
	enum gospy_code code = look_at_stopped(p, &scatter, err);
	if (!code)
		code = read_polls(p, first, &scatter, err);
	for (size_t i = first; i < c->chans.len && !code; i++)
		c->chans.at[i].of_stop = c->chans.at[i].known;
	return code;
}

enum gospy_code collect_polls_rehearse(struct passes *p, struct gospy_error *err)
{
	CLEANUP(scatter_deinit) struct scatter scatter = {0};
	size_t first = p->capture->chans.len;
	enum gospy_code code = p->options->objects ? look_at_stopped(p, &scatter, err) : GOSPY_OK;
	p->capture->chans.len = first;
	return code;
}
