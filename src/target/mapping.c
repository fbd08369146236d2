#include "target/mapping.h"

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

void mappings_deinit(struct mappings *maps)
{
	vec_free(&maps->maps);
	arena_deinit(&maps->arena);
}
