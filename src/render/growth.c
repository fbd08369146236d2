#include "render/growth.h"

#include "base/error.h"

void growth_deinit(struct growth *growth)
{
	map_deinit(&growth->by_key);
	vec_free(&growth->sites);
	*growth = (struct growth){0};
}

uint64_t growth_key(const struct gospy_goroutine *g)
{
	static const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
	bool waits = g->status == GOSPY_STATUS_WAITING || g->status == GOSPY_STATUS_LEAKED;
	if (!waits || g->system || !g->stack_hash || g->soundness == GOSPY_SOUND_UNREADABLE)
		return 0;
	return (g->stack_hash ^ (g->creator ? g->creator->pc : 0) * odd) | 1;
}

enum gospy_code growth_look(struct growth *growth, struct gospy_snapshot *snapshot,
			    struct gospy_error *err)
{
	unsigned look = growth->looks++;
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	for (size_t i = 0; i < n && look < GROWTH_LOOKS; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		uint64_t key = growth_key(&g);
		uint64_t *at = key ? map_put(&growth->by_key, key) : NULL;
		if (!key)
			continue;
		if (!at || (!*at && !vec_push(&growth->sites, ((struct growth_site){0}))))
			return err_nomem(err);
		*at = *at ? *at : growth->sites.len;
		growth->sites.at[*at - 1].counts[look]++;
	}
	return GOSPY_OK;
}

const struct growth_site *growth_of(const struct growth *growth, uint64_t key)
{
	const uint64_t *at = key ? map_get(&growth->by_key, key) : NULL;
	if (!at || growth->looks < GROWTH_LOOKS)
		return NULL;
	const struct growth_site *site = &growth->sites.at[*at - 1];
	for (unsigned i = 1; i < GROWTH_LOOKS; i++) {
		if (site->counts[i] <= site->counts[i - 1])
			return NULL;
	}
	return site;
}
