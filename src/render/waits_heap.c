#include "render/waits_heap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "render/escape.h"

enum { REFERRERS_SHOWN = 8 };

void waits_heap_deinit(struct waits_heap *heap)
{
	vec_free(&heap->addrs);
	vec_free(&heap->homes);
}

static bool has_addr(const struct waits_object *object)
{
	return object->id && object->kind != GOSPY_WAIT_FD && object->kind != GOSPY_WAIT_SYSCALL;
}

enum gospy_code waits_heap_ask(struct waits_heap *heap, const struct waits *w,
			       struct gospy_error *err)
{
	for (size_t i = 0; i < w->objects.len && i < WAITS_HEAP_MAX; i++) {
		const struct waits_object *object = &w->objects.at[i];
		if (!vec_push(&heap->addrs, has_addr(object) ? object->id : 0))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

/* The object before the last one, with the name of the pointer. */
static void note_owner(const struct gospy_graph_path *path, struct waits_home *home)
{
	if (path->step_count < 2 || !path->steps[path->step_count - 2].field)
		return;
	home->from_type = path->steps[path->step_count - 2].name;
	home->from_field = path->steps[path->step_count - 2].field;
}

enum gospy_code waits_heap_take(struct waits_heap *heap, struct gospy_graph *graph,
				struct gospy_error *err)
{
	for (size_t i = 0; i < heap->addrs.len; i++) {
		const struct gospy_graph_paths *paths;
		struct waits_home home = {0};
		char what[32];
		snprintf(what, sizeof(what), "0x%" PRIx64, heap->addrs.at[i]);
		enum gospy_code code = heap->addrs.at[i]
					       ? gospy_graph_who(graph, what, 1, &paths, err)
					       : GOSPY_E_NOT_FOUND;
		if (code && code != GOSPY_E_NOT_FOUND)
			return code;
		if (!code && paths->path_count) {
			bool known = paths->name && paths->name[0] != '?' &&
				     paths->addr <= heap->addrs.at[i];
			home.type = known ? paths->name : NULL;
			home.off = heap->addrs.at[i] - paths->addr;
			const struct gospy_graph_path *path = &paths->paths[0];
			home.root = path->root;
			home.field = known ? paths->field : NULL;
			note_owner(path, &home);
		}
		if (!vec_push(&heap->homes, home))
			return err_nomem(err);
	}
	heap->referrers = gospy_graph_referrers(graph, &heap->referrer_count, &heap->cut);
	return GOSPY_OK;
}

static const struct waits_home *home_of(const struct waits_heap *heap, size_t object)
{
	return heap && object < heap->homes.len && heap->homes.at[object].root
		       ? &heap->homes.at[object]
		       : NULL;
}

void waits_heap_home(const struct waits_heap *heap, size_t object, struct strbuf *text)
{
	static const char stack[] = "stack ";
	const struct waits_home *home = home_of(heap, object);
	// That a stack leads there says nothing: those who wait have it there.
	bool rooted = home && strncmp(home->root, stack, sizeof(stack) - 1) != 0;
	// A whole object is called as the field that leads to it, others as the field they are.
	bool owned = home && !home->off && !home->field && home->from_field;
	if (!home || (!home->type && !owned && !rooted))
		return;
	strbuf_puts(text, " (");
	if (owned) {
		escape_add(text, home->from_type);
		escape_add(text, home->from_field);
	} else if (home->type) {
		escape_add(text, home->type);
		if (home->field)
			escape_add(text, home->field);
		else if (home->off)
			strbuf_printf(text, "+0x%" PRIx64, home->off);
	}
	if (rooted) {
		strbuf_puts(text, home->type || owned ? ", kept by " : "kept by ");
		escape_add(text, home->root);
	}
	strbuf_putc(text, ')');
}

static bool waits_at(const struct waits *w, const struct waits_object *object, uint64_t goid)
{
	for (size_t i = 0; i < object->count; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(w->snapshot, w->waiters.at[object->first + i].goroutine,
					 &g);
		if (g.goid == goid)
			return true;
	}
	return false;
}

void waits_heap_text(struct out *out, const struct waits_heap *heap, const struct waits *w,
		     size_t index)
{
	size_t shown = 0, more = 0;
	const struct waits_object *object = &w->objects.at[index];
	if (!heap || object->kind != GOSPY_WAIT_CHANNEL || !home_of(heap, index))
		return;
	for (size_t i = 0; i < heap->referrer_count; i++) {
		const struct gospy_graph_referrer *referrer = &heap->referrers[i];
		if (referrer->watched != index || waits_at(w, object, referrer->goid))
			continue;
		if (shown++ >= REFERRERS_SHOWN) {
			more++;
			continue;
		}
		struct out_mark mark = out_mark(out);
		out_puts(out, "  referred to by ");
		out_text(out, referrer->root);
		out_putc(out, '\n');
		out_wrap(out, mark);
	}
	if (more)
		out_printf(out, "  ... and by %zu more\n", more);
	if (more || shown)
		return;
	struct out_mark mark = out_mark(out);
	out_puts(out, "  nobody else was found that refers to it\n");
	out_wrap(out, mark);
}

void waits_heap_json(struct json *json, const struct waits_heap *heap, size_t object)
{
	const struct waits_home *home = home_of(heap, object);
	if (!home)
		return;
	json_object(json, "in");
	json_str(json, "type", home->type);
	if (home->type)
		json_u64(json, "off", home->off);
	json_str(json, "field", home->field);
	if (home->from_field) {
		json_str(json, "from_type", home->from_type);
		json_str(json, "from_field", home->from_field);
	}
	json_str(json, "root", home->root);
	json_object_end(json);
	json_array(json, "referrers");
	for (size_t i = 0; i < heap->referrer_count; i++) {
		const struct gospy_graph_referrer *referrer = &heap->referrers[i];
		if (referrer->watched != object)
			continue;
		json_object(json, NULL);
		json_u64(json, "goid", referrer->goid);
		json_str(json, "root", referrer->root);
		json_u64(json, "steps", referrer->steps);
		json_object_end(json);
	}
	json_array_end(json);
	if (heap->cut)
		json_bool(json, "referrers_cut", true);
}
