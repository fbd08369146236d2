#include "render/waits_holder_json.h"

#include "render/report_goroutine.h"
#include "render/wait.h"
#include "render/waits_text.h"

void waits_json_holder(struct json *json, const struct waits *w, const struct gospy_holder *holder)
{
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(w->snapshot, holder->goroutine, &g);
	json_u64(json, "goid", g.goid);
	json_bool(json, "certain", !holder->doubt);
	json_str(json, "why", waits_doubt_name(holder->doubt));
	json_bool(json, "reader", holder->reader);
	report_location_json(json, "taken_at", holder->at);
}

void waits_json_held_by(struct json *json, const char *key, const struct waits *w,
			const struct waits_edge *edge)
{
	struct gospy_goroutine holder;
	gospy_snapshot_goroutine(w->snapshot, edge->holder, &holder);
	json_object(json, key);
	if (edge->by_heap) {
		json_u64(json, "goid", holder.goid);
		json_bool(json, "certain", !edge->doubt);
		json_str(json, "why", waits_doubt_name(edge->doubt));
		json_bool(json, "by_heap", true);
	} else if (edge->found) {
		waits_json_holder(json, w, edge->found);
	} else {
		json_u64(json, "goid", holder.goid);
		json_bool(json, "certain", true);
		json_bool(json, "waits_to_write", true);
	}
	json_object_end(json);
}

void waits_json_object(struct json *json, const struct waits_object *object)
{
	const struct gospy_object *state = object->state;
	bool is_fd = object->kind == GOSPY_WAIT_FD;
	json_str(json, "kind", wait_kind_name(object->kind));
	if (object->id && !is_fd && object->kind != GOSPY_WAIT_SYSCALL)
		json_addr(json, "addr", object->id);
	if (is_fd)
		json_number(json, "fd", object->id);
	if (state && state->symbol) {
		json_str(json, "symbol", state->symbol);
		json_u64(json, "symbol_off", state->symbol_off);
	}
	json_u64(json, "on_stack_of", object->home_goid);
}
