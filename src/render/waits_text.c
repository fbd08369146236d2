#include "render/waits_text.h"

#include <inttypes.h>

#include "render/escape.h"
#include "render/units.h"
#include "render/wait.h"

static void first_waiter(const struct waits *w, const struct waits_object *object,
			 struct gospy_goroutine *ret)
{
	gospy_snapshot_goroutine(w->snapshot, w->waiters.at[object->first].goroutine, ret);
}

/* What one of those who wait at it in a select knows of it. */
static const struct gospy_channel *
channel_of(const struct waits *w, const struct waits_object *object, struct gospy_goroutine *g)
{
	uint32_t at = w->waiters.at[object->first].case_at;
	first_waiter(w, object, g);
	if (at == WAITS_NO_CASE)
		return g->channel_known ? &g->channel : NULL;
	return &g->select_cases[at].channel;
}

void waits_object_name(const struct waits *w, const struct waits_object *object,
		       struct strbuf *text)
{
	struct gospy_goroutine g;
	if (object->kind == GOSPY_WAIT_CHANNEL) {
		const struct gospy_channel *channel = channel_of(w, object, &g);
		if (channel)
			wait_channel(channel, text);
		else
			strbuf_printf(text, "channel 0x%" PRIx64, object->id);
		return;
	}
	first_waiter(w, object, &g);
	wait_name(&g, text);
}

void waits_object_home(const struct waits_object *object, struct strbuf *text)
{
	const struct gospy_object *state = object->state;
	if (state && state->symbol) {
		strbuf_puts(text, " (");
		escape_add(text, state->symbol);
		if (state->symbol_off)
			strbuf_printf(text, "+0x%" PRIx64, state->symbol_off);
		strbuf_putc(text, ')');
	} else if (object->home_goid != GOSPY_UNKNOWN) {
		strbuf_printf(text, " (on the stack of goroutine %" PRIu64 ")", object->home_goid);
	}
}

void waits_object_state(const struct waits_object *object, struct strbuf *text)
{
	const struct gospy_object *state = object->state;
	if (!state)
		return;
	if (state->lock)
		strbuf_printf(text, "its lock is at 0x%" PRIx64, state->lock);
	if (state->counter != GOSPY_UNKNOWN)
		strbuf_printf(text, "counter %" PRIu64, state->counter);
	if (state->readers != GOSPY_UNKNOWN && (state->readers || state->readers_waiting))
		strbuf_printf(text, "%" PRIu64 " reader%s", state->readers,
			      units_plural(state->readers));
	if (state->readers_waiting != GOSPY_UNKNOWN && state->readers_waiting)
		strbuf_printf(text, ", %" PRIu64 " waiting to read", state->readers_waiting);
}

const char *waits_doubt_text(enum gospy_doubt doubt)
{
	switch (doubt) {
	case GOSPY_DOUBT_NONE:
		return NULL;
	case GOSPY_DOUBT_PATHS:
		return "not on all ways through its code";
	case GOSPY_DOUBT_MEMORY:
		return "what led to the lock may have changed";
	case GOSPY_DOUBT_CALLEE:
		return "a call it has made may have released it";
	case GOSPY_DOUBT_STATE:
		return "the lock did not say so at that instant";
	case GOSPY_DOUBT_SEVERAL:
		return "others seem to hold it, too";
	case GOSPY_DOUBT_HEAP:
		return "the heap was read while it ran";
	}
	return "for a reason that this gospy does not know";
}

const char *waits_doubt_name(enum gospy_doubt doubt)
{
	switch (doubt) {
	case GOSPY_DOUBT_NONE:
		return NULL;
	case GOSPY_DOUBT_PATHS:
		return "paths";
	case GOSPY_DOUBT_MEMORY:
		return "memory";
	case GOSPY_DOUBT_CALLEE:
		return "callee";
	case GOSPY_DOUBT_STATE:
		return "state";
	case GOSPY_DOUBT_SEVERAL:
		return "several";
	case GOSPY_DOUBT_HEAP:
		return "heap";
	}
	return "unknown";
}

static const char *direction_text(enum gospy_direction direction)
{
	switch (direction) {
	case GOSPY_DIRECTION_UNKNOWN:
		break;
	case GOSPY_RECEIVE:
		return "receives";
	case GOSPY_SEND:
		return "sends";
	}
	return NULL;
}

const char *waits_how(const struct gospy_goroutine *g, const struct waits_waiter *waiter)
{
	switch (waits_role(g)) {
	case WAITS_ROLE_NONE:
		break;
	case WAITS_ROLE_READER:
		return "to read";
	case WAITS_ROLE_WRITER:
		return "to write";
	case WAITS_ROLE_QUEUE:
		return "to write, behind another writer";
	}
	if (waiter && waiter->case_at != WAITS_NO_CASE)
		return direction_text(g->select_cases[waiter->case_at].direction);
	if (g->wait_kind == GOSPY_WAIT_FD)
		return g->direction == GOSPY_RECEIVE ? "reads" : "writes";
	return direction_text(g->direction);
}

const char *waits_role_name(enum waits_role role)
{
	switch (role) {
	case WAITS_ROLE_NONE:
		break;
	case WAITS_ROLE_READER:
		return "reader";
	case WAITS_ROLE_WRITER:
		return "writer";
	case WAITS_ROLE_QUEUE:
		return "writer behind another";
	}
	return NULL;
}

const char *waits_nobody_text(const struct waits_object *object)
{
	const struct gospy_object *state = object->state;
	bool free = state && state->locked == 0 &&
		    (state->readers == 0 || state->readers == GOSPY_UNKNOWN);
	return free ? "nobody holds it" : "it is not known who holds it";
}

const struct gospy_location *waits_place(const struct gospy_goroutine *g)
{
	const struct gospy_location *inner = g->call ? g->call : g->current;
	return g->user ? g->user : g->start ? g->start : inner;
}
