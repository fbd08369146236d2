#include "base/vec.h"

#include <stdint.h>

void *vec_grown_(void *at, size_t *cap, size_t n, size_t elem)
{
	size_t want = *cap ? *cap + *cap / 2 : 8;
	if (want < n)
		want = n;
	if (want > SIZE_MAX / elem)
		return NULL;
	void *grown = realloc(at, want * elem);
	if (grown)
		*cap = want;
	return grown;
}
