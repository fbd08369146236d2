#include "render/waits_dot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "render/escape.h"
#include "render/name.h"
#include "render/waits_text.h"

enum {
	WAITERS_SHOWN = 16, /* of one object; the others are one node */
	HOLDERS_SHOWN = 16,
	PLACE_WIDTH = 48,
};

struct dot {
	struct out *out;
	const struct waits *waits;
	struct map drawn; /* indexes of goroutines that have a node */
	struct map red;   /* and of those that are in a deadlock */
};

static void dot_deinit(struct dot *dot)
{
	map_deinit(&dot->drawn);
	map_deinit(&dot->red);
}

/* These mean something between quotation marks, and in a label the names of characters in HTML. */
static void add_quoted(struct strbuf *to, const char *escaped)
{
	for (; *escaped; escaped++) {
		if (strchr("\"\\", *escaped))
			strbuf_putc(to, '\\');
		strbuf_putc(to, *escaped);
		if (*escaped == '&')
			strbuf_puts(to, "amp;");
	}
}

void waits_dot_quote(struct strbuf *to, const char *raw)
{
	CLEANUP(strbuf_deinit) struct strbuf escaped = {0};
	escape_add(&escaped, raw);
	if (escaped.failed)
		to->failed = true;
	else
		add_quoted(to, escaped.s ? escaped.s : "");
}

static void put_quoted(struct out *out, const struct strbuf *escaped)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	add_quoted(&text, escaped->s ? escaped->s : "");
	if (escaped->failed || text.failed)
		out->error = ENOMEM;
	else
		out_write(out, text.s ? text.s : "", text.len);
}

static bool find_red(struct dot *dot)
{
	const struct waits *w = dot->waits;
	for (size_t i = 0; i < w->circles.len && w->circles.at[i].certain; i++) {
		for (size_t k = 0; k < w->circles.at[i].count; k++) {
			uint32_t edge = w->circle_edges.at[w->circles.at[i].first + k];
			if (!map_put(&dot->red, w->edges.at[edge].waiter))
				return false;
		}
	}
	return true;
}

static bool is_red(const struct dot *dot, size_t goroutine)
{
	return map_get(&dot->red, goroutine);
}

/* A goroutine's node, once. */
static void put_goroutine(struct dot *dot, size_t goroutine)
{
	CLEANUP(strbuf_deinit) struct strbuf place = {0};
	struct gospy_goroutine g;
	uint64_t *drawn = map_put(&dot->drawn, goroutine);
	gospy_snapshot_goroutine(dot->waits->snapshot, goroutine, &g);
	if (!drawn)
		dot->out->error = ENOMEM;
	if (!drawn || *drawn)
		return;
	*drawn = 1;
	const struct name name = name_place(waits_place(&g));
	name_fit(&name, PLACE_WIDTH, true, &place);
	out_printf(dot->out, "  g%zu [label=\"goroutine %" PRIu64 "\\n", goroutine, g.goid);
	put_quoted(dot->out, &place);
	out_puts(dot->out, is_red(dot, goroutine) ? "\", color=red];\n" : "\"];\n");
}

static void put_object(struct dot *dot, size_t index)
{
	CLEANUP(strbuf_deinit) struct strbuf raw = {0};
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	const struct waits_object *object = &dot->waits->objects.at[index];
	waits_object_name(dot->waits, object, &raw);
	escape_add(&text, raw.s ? raw.s : "");
	waits_object_home(object, &text);
	out_printf(dot->out, "  o%zu [shape=ellipse, label=\"", index);
	put_quoted(dot->out, &text);
	out_puts(dot->out, "\"];\n");
}

static void put_waiters(struct dot *dot, size_t index)
{
	const struct waits *w = dot->waits;
	const struct waits_object *object = &w->objects.at[index];
	size_t drawn = 0;
	for (size_t i = 0; i < object->count && !dot->out->error; i++) {
		const struct waits_waiter *waiter = &w->waiters.at[object->first + i];
		bool red = is_red(dot, waiter->goroutine);
		struct gospy_goroutine g;
		if (drawn >= WAITERS_SHOWN && !red)
			continue;
		drawn++;
		gospy_snapshot_goroutine(w->snapshot, waiter->goroutine, &g);
		const char *how = waits_how(&g, waiter);
		put_goroutine(dot, waiter->goroutine);
		out_printf(dot->out, "  g%" PRIu32 " -> o%zu [label=\"%s\"%s];\n",
			   waiter->goroutine, index, how ? how : "", red ? ", color=red" : "");
	}
	if (drawn == object->count)
		return;
	out_printf(dot->out, "  m%zu [style=dashed, label=\"%zu more\"];\n", index,
		   object->count - drawn);
	out_printf(dot->out, "  m%zu -> o%zu;\n", index, index);
}

static void put_holders(struct dot *dot, size_t index)
{
	const struct gospy_object *state = dot->waits->objects.at[index].state;
	bool lock = waits_is_lock(dot->waits->objects.at[index].kind);
	for (size_t i = 0; state && lock && i < state->holder_count && i < HOLDERS_SHOWN; i++) {
		const struct gospy_holder *holder = &state->holders[i];
		put_goroutine(dot, holder->goroutine);
		out_printf(dot->out, "  o%zu -> g%zu [label=\"%s\"%s%s];\n", index,
			   holder->goroutine, holder->doubt ? "perhaps held by" : "held by",
			   holder->doubt ? ", style=dashed" : "",
			   is_red(dot, holder->goroutine) ? ", color=red" : "");
	}
}

/* Who has what else is waited for, by the heap. */
static void put_peers(struct dot *dot, size_t shown)
{
	const struct waits *w = dot->waits;
	for (size_t i = 0; i < w->edges.len && !dot->out->error; i++) {
		const struct waits_edge *edge = &w->edges.at[i];
		if (!edge->by_heap || edge->object >= shown)
			continue;
		put_goroutine(dot, edge->holder);
		out_printf(dot->out, "  o%" PRIu32 " -> g%" PRIu32 " [label=\"%s\"%s%s];\n",
			   edge->object, edge->holder, edge->doubt ? "perhaps had by" : "had by",
			   edge->doubt ? ", style=dashed" : "",
			   is_red(dot, edge->holder) ? ", color=red" : "");
	}
}

void waits_dot(struct out *out, const struct waits *w, size_t shown)
{
	CLEANUP(dot_deinit) struct dot dot = {.out = out, .waits = w};
	if (!find_red(&dot))
		out->error = ENOMEM;
	out_puts(out, "digraph waits {\n  rankdir=LR;\n  node [shape=box];\n");
	for (size_t i = 0; i < shown && !out->error; i++) {
		put_object(&dot, i);
		put_waiters(&dot, i);
		put_holders(&dot, i);
	}
	put_peers(&dot, shown);
	out_puts(out, "}\n");
}
