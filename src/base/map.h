/* Hash map from uint64_t to a pointer or number. Key 0 is an ordinary key. Keys may be chosen by
 * somebody who wants the map to be slow: see hash.h. */
#ifndef GOSPY_BASE_MAP_H
#define GOSPY_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
	uint64_t key;
	uint64_t value;
	bool used;
};

/** All zero is a valid empty map. */
struct map {
	struct map_entry *entries;
	size_t len, cap; /* cap is 0 or a power of two */
};

/** Pointer to the value of `key`, or NULL. Valid until the next map_put. */
uint64_t *map_get(const struct map *map, uint64_t key);
/** Pointer to the value of `key`, inserted as 0 if it was not there; NULL: out of memory. */
uint64_t *map_put(struct map *map, uint64_t key);
/** Make `to`, which is valid, a copy of `from`. False: out of memory, and nothing changed. */
bool map_copy(struct map *to, const struct map *from);
void map_deinit(struct map *map);

#endif
