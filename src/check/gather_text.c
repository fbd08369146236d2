#include "check/gather_text.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/status_name.h"
#include "render/escape.h"
#include "render/name.h"
#include "render/wait.h"
#include "render/waits_text.h"

const char *gather_take(struct facts *facts, struct strbuf *text, bool *failed)
{
	const char *copy = text->failed ? NULL
			   : text->len  ? arena_strndup(&facts->arena, text->s, text->len)
					: arena_strdup(&facts->arena, "");
	*failed |= !copy;
	strbuf_clear(text);
	return copy && *copy ? copy : NULL;
}

static void add_place(struct strbuf *text, const struct gospy_location *place)
{
	struct name name = name_place(place);
	const char *slash = name.file ? strrchr(name.file, '/') : NULL;
	name.file = slash ? slash + 1 : name.file;
	name_full(&name, text);
}

const char *gather_place(struct facts *facts, const struct gospy_location *place, bool *failed)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	if (!place)
		return NULL;
	add_place(&text, place);
	return gather_take(facts, &text, failed);
}

/* Names of objects are not escaped. */
static void add_escaped(struct strbuf *text, const struct strbuf *raw)
{
	text->failed |= raw->failed;
	if (raw->len)
		escape_add(text, raw->s);
}

const char *gather_object(struct facts *facts, const struct waits *waits,
			  const struct waits_object *object, bool *failed)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	CLEANUP(strbuf_deinit) struct strbuf raw = {0};
	waits_object_name(waits, object, &raw);
	add_escaped(&text, &raw);
	waits_object_home(object, &text);
	return gather_take(facts, &text, failed);
}

const char *gather_wait(struct facts *facts, const struct gospy_goroutine *g, bool *failed)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	CLEANUP(strbuf_deinit) struct strbuf raw = {0};
	if (g->wait_kind == GOSPY_WAIT_CHANNEL && g->channel_known)
		wait_channel(&g->channel, &raw);
	else
		wait_name(g, &raw);
	add_escaped(&text, &raw);
	return gather_take(facts, &text, failed);
}

const char *gather_doing(struct facts *facts, const struct gospy_goroutine *g, bool *failed)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	CLEANUP(strbuf_deinit) struct strbuf raw = {0};
	bool waits = g->status == GOSPY_STATUS_WAITING || g->status == GOSPY_STATUS_LEAKED;
	if (waits) {
		wait_name(g, &raw);
		strbuf_puts(&text, "waits for ");
		if (raw.len || raw.failed)
			add_escaped(&text, &raw);
		else
			escape_add(&text, g->wait_reason ? g->wait_reason : "?");
	} else {
		strbuf_puts(&text, g->status == GOSPY_STATUS_RUNNING    ? "runs"
				   : g->status == GOSPY_STATUS_RUNNABLE ? "waits for a processor"
				   : g->status == GOSPY_STATUS_SYSCALL  ? "is in a system call"
									: status_name(g->status));
	}
	const struct gospy_location *place = waits_place(g);
	if (place) {
		strbuf_puts(&text, " at ");
		add_place(&text, place);
	}
	return gather_take(facts, &text, failed);
}

const char *gather_holder(struct facts *facts, const struct waits *waits,
			  const struct waits_edge *edge, bool *failed)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(waits->snapshot, edge->holder, &g);
	strbuf_printf(&text, "goroutine %" PRIu64, g.goid);
	if (!edge->found && !edge->by_heap)
		strbuf_puts(&text, ", which waits to write");
	else if (edge->found && edge->found->reader)
		strbuf_puts(&text, " to read");
	if (edge->found && edge->found->at) {
		strbuf_puts(&text, ", taken at ");
		add_place(&text, edge->found->at);
	}
	return gather_take(facts, &text, failed);
}
