#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static size_t slot_of(const struct map *map, uint64_t key)
{
	size_t i = (size_t)hash_mix(0, key) & (map->cap - 1);
	while (map->entries[i].used && map->entries[i].key != key)
		i = (i + 1) & (map->cap - 1);
	return i;
}

uint64_t *map_get(const struct map *map, uint64_t key)
{
	if (!map->cap)
		return NULL;
	struct map_entry *e = &map->entries[slot_of(map, key)];
	return e->used ? &e->value : NULL;
}

static bool grow(struct map *map)
{
	struct map bigger = {.len = map->len, .cap = map->cap ? map->cap * 2 : 64};
	bigger.entries = calloc(bigger.cap, sizeof(*bigger.entries));
	if (!bigger.entries)
		return false;
	for (size_t i = 0; i < map->cap; i++) {
		if (map->entries[i].used)
			bigger.entries[slot_of(&bigger, map->entries[i].key)] = map->entries[i];
	}
	free(map->entries);
	*map = bigger;
	return true;
}

uint64_t *map_put(struct map *map, uint64_t key)
{
	if (map->len >= map->cap - map->cap / 4 && !grow(map))
		return NULL;
	struct map_entry *e = &map->entries[slot_of(map, key)];
	if (!e->used) {
		*e = (struct map_entry){.key = key, .used = true};
		map->len++;
	}
	return &e->value;
}

void map_deinit(struct map *map)
{
	free(map->entries);
	*map = (struct map){0};
}

bool map_copy(struct map *to, const struct map *from)
{
	struct map copy = {.len = from->len, .cap = from->cap};
	if (from->cap) {
		copy.entries = malloc(from->cap * sizeof(*copy.entries));
		if (!copy.entries)
			return false;
		memcpy(copy.entries, from->entries, from->cap * sizeof(*copy.entries));
	}
	map_deinit(to);
	*to = copy;
	return true;
}
