#include "render/waits_line.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "render/report_goroutine.h"
#include "render/units.h"
#include "render/waits_text.h"

static void put(struct out *out, struct strbuf *text)
{
	if (text->failed)
		out->error = ENOMEM;
	else if (text->len)
		out_write(out, text->s, text->len);
	strbuf_clear(text);
}

void waits_put_place(struct out *out, const struct gospy_location *place)
{
	if (!place)
		return;
	const struct name name = name_place(place);
	out_puts(out, " at ");
	report_name_text(out, &name);
}

void waits_put_wait(struct out *out, uint64_t wait_ns)
{
	if (units_wait(wait_ns).n)
		out_printf(out, ", %s", units_span(wait_ns).s);
}

void waits_put_object(struct out *out, const struct waits *w, const struct waits_object *object)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	CLEANUP(strbuf_deinit) struct strbuf home = {0};
	waits_object_name(w, object, &text);
	waits_object_home(object, &home);
	if (text.failed)
		out->error = ENOMEM;
	else if (text.len)
		out_text_n(out, text.s, text.len);
	put(out, &home);
}

/* "held by goroutine 18, which took it at main.transfer main.go:31" */
void waits_put_holder(struct out *out, const struct waits *w, const struct waits_edge *edge,
		      uint64_t waiter_goid)
{
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(w->snapshot, edge->holder, &g);
	if (edge->by_heap) {
		out_printf(out, "%s goroutine %" PRIu64 " has it",
			   edge->doubt ? "perhaps only" : "only", g.goid);
		if (edge->doubt)
			out_printf(out, " (%s)", waits_doubt_text(edge->doubt));
		return;
	}
	if (!edge->found) {
		out_printf(out, "behind goroutine %" PRIu64 ", which waits to write", g.goid);
		return;
	}
	out_puts(out, edge->doubt ? "perhaps held by " : "held by ");
	if (g.goid == waiter_goid)
		out_puts(out, "itself");
	else
		out_printf(out, "goroutine %" PRIu64, g.goid);
	out_puts(out, edge->found->reader ? " to read" : "");
	if (edge->found->at) {
		out_puts(out, ", taken");
		waits_put_place(out, edge->found->at);
	}
	if (edge->doubt)
		out_printf(out, " (%s)", waits_doubt_text(edge->doubt));
}

void waits_put_waiter(struct out *out, const struct waits *w, const struct gospy_goroutine *g,
		      const struct waits_object *object)
{
	const char *how = waits_how(g, NULL);
	out_printf(out, "goroutine %" PRIu64 " waits for ", g->goid);
	waits_put_object(out, w, object);
	if (how)
		out_printf(out, " %s", how);
	waits_put_place(out, waits_place(g));
	waits_put_wait(out, g->wait_ns);
}
