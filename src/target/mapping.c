#include "target/mapping.h"

#include <string.h>

const struct mapping *mappings_find(const struct mappings *maps, uint64_t addr)
{
	size_t low = 0, high = maps->maps.len;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct mapping *map = &maps->maps.at[mid];
		if (addr < map->start)
			high = mid;
		else if (addr >= map->end)
			low = mid + 1;
		else
			return map;
	}
	return NULL;
}

bool mappings_copy(const struct mappings *from, struct mappings *ret)
{
	*ret = (struct mappings){0};
	bool ok = vec_reserve(&ret->maps, from->maps.len);
	for (size_t i = 0; ok && i < from->maps.len; i++) {
		struct mapping map = from->maps.at[i];
		// Neighbours often have the same path.
		bool same = i && strcmp(map.path, from->maps.at[i - 1].path) == 0;
		map.path = same ? ret->maps.at[i - 1].path : arena_strdup(&ret->arena, map.path);
		ok = map.path && vec_push(&ret->maps, map);
	}
	if (!ok)
		mappings_deinit(ret);
	return ok;
}

void mappings_deinit(struct mappings *maps)
{
	vec_free(&maps->maps);
	arena_deinit(&maps->arena);
}
