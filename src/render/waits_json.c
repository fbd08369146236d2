#include "render/waits_json.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "render/json.h"
#include "render/report_goroutine.h"
#include "render/report_header.h"
#include "render/wait.h"
#include "render/waits_chain.h"
#include "render/waits_holder_json.h"
#include "render/waits_text.h"

static void waiter_json(struct json *json, const struct waits *w, const struct waits_waiter *waiter)
{
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(w->snapshot, waiter->goroutine, &g);
	json_object(json, NULL);
	json_u64(json, "goid", g.goid);
	json_u64(json, "wait_ns", g.wait_ns);
	json_str(json, "as", waits_role_name(waits_role(&g)));
	if (waiter->case_at != WAITS_NO_CASE)
		json_number(json, "select_case", waiter->case_at);
	report_location_json(json, "at", waits_place(&g));
	wait_json(json, &g);
	json_object_end(json);
}

static void object_json(struct json *json, const struct waits *w, const struct waits_object *object)
{
	const struct gospy_object *state = object->state;
	waits_json_object(json, object);
	json_u64(json, "waiting", object->count);
	json_u64(json, "longest_wait_ns", object->longest_ns);
	if (state) {
		if (state->locked != GOSPY_UNKNOWN)
			json_bool(json, "locked", state->locked);
		json_u64(json, "readers", state->readers);
		json_u64(json, "readers_waiting", state->readers_waiting);
		json_u64(json, "counter", state->counter);
		if (state->lock)
			json_addr(json, "lock", state->lock);
		json_array(json, "holders");
		for (size_t i = 0; i < state->holder_count; i++) {
			json_object(json, NULL);
			waits_json_holder(json, w, &state->holders[i]);
			json_object_end(json);
		}
		json_array_end(json);
	}
	json_array(json, "waiters");
	for (size_t i = 0; i < object->count && !json->out->error; i++)
		waiter_json(json, w, &w->waiters.at[object->first + i]);
	json_array_end(json);
}

static void edge_json(struct json *json, const struct waits *w, const struct waits_edge *edge)
{
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(w->snapshot, edge->waiter, &g);
	json_object(json, NULL);
	json_u64(json, "goid", g.goid);
	json_u64(json, "wait_ns", g.wait_ns);
	report_location_json(json, "at", waits_place(&g));
	json_str(json, "as", waits_role_name(waits_role(&g)));
	json_object(json, "waits_for");
	waits_json_object(json, &w->objects.at[edge->object]);
	json_object_end(json);
	waits_json_held_by(json, "held_by", w, edge);
	json_object_end(json);
}

static void circle_json(struct json *json, const struct waits *w, const struct waits_circle *circle)
{
	json_object(json, NULL);
	json_bool(json, "certain", circle->certain);
	json_u64(json, "members", circle->members);
	json_u64(json, "behind", circle->behind);
	if (circle->once)
		json_bool(json, "once", true);
	if (circle->releaser != SIZE_MAX) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(w->snapshot, circle->releaser, &g);
		json_u64(json, "releaser", g.goid);
	}
	json_array(json, "goroutines");
	for (size_t i = 0; i < circle->count; i++)
		edge_json(json, w, &w->edges.at[w->circle_edges.at[circle->first + i]]);
	json_array_end(json);
	json_object_end(json);
}

/* An entry of the list at the end, or a line. */
static void begin_entry(struct json *json, const char *type, bool lines)
{
	json_object(json, NULL);
	if (lines)
		json_str(json, "type", type);
}

static void end_entry(struct json *json, bool lines)
{
	json_object_end(json);
	if (lines)
		json_newline(json);
}

static void chains_json(struct json *json, const struct waits_report *report, bool lines)
{
	for (size_t i = 0; i < report->goid_count && !json->out->error; i++) {
		size_t goroutine = waits_chain_find(report->waits, report->goids[i]);
		if (goroutine == SIZE_MAX)
			continue;
		begin_entry(json, "chain", lines);
		json_u64(json, "goid", report->goids[i]);
		waits_chain_json(json, report->waits, goroutine);
		end_entry(json, lines);
	}
}

static void objects_json(struct json *json, const struct waits_report *report, size_t shown,
			 bool lines)
{
	const struct waits *w = report->waits;
	for (size_t i = 0; i < shown && !json->out->error; i++) {
		begin_entry(json, "object", lines);
		object_json(json, w, &w->objects.at[i]);
		waits_heap_json(json, report->heap, i);
		end_entry(json, lines);
	}
}

static void proof_json(struct json *json, const struct gospy_leak_info *proof)
{
	json_object(json, "proof");
	json_u64(json, "predicted_ns", proof->predicted_ns);
	json_u64(json, "paused_ns", proof->paused_ns);
	json_u64(json, "stopped_threads", proof->stopped_threads);
	json_str(json, "not_proved", proof->not_proved);
	json_str(json, "problem", proof->problem);
	json_object_end(json);
}

void waits_json(struct out *out, const struct waits_report *report, size_t shown, bool lines)
{
	const struct waits *w = report->waits;
	struct json json = {.out = out};
	json_begin(&json, "waits");
	report_header_json(&json, report->target, report->snapshot);
	if (report->proof)
		proof_json(&json, report->proof);
	json_u64(&json, "waiting", w->goroutines);
	json_u64(&json, "waiting_for_unknown", w->unknown);
	json_bool(&json, "holders_cut", w->found.cut);
	json_array(&json, "deadlocks");
	for (size_t i = 0; i < w->circles.len; i++)
		circle_json(&json, w, &w->circles.at[i]);
	json_array_end(&json);
	json_u64(&json, "matching", w->objects.len);
	json_u64(&json, "shown", report->goid_count ? 0 : shown);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, report->goid_count ? "chains" : "objects");
	}
	if (report->goid_count)
		chains_json(&json, report, lines);
	else
		objects_json(&json, report, shown, lines);
	if (lines)
		return;
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
}
