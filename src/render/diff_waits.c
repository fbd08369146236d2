#include "render/diff_waits.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "render/units.h"
#include "render/waits_holder_json.h"
#include "render/waits_line.h"
#include "render/waits_text.h"

void diff_waits_deinit(struct diff_waits *diff)
{
	vec_free(&diff->grown);
}

static int compare(const void *a, const void *b)
{
	const struct diff_wait *x = a, *y = b;
	uint64_t grew = x->after - x->before, other = y->after - y->before;
	if (grew != other)
		return grew < other ? 1 : -1;
	return (x->object > y->object) - (x->object < y->object);
}

enum gospy_code diff_waits_make(struct diff_waits *diff, const struct waits *before,
				const struct waits *after, struct gospy_error *err)
{
	*diff = (struct diff_waits){.before = before, .after = after};
	for (size_t i = 0; i < after->objects.len; i++) {
		const struct waits_object *now = &after->objects.at[i];
		const struct waits_object *then = waits_find(before, now->kind, now->id);
		const struct diff_wait wait = {i, then ? then->count : 0, now->count};
		if (wait.after > wait.before && !vec_push(&diff->grown, wait))
			return err_nomem(err);
	}
	if (diff->grown.len)
		qsort(diff->grown.at, diff->grown.len, sizeof(*diff->grown.at), compare);
	return GOSPY_OK;
}

static size_t shown(const struct diff_waits *diff, uint64_t limit)
{
	return limit && limit < diff->grown.len ? (size_t)limit : diff->grown.len;
}

static void put_one(struct out *out, const struct waits *w, const struct diff_wait *wait)
{
	const struct waits_object *object = &w->objects.at[wait->object];
	const struct gospy_object *state = object->state;
	struct out_mark mark = out_mark(out);
	out_printf(out, "  +%" PRIu64 ", %" PRIu64 " now: ", wait->after - wait->before,
		   wait->after);
	waits_put_object(out, w, object);
	if (state && state->holder_count && waits_is_lock(object->kind)) {
		const struct waits_edge edge = {.holder = (uint32_t)state->holders[0].goroutine,
						.doubt = state->holders[0].doubt,
						.found = &state->holders[0]};
		out_puts(out, ", ");
		waits_put_holder(out, w, &edge, GOSPY_UNKNOWN);
	}
	out_putc(out, '\n');
	out_wrap(out, mark);
}

void diff_waits_text(struct out *out, const struct diff_waits *diff, uint64_t limit)
{
	size_t n = shown(diff, limit);
	out_printf(out, "\nMore wait than before for %zu thing%s\n", diff->grown.len,
		   units_plural(diff->grown.len));
	for (size_t i = 0; i < n && !out->error; i++)
		put_one(out, diff->after, &diff->grown.at[i]);
	if (n < diff->grown.len)
		out_printf(out, "  ... %zu more\n", diff->grown.len - n);
}

void diff_waits_json(struct json *json, const struct diff_waits *diff, uint64_t limit)
{
	json_array(json, "waits");
	for (size_t i = 0; i < shown(diff, limit); i++) {
		const struct diff_wait *wait = &diff->grown.at[i];
		const struct waits_object *object = &diff->after->objects.at[wait->object];
		const struct gospy_object *state = object->state;
		json_object(json, NULL);
		waits_json_object(json, object);
		json_u64(json, "before", wait->before);
		json_u64(json, "after", wait->after);
		json_array(json, "holders");
		for (size_t k = 0; state && k < state->holder_count; k++) {
			json_object(json, NULL);
			waits_json_holder(json, diff->after, &state->holders[k]);
			json_object_end(json);
		}
		json_array_end(json);
		json_object_end(json);
	}
	json_array_end(json);
}
