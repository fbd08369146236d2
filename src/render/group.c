#include "render/group.h"

#include <string.h>

#include "base/error.h"

void groups_deinit(struct groups *groups)
{
	vec_free(&groups->groups);
	map_deinit(&groups->by_location);
	map_deinit(&groups->by_place);
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	// FNV-1a, 64 bits
	const uint8_t *p = bytes;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

static uint64_t hash_place(const struct gospy_location *loc)
{
	uint64_t hash = 0xcbf29ce484222325u;
	if (!loc)
		return hash;
	if (!loc->func)
		return hash_bytes(hash, &loc->pc, sizeof(loc->pc));
	hash = hash_bytes(hash, loc->func, strlen(loc->func));
	if (loc->file)
		hash = hash_bytes(hash, loc->file, strlen(loc->file));
	return hash_bytes(hash, &loc->line, sizeof(loc->line));
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_place(const struct gospy_location *a, const struct gospy_location *b)
{
	if (a == b || !a || !b)
		return a == b;
	if (!a->func || !b->func)
		return a->func == b->func && a->pc == b->pc;
	return a->line == b->line && same_text(a->func, b->func) && same_text(a->file, b->file);
}

/* 1 + index of the group of a location that was not met before; 0: out of memory. */
static uint64_t find_place(struct groups *groups, const struct gospy_location *loc)
{
	uint64_t *head = map_put(&groups->by_place, hash_place(loc));
	if (!head)
		return 0;
	for (uint64_t i = *head; i; i = groups->groups.at[i - 1].next) {
		if (same_place(groups->groups.at[i - 1].location, loc))
			return i;
	}
	struct group group = {
		.location = loc, .longest_wait_ns = GOSPY_UNKNOWN, .next = (size_t)*head};
	if (!vec_push(&groups->groups, group))
		return 0;
	return *head = groups->groups.len;
}

static bool add(struct groups *groups, const struct gospy_location *loc,
		const struct gospy_goroutine *g)
{
	uint64_t *slot = map_put(&groups->by_location, (uint64_t)(uintptr_t)loc);
	if (!slot || (!*slot && !(*slot = find_place(groups, loc))))
		return false;
	struct group *group = &groups->groups.at[*slot - 1];
	group->count++;
	groups->goroutines++;
	if (g->soundness == GOSPY_SOUND_UNREADABLE) {
		group->unreadable++;
		return true;
	}
	if ((unsigned)g->status < SELECT_STATES)
		group->states[g->status]++;
	if (g->wait_ns != GOSPY_UNKNOWN &&
	    (group->longest_wait_ns == GOSPY_UNKNOWN || g->wait_ns > group->longest_wait_ns))
		group->longest_wait_ns = g->wait_ns;
	return true;
}

static int compare_groups(const void *a, const void *b)
{
	const struct group *x = a, *y = b;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return select_compare_locations(x->location, y->location);
}

enum gospy_code groups_collect(struct groups *groups, struct select *select,
			       struct gospy_snapshot *snapshot, struct gospy_error *err)
{
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		if (select_match(select, &g) && !add(groups, select_location(select, &g), &g))
			return err_nomem(err);
	}
	if (groups->groups.len)
		qsort(groups->groups.at, groups->groups.len, sizeof(*groups->groups.at),
		      compare_groups);
	return GOSPY_OK;
}
