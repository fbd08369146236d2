#include "render/select.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

void select_deinit(struct select *select)
{
	map_deinit(&select->func_cache);
	map_deinit(&select->created_by_cache);
}

const struct gospy_location *select_location(const struct select *select,
					     const struct gospy_goroutine *g)
{
	switch (select->pc) {
	case SELECT_PC_START:
		return g->start;
	case SELECT_PC_CALLER:
		return g->creator;
	case SELECT_PC_CURRENT:
		return g->call ? g->call : g->current;
	case SELECT_PC_USER:
		return g->user;
	}
	return NULL;
}

const struct gospy_location *select_where(const struct gospy_goroutine *g)
{
	return g->user ? g->user : g->call ? g->call : g->current;
}

static bool func_matches(struct pattern *pattern, struct map *cache,
			 const struct gospy_location *loc)
{
	if (!loc || !loc->func)
		return false;
	// A million goroutines share a handful of locations, and matching is slow.
	uint64_t *known = map_put(cache, (uint64_t)(uintptr_t)loc);
	if (known && *known)
		return *known == 2;
	bool matches = pattern_matches(pattern, loc->func);
	if (known)
		*known = 1 + matches;
	return matches;
}

static bool is_dead(enum gospy_status status)
{
	return status == GOSPY_STATUS_DEAD || status == GOSPY_STATUS_DEADEXTRA;
}

static bool state_matches(const struct select *select, const struct gospy_goroutine *g)
{
	if (!select->states && !select->reason_count)
		return true;
	if ((unsigned)g->status < SELECT_STATES && select->states >> g->status & 1)
		return true;
	for (size_t i = 0; g->wait_reason && i < select->reason_count; i++) {
		if (strcmp(g->wait_reason, select->reasons[i]) == 0)
			return true;
	}
	return false;
}

/* For how long it is known to wait, at least. */
static bool waits_long(const struct select *select, const struct gospy_goroutine *g, size_t index)
{
	uint64_t still = select->still ? still_ns(select->still, index) : GOSPY_UNKNOWN;
	if (select->still && still == GOSPY_UNKNOWN)
		return false;
	return !select->min_wait_ns ||
	       (g->wait_ns != GOSPY_UNKNOWN && g->wait_ns >= select->min_wait_ns) ||
	       (still != GOSPY_UNKNOWN && still >= select->min_wait_ns);
}

bool select_match(struct select *select, const struct gospy_goroutine *g, size_t index)
{
	if (g->soundness == GOSPY_SOUND_UNREADABLE)
		return !select->states && !select->reason_count && !select->min_wait_ns &&
		       !select->still && !select->func && !select->created_by &&
		       !select->label_count;
	if (g->system && !select->system)
		return false;
	if (is_dead(g->status) && !select->dead)
		return false;
	if (!state_matches(select, g))
		return false;
	if (!waits_long(select, g, index))
		return false;
	if (!label_match(select->labels, select->label_count, g))
		return false;
	if (select->created_by &&
	    !func_matches(select->created_by, &select->created_by_cache, g->creator))
		return false;
	return !select->func ||
	       func_matches(select->func, &select->func_cache, select_location(select, g));
}

static int compare_text(const char *a, const char *b)
{
	// Unknown names come last.
	if (!a || !b)
		return (a == NULL) - (b == NULL);
	return strcmp(a, b);
}

int select_compare_locations(const struct gospy_location *a, const struct gospy_location *b)
{
	if (!a || !b)
		return (a == NULL) - (b == NULL);
	int order = compare_text(a->func, b->func);
	if (!order)
		order = compare_text(a->file, b->file);
	if (!order)
		order = (a->line > b->line) - (a->line < b->line);
	return order ? order : (a->pc > b->pc) - (a->pc < b->pc);
}

int select_compare_waits(uint64_t a, uint64_t b)
{
	if (a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN)
		return (a == GOSPY_UNKNOWN) - (b == GOSPY_UNKNOWN);
	return a < b ? 1 : a > b ? -1 : 0;
}

uint64_t select_longer(uint64_t a, uint64_t b)
{
	if (a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN)
		return a == GOSPY_UNKNOWN ? b : a;
	return a > b ? a : b;
}

struct ranked {
	const struct gospy_location *loc;
	uint64_t *rank;
};

static int compare_ranked(const void *a, const void *b)
{
	return select_compare_locations(((const struct ranked *)a)->loc,
					((const struct ranked *)b)->loc);
}

/* Replace each location in the keys by its place in the alphabet. */
static bool rank_locations(select_entries *entries)
{
	CLEANUP(map_deinit) struct map ranks = {0};
	VEC(struct ranked) locations = {0};
	bool ok = true;
	for (size_t i = 0; ok && i < entries->len; i++)
		ok = !entries->at[i].key || map_put(&ranks, entries->at[i].key);
	ok = ok && vec_reserve(&locations, ranks.len);
	if (ok) {
		for (size_t i = 0; i < ranks.cap; i++) {
			struct map_entry *e = &ranks.entries[i];
			if (e->used)
				locations.at[locations.len++] =
					(struct ranked){(const void *)(uintptr_t)e->key, &e->value};
		}
		if (locations.len)
			qsort(locations.at, locations.len, sizeof(*locations.at), compare_ranked);
		for (size_t i = 0; i < locations.len; i++)
			*locations.at[i].rank = i;
		for (size_t i = 0; i < entries->len; i++) {
			uint64_t *key = &entries->at[i].key;
			*key = *key ? *map_get(&ranks, *key) : UINT64_MAX;
		}
	}
	vec_free(&locations);
	return ok;
}

static uint64_t sort_key(const struct select *select, const struct gospy_goroutine *g)
{
	switch (select->sort) {
	case SELECT_SORT_GOID:
		return g->goid;
	case SELECT_SORT_WAIT: // longest first, unknown last
		return g->wait_ns == GOSPY_UNKNOWN ? UINT64_MAX : ~g->wait_ns - 1;
	case SELECT_SORT_STATE:
		return g->soundness == GOSPY_SOUND_UNREADABLE ? UINT64_MAX : (uint64_t)g->status;
	case SELECT_SORT_LOCATION:
		return (uint64_t)(uintptr_t)select_location(select, g);
	}
	return 0;
}

static bool sort_by_second_key(struct select *select, struct gospy_snapshot *snapshot,
			       select_entries *entries)
{
	for (size_t i = 0; i < entries->len; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, entries->at[i].index, &g);
		entries->at[i].key = sort_key(select, &g);
	}
	if (select->sort == SELECT_SORT_LOCATION && !rank_locations(entries))
		return false;
	return radix_sort(entries->at, entries->len);
}

enum gospy_code select_run(struct select *select, struct gospy_snapshot *snapshot,
			   select_entries *ret, struct gospy_error *err)
{
	select_entries entries = {0};
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	bool ok = true;
	for (size_t i = 0; ok && i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		if (select_match(select, &g, i))
			ok = vec_push(&entries,
				      ((struct radix_item){.key = g.goid, .index = (uint32_t)i}));
	}
	ok = ok && radix_sort(entries.at, entries.len);
	if (ok && select->sort != SELECT_SORT_GOID)
		ok = sort_by_second_key(select, snapshot, &entries);
	if (!ok) {
		vec_free(&entries);
		return err_nomem(err);
	}
	*ret = entries;
	return GOSPY_OK;
}
