#include "check/sites.h"

#include "base/error.h"
#include "render/growth.h"

void sites_deinit(struct sites *sites)
{
	map_deinit(&sites->by_key);
	map_deinit(&sites->at_first);
	vec_free(&sites->list);
	*sites = (struct sites){0};
}

static bool count(struct sites *sites, const struct gospy_goroutine *g, size_t index, unsigned look)
{
	uint64_t key = growth_key(g);
	uint64_t *at = key ? map_put(&sites->by_key, key) : NULL;
	if (!key)
		return true;
	if (!at || (!*at && !vec_push(&sites->list, ((struct site){0}))))
		return false;
	*at = *at ? *at : sites->list.len;
	struct site *site = &sites->list.at[*at - 1];
	site->counts[look]++;
	if (look == 0) {
		uint64_t *first = map_put(&sites->at_first, g->goid);
		if (first)
			*first = key;
		return first;
	}
	const uint64_t *first = map_get(&sites->at_first, g->goid);
	if (look + 1 == sites->of) {
		site->stayed += first && *first == key;
		site->example = index;
	}
	return true;
}

enum gospy_code sites_look(struct sites *sites, struct gospy_snapshot *snapshot,
			   struct gospy_error *err)
{
	unsigned look = sites->looks++;
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	for (size_t i = 0; i < n && look < sites->of; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		if (!count(sites, &g, i, look))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

bool site_grows(const struct sites *sites, const struct site *site)
{
	for (unsigned i = 1; i < sites->of; i++) {
		if (site->counts[i] <= site->counts[i - 1])
			return false;
	}
	return true;
}
