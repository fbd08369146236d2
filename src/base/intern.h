/* Strings, each with a number: equal ones have the same. */
#ifndef GOSPY_BASE_INTERN_H
#define GOSPY_BASE_INTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "base/vec.h"

/** All zero is an empty one. It refers to the strings, and does not own them. */
struct intern {
	VEC(const char *) all;   /* by their numbers, which begin with 0 */
	struct map by_hash;      /* -> 1 + number of the last string with this hash */
	VEC(uint32_t) same_hash; /* of the strings: 1 + number of another one with its hash, or 0 */
};

/** The number of `s`. If it is new, `s` itself is kept, as the last of .all; the caller may put a
 * copy in its place. False: out of memory. */
bool intern_put(struct intern *strings, const char *s, uint32_t *ret);
void intern_deinit(struct intern *strings);

#endif
