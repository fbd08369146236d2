#include "base/intern.h"

#include <string.h>

#include "base/hash.h"

bool intern_put(struct intern *strings, const char *s, uint32_t *ret)
{
	uint64_t *head = map_put(&strings->by_hash, hash_bytes(0, s, strlen(s)));
	if (!head)
		return false;
	for (uint64_t i = *head; i; i = strings->same_hash.at[i - 1]) {
		if (strcmp(strings->all.at[i - 1], s) == 0) {
			*ret = (uint32_t)i - 1;
			return true;
		}
	}
	if (!vec_reserve(&strings->all, strings->all.len + 1) ||
	    !vec_push(&strings->same_hash, (uint32_t)*head))
		return false;
	*ret = (uint32_t)strings->all.len;
	strings->all.at[strings->all.len++] = s;
	*head = strings->all.len;
	return true;
}

void intern_deinit(struct intern *strings)
{
	vec_free(&strings->all);
	map_deinit(&strings->by_hash);
	vec_free(&strings->same_hash);
}
