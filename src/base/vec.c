#include "base/vec.h"

#include <stdint.h>

bool vec_reserve_(void **at, size_t *cap, size_t n, size_t elem)
{
	if (n <= *cap)
		return true;
	size_t want = *cap ? *cap + *cap / 2 : 8;
	if (want < n)
		want = n;
	if (want > SIZE_MAX / elem)
		return false;
	void *p = realloc(*at, want * elem);
	if (!p)
		return false;
	*at = p;
	*cap = want;
	return true;
}
