#include "render/report_waits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "render/report_head.h"
#include "render/units.h"
#include "render/waits_chain.h"
#include "render/waits_dot.h"
#include "render/waits_json.h"
#include "render/waits_line.h"
#include "render/waits_text.h"

enum {
	GOIDS_SHOWN = 8,
	PLACES_SHOWN = 8, /* of one object */
	PLACES_MAX = 1024,
	HOLDERS_SHOWN = 8,
};

/* ---- circles */

static void put_circle_head(struct out *out, const struct waits *w,
			    const struct waits_circle *circle)
{
	out_style(out, circle->certain ? OUT_BAD : OUT_WARN);
	out_puts(out, circle->certain ? "deadlock" : "perhaps a deadlock");
	out_style(out, OUT_NONE);
	if (circle->members == 1)
		out_puts(out, ": a goroutine waits for itself");
	else
		out_printf(out, ": %zu goroutines wait for each other", circle->members);
	if (circle->behind)
		out_printf(out, ", and %zu more for them", circle->behind);
	out_putc(out, '\n');
	if (circle->by_heap && circle->certain)
		out_puts(out, circle->no_locks ? "  nobody else who may run can end that\n"
					       : "  as long as nobody else unlocks what they wait "
						 "for, nobody who may run can end that\n");
	if (circle->cut)
		out_puts(out, "  not certain: not all goroutines were looked at, and one of them "
			      "may unlock it\n");
	if (circle->once)
		out_puts(out, "  not certain: a moment before it was not there\n");
	if (circle->releaser == SIZE_MAX)
		return;
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(w->snapshot, circle->releaser, &g);
	out_printf(out,
		   "  not certain: goroutine %" PRIu64 " releases a lock that it has not taken\n",
		   g.goid);
}

static void put_circle(struct out *out, const struct waits *w, const struct waits_circle *circle)
{
	put_circle_head(out, w, circle);
	for (size_t i = 0; i < circle->count && !out->error; i++) {
		const struct waits_edge *edge = &w->edges.at[w->circle_edges.at[circle->first + i]];
		struct out_mark mark = out_mark(out);
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(w->snapshot, edge->waiter, &g);
		out_puts(out, "  ");
		waits_put_waiter(out, w, &g, &w->objects.at[edge->object]);
		out_putc(out, '\n');
		out_wrap(out, mark);
		mark = out_mark(out);
		out_puts(out, "    ");
		waits_put_holder(out, w, edge, g.goid);
		out_putc(out, '\n');
		out_wrap(out, mark);
	}
	if (circle->members > circle->count)
		out_printf(out, "  ... and %zu more that these wait for as well\n",
			   circle->members - circle->count);
	out_putc(out, '\n');
}

/* ---- objects */

/* Those of its waiters that wait at one place in one way. */
struct place {
	const struct gospy_location *at;
	const char *how;
	uint64_t goids[GOIDS_SHOWN];
	uint64_t longest_ns;
	uint64_t due_ns; /* when the first of them goes on by itself; GOSPY_UNKNOWN */
	size_t count, number;
};

struct places {
	VEC(struct place) list;
	struct map by_key;
	size_t others; /* waiters at more places than are told apart */
};

static void places_deinit(struct places *places)
{
	vec_free(&places->list);
	map_deinit(&places->by_key);
}

/* When it goes on by itself, if nothing else happens. */
static uint64_t due_of(const struct gospy_goroutine *g, const struct waits_waiter *waiter)
{
	if (waiter->case_at != WAITS_NO_CASE) {
		const struct gospy_select_case *c = &g->select_cases[waiter->case_at];
		return c->due_known ? c->due_ns : GOSPY_UNKNOWN;
	}
	return g->due_known ? g->due_ns : GOSPY_UNKNOWN;
}

static bool add_place(struct places *places, const struct gospy_goroutine *g,
		      const struct waits_waiter *waiter)
{
	const struct gospy_location *at = waits_place(g);
	const char *how = waits_how(g, waiter);
	uint64_t key = hash_mix(hash_mix(at ? at->pc : 0, (uint64_t)(uintptr_t)how), 0);
	uint64_t *number = map_get(&places->by_key, key);
	if (!number && places->list.len == PLACES_MAX) {
		places->others++;
		return true;
	}
	if (!number) {
		struct place place = {.at = at,
				      .how = how,
				      .number = places->list.len,
				      .longest_ns = GOSPY_UNKNOWN,
				      .due_ns = GOSPY_UNKNOWN};
		number = map_put(&places->by_key, key);
		if (!number || !vec_push(&places->list, place))
			return false;
		*number = places->list.len;
	}
	struct place *place = &places->list.at[*number - 1];
	if (place->count < GOIDS_SHOWN)
		place->goids[place->count] = g->goid;
	if (g->wait_ns != GOSPY_UNKNOWN &&
	    (place->longest_ns == GOSPY_UNKNOWN || g->wait_ns > place->longest_ns))
		place->longest_ns = g->wait_ns;
	uint64_t due_ns = due_of(g, waiter);
	if (due_ns < place->due_ns) // what is not known is the highest number
		place->due_ns = due_ns;
	place->count++;
	return true;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->number > y->number) - (x->number < y->number);
}

static void put_due(struct out *out, const struct place *place, enum gospy_wait_kind kind)
{
	if (place->due_ns == GOSPY_UNKNOWN)
		return;
	const char *what = kind == GOSPY_WAIT_SLEEP ? "wakes up"
			   : kind == GOSPY_WAIT_FD  ? "deadline"
						    : "timer";
	out_printf(out, ", %s in %s%s", what, units_age(place->due_ns).s,
		   place->count > 1 ? " at the earliest" : "");
}

/* "goroutine 3 receives", "goroutines 3, 4 receive" */
static void put_how(struct out *out, const struct place *place)
{
	size_t len = place->how ? strlen(place->how) : 0;
	if (place->count != 1 && len && place->how[len - 1] == 's')
		len--;
	if (len)
		out_printf(out, " %.*s", (int)len, place->how);
}

static void put_one_place(struct out *out, const struct place *place, enum gospy_wait_kind kind)
{
	struct out_mark mark = out_mark(out);
	out_printf(out, "  goroutine%s ", units_plural(place->count));
	for (size_t i = 0; i < place->count && i < GOIDS_SHOWN; i++)
		out_printf(out, "%s%" PRIu64, i ? ", " : "", place->goids[i]);
	if (place->count > GOIDS_SHOWN)
		out_printf(out, " and %zu more", place->count - GOIDS_SHOWN);
	put_how(out, place);
	waits_put_place(out, place->at);
	waits_put_wait(out, place->longest_ns);
	put_due(out, place, kind);
	out_putc(out, '\n');
	out_wrap(out, mark);
}

static void put_places(struct out *out, const struct waits *w, const struct waits_object *object)
{
	CLEANUP(places_deinit) struct places places = {0};
	for (size_t i = 0; i < object->count; i++) {
		const struct waits_waiter *waiter = &w->waiters.at[object->first + i];
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(w->snapshot, waiter->goroutine, &g);
		if (!add_place(&places, &g, waiter)) {
			out->error = ENOMEM;
			return;
		}
	}
	qsort(places.list.at, places.list.len, sizeof(*places.list.at), compare_places);
	size_t rest = places.others;
	for (size_t i = 0; i < places.list.len; i++) {
		if (i < PLACES_SHOWN)
			put_one_place(out, &places.list.at[i], object->kind);
		else
			rest += places.list.at[i].count;
	}
	if (rest)
		out_printf(out, "  ... and %zu more at other places\n", rest);
}

static void put_holders(struct out *out, const struct waits *w, const struct waits_object *object)
{
	const struct gospy_object *state = object->state;
	if (!state || !waits_is_lock(object->kind))
		return;
	for (size_t i = 0; i < state->holder_count && i < HOLDERS_SHOWN; i++) {
		const struct gospy_holder *holder = &state->holders[i];
		const struct waits_edge edge = {
			.holder = (uint32_t)holder->goroutine,
			.doubt = holder->doubt,
			.found = holder,
		};
		struct out_mark mark = out_mark(out);
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(w->snapshot, holder->goroutine, &g);
		out_puts(out, "  ");
		waits_put_holder(out, w, &edge, GOSPY_UNKNOWN);
		waits_chain_state(out, &g);
		out_putc(out, '\n');
		out_wrap(out, mark);
	}
	if (state->holder_count > HOLDERS_SHOWN)
		out_printf(out, "  ... and %zu more\n", state->holder_count - HOLDERS_SHOWN);
	if (!state->holder_count)
		out_printf(out, "  %s\n", waits_nobody_text(object));
}

static void put_whole_object(struct out *out, const struct waits_report *report, size_t index)
{
	const struct waits *w = report->waits;
	const struct waits_object *object = &w->objects.at[index];
	CLEANUP(strbuf_deinit) struct strbuf state = {0};
	CLEANUP(strbuf_deinit) struct strbuf home = {0};
	struct out_mark mark = out_mark(out);
	waits_object_state(object, &state);
	waits_heap_home(report->heap, index, &home);
	out_style(out, OUT_STRONG);
	waits_put_object(out, w, object);
	out_style(out, OUT_NONE);
	out_puts(out, home.len && !home.failed ? home.s : "");
	out_printf(out, ": %zu wait%s", object->count, object->count == 1 ? "s" : "");
	if (state.failed || home.failed)
		out->error = ENOMEM;
	else if (state.len)
		out_printf(out, "; %s", state.s);
	out_putc(out, '\n');
	out_wrap(out, mark);
	put_holders(out, w, object);
	put_places(out, w, object);
	waits_heap_text(out, report->heap, w, index);
	out_putc(out, '\n');
}

/* ---- the whole */

static size_t shown_of(const struct waits_report *report)
{
	size_t n = report->waits->objects.len;
	return report->limit && report->limit < n ? (size_t)report->limit : n;
}

static void put_summary(struct out *out, const struct waits *w)
{
	const struct out_mark mark = out_mark(out);
	out_printf(out, "%zu goroutine%s wait%s for %zu thing%s", w->goroutines,
		   units_plural(w->goroutines), w->goroutines == 1 ? "s" : "", w->objects.len,
		   units_plural(w->objects.len));
	if (w->unknown)
		out_printf(out, ", %zu for what is not known", w->unknown);
	out_putc(out, '\n');
	out_wrap(out, mark);
	out_putc(out, '\n');
}

static void put_chains(struct out *out, const struct waits_report *report)
{
	for (size_t i = 0; i < report->goid_count && !out->error; i++) {
		size_t goroutine = waits_chain_find(report->waits, report->goids[i]);
		if (goroutine == SIZE_MAX)
			continue;
		waits_chain_text(out, report->waits, goroutine);
		out_putc(out, '\n');
	}
}

static void put_everything(struct out *out, const struct waits_report *report)
{
	const struct waits *w = report->waits;
	size_t shown = shown_of(report);
	put_summary(out, w);
	for (size_t i = 0; i < w->circles.len && !out->error; i++)
		put_circle(out, w, &w->circles.at[i]);
	for (size_t i = 0; i < shown && !out->error; i++)
		put_whole_object(out, report, i);
	if (shown < w->objects.len)
		out_printf(out, "... %zu more\n", w->objects.len - shown);
}

static void write_text(struct out *out, const struct waits_report *report)
{
	const struct gospy_leak_info *proof = report->proof;
	report_head_process(out, report->target, gospy_snapshot_info(report->snapshot));
	if (proof && proof->paused_ns)
		out_printf(out,
			   "then paused %s, %" PRIu64 " thread%s, to prove what the heap tells\n",
			   units_ms(proof->paused_ns).s, proof->stopped_threads,
			   units_plural(proof->stopped_threads));
	if (report->goid_count)
		put_chains(out, report);
	else
		put_everything(out, report);
}

void report_waits(struct out *out, const struct waits_report *report, enum report_format format)
{
	if (format != REPORT_TEXT)
		waits_json(out, report, shown_of(report), format == REPORT_JSON_LINES);
	else if (report->dot)
		waits_dot(out, report->waits, shown_of(report));
	else
		write_text(out, report);
}
