#include "heap/referrers.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/hash.h"

enum { CANCEL_EACH = 65536 };

void referrers_deinit(struct referrers *r)
{
	vec_free(&r->near);
	vec_free(&r->found);
	map_deinit(&r->by_number);
	map_deinit(&r->known);
	*r = (struct referrers){0};
}

static const struct near *near_of(const struct referrers *r, uint32_t index)
{
	return index ? &r->near.at[index - 1] : NULL;
}

static uint32_t first_of(const struct referrers *r, uint32_t number)
{
	const uint64_t *at = map_get(&r->by_number, number);
	return at ? (uint32_t)*at : 0;
}

static bool add(struct referrers *r, uint32_t number, uint32_t watched, unsigned steps)
{
	for (const struct near *at = near_of(r, first_of(r, number)); at;
	     at = near_of(r, at->next)) {
		if (at->watched == watched)
			return true;
	}
	if (r->near.len == REFERRERS_NEAR) {
		r->cut = true;
		return true;
	}
	uint64_t *first = map_put(&r->by_number, number);
	if (!first)
		return false;
	const struct near near = {watched, number, (uint32_t)*first, (uint8_t)steps};
	if (!vec_push(&r->near, near))
		return false;
	*first = r->near.len;
	return true;
}

/* `number` has an edge to one that leads there in a step less. */
static bool add_before(struct referrers *r, uint32_t number, uint32_t to, unsigned steps)
{
	for (uint32_t i = first_of(r, to); i;) {
		const struct near near = *near_of(r, i);
		if (near.steps + 1u == steps && !add(r, number, near.watched, steps))
			return false;
		i = near.next;
	}
	return true;
}

static enum gospy_code step_back(struct referrers *r, const struct heap *heap, unsigned steps,
				 struct gospy_error *err)
{
	CLEANUP_FREE uint64_t *bits = calloc(heap->spans.count / 64 + 1, sizeof(*bits));
	if (!bits)
		return err_nomem(err);
	for (size_t i = 0; i < r->near.len; i++) {
		uint32_t number = r->near.at[i].number;
		if (r->near.at[i].steps + 1u == steps)
			bits[number / 64] |= UINT64_C(1) << number % 64;
	}
	for (uint32_t i = 0; i < heap->spans.scan_count; i++) {
		size_t n;
		if (i % CANCEL_EACH == 0 && cancel_check(err))
			return GOSPY_E_CANCELLED;
		const uint32_t *edges = heap_edges(heap, i, &n);
		for (size_t k = 0; k < n; k++) {
			bool is = edges[k] < heap->spans.count &&
				  bits[edges[k] / 64] >> edges[k] % 64 & 1;
			if (is && !add_before(r, i, edges[k], steps))
				return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

enum gospy_code referrers_ask(struct referrers *r, const struct heap *heap, const uint64_t *addrs,
			      size_t n, struct gospy_error *err)
{
	referrers_deinit(r);
	for (size_t i = 0; i < n; i++) {
		uint32_t number = heap_number(&heap->spans, addrs[i]);
		if (number != HEAP_NONE && !add(r, number, (uint32_t)i, 0))
			return err_nomem(err);
	}
	enum gospy_code code = GOSPY_OK;
	for (unsigned steps = 1; !code && r->near.len && steps <= REFERRERS_STEPS; steps++)
		code = step_back(r, heap, steps, err);
	return code;
}

static void found(struct referrers *r, struct referrer place)
{
	uint64_t key = hash_mix(hash_mix(place.watched, place.kind),
				hash_mix(place.goid, place.goid ? 0 : place.addr));
	uint64_t *at = map_get(&r->known, key);
	if (at) {
		struct referrer *known = &r->found.at[*at - 1];
		if (place.steps < known->steps)
			*known = place;
		return;
	}
	if (r->found.len == REFERRERS_FOUND) {
		r->cut = true;
		return;
	}
	at = map_put(&r->known, key);
	r->no_memory |= !at || !vec_push(&r->found, place);
	if (at)
		*at = r->found.len;
}

void referrers_take(struct referrers *r, uint32_t number, struct referrer place)
{
	if (!r->near.len || number == HEAP_NONE)
		return;
	for (const struct near *at = near_of(r, first_of(r, number)); at && !r->no_memory;
	     at = near_of(r, at->next)) {
		place.watched = at->watched;
		place.steps = at->steps;
		found(r, place);
	}
}
