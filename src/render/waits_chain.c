#include "render/waits_chain.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "base/status_name.h"
#include "render/report_goroutine.h"
#include "render/wait.h"
#include "render/waits_holder_json.h"
#include "render/waits_line.h"
#include "render/waits_text.h"

enum { LINKS_MAX = 1 << 16 }; /* more than that nobody reads */

static const char *what_it_does(const struct gospy_goroutine *g)
{
	return g->status == GOSPY_STATUS_RUNNING    ? "runs"
	       : g->status == GOSPY_STATUS_RUNNABLE ? "waits for a processor"
	       : g->status == GOSPY_STATUS_SYSCALL  ? "is in a system call"
						    : status_name(g->status);
}

static void put_state(struct out *out, const struct gospy_goroutine *g)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	if (g->status == GOSPY_STATUS_WAITING || g->wait_kind == GOSPY_WAIT_SYSCALL) {
		wait_name(g, &text);
		out_puts(out, "waits");
		if (text.failed) {
			out->error = ENOMEM;
		} else if (text.len) {
			out_puts(out, " for ");
			out_text_n(out, text.s, text.len);
		} else if (g->wait_reason) {
			out_puts(out, " (");
			out_text(out, g->wait_reason);
			out_putc(out, ')');
		}
	} else {
		out_puts(out, what_it_does(g));
	}
	waits_put_place(out, waits_place(g));
}

void waits_chain_state(struct out *out, const struct gospy_goroutine *g)
{
	out_puts(out, "; it ");
	put_state(out, g);
}

size_t waits_chain_find(const struct waits *w, uint64_t goid)
{
	size_t count = gospy_snapshot_goroutine_count(w->snapshot);
	for (size_t i = 0; i < count; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(w->snapshot, i, &g);
		if (g.goid == goid && g.status != GOSPY_STATUS_DEAD &&
		    g.soundness != GOSPY_SOUND_UNREADABLE)
			return i;
	}
	return SIZE_MAX;
}

/* A way along the chain. */
struct links {
	const struct waits *waits;
	struct map seen; /* indexes of goroutines */
	size_t at;
	size_t first, count; /* its edges; the first one leads on */
	bool back;           /* to a goroutine that was there before */
	bool failed;         /* out of memory */
};

static void links_deinit(struct links *links)
{
	map_deinit(&links->seen);
}

static void look(struct links *links, size_t goroutine)
{
	const struct waits *w = links->waits;
	uint64_t *seen = map_put(&links->seen, goroutine);
	links->at = goroutine;
	links->first = waits_edges_of(w, goroutine, &links->count);
	links->failed = !seen;
	if (seen)
		*seen = 1;
	links->back = links->count && map_get(&links->seen, w->edges.at[links->first].holder);
}

static bool go_on(struct links *links)
{
	if (links->failed || links->back || !links->count || links->seen.len == LINKS_MAX)
		return false;
	look(links, links->waits->edges.at[links->first].holder);
	return true;
}

static void put_cases(struct out *out, const struct gospy_goroutine *g)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	for (size_t i = 0; g->wait_kind == GOSPY_WAIT_SELECT && i < g->select_case_count; i++) {
		strbuf_clear(&text);
		wait_case(&g->select_cases[i], &text);
		out_puts(out, "  case ");
		out_text_n(out, text.s ? text.s : "", text.len);
		out_putc(out, '\n');
	}
}

/* One of several that hold it is enough: the one that the chain follows. */
static void put_holder(struct out *out, const struct links *links, uint64_t goid)
{
	const struct waits *w = links->waits;
	struct out_mark mark = out_mark(out);
	if (!links->count)
		return;
	out_puts(out, "  ");
	waits_put_holder(out, w, &w->edges.at[links->first], goid);
	if (links->count > 1)
		out_printf(out, "; and by %zu more", links->count - 1);
	if (links->back)
		out_puts(out, waits_in_deadlock(w, links->at) ? ": a deadlock" : ": a circle");
	out_putc(out, '\n');
	out_wrap(out, mark);
}

static void put_link(struct out *out, const struct links *links)
{
	const struct waits *w = links->waits;
	struct out_mark mark = out_mark(out);
	struct gospy_goroutine g;
	size_t object = 0;
	gospy_snapshot_goroutine(w->snapshot, links->at, &g);
	bool known = g.wait_kind != GOSPY_WAIT_SELECT && waits_object_of(w, &g, &object);
	if (known) {
		waits_put_waiter(out, w, &g, &w->objects.at[object]);
	} else {
		out_printf(out, "goroutine %" PRIu64 " ", g.goid);
		put_state(out, &g);
		waits_put_wait(out, g.wait_ns);
	}
	out_putc(out, '\n');
	out_wrap(out, mark);
	put_cases(out, &g);
	put_holder(out, links, g.goid);
	if (known && !links->count && waits_is_lock(g.wait_kind))
		out_printf(out, "  %s\n", waits_nobody_text(&w->objects.at[object]));
}

void waits_chain_text(struct out *out, const struct waits *w, size_t goroutine)
{
	CLEANUP(links_deinit) struct links links = {.waits = w};
	look(&links, goroutine);
	do
		put_link(out, &links);
	while (!out->error && go_on(&links));
	if (links.failed)
		out->error = ENOMEM;
}

static void link_json(struct json *json, const struct links *links)
{
	const struct waits *w = links->waits;
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(w->snapshot, links->at, &g);
	json_object(json, NULL);
	json_u64(json, "goid", g.goid);
	json_str(json, "status", status_name(g.status));
	json_str(json, "wait_reason", g.wait_reason);
	json_u64(json, "wait_ns", g.wait_ns);
	json_str(json, "as", waits_role_name(waits_role(&g)));
	report_location_json(json, "at", waits_place(&g));
	wait_json(json, &g);
	json_array(json, "held_by");
	for (size_t i = 0; i < links->count; i++)
		waits_json_held_by(json, NULL, w, &w->edges.at[links->first + i]);
	json_array_end(json);
	json_object_end(json);
}

void waits_chain_json(struct json *json, const struct waits *w, size_t goroutine)
{
	CLEANUP(links_deinit) struct links links = {.waits = w};
	json_array(json, "chain");
	look(&links, goroutine);
	do
		link_json(json, &links);
	while (!json->out->error && go_on(&links));
	json_array_end(json);
	json_bool(json, "circle", links.back);
	json_bool(json, "deadlock", links.back && waits_in_deadlock(w, links.at));
	if (links.failed)
		json->out->error = ENOMEM;
}
