/* Growable arrays. `VEC(type) name` declares one; all zero is empty. */
#ifndef GOSPY_BASE_VEC_H
#define GOSPY_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *at;                                                                          \
		size_t len, cap;                                                                   \
	}

/** Make room for `n` elements in all; false: out of memory, nothing changed. */
bool vec_reserve_(void **at, size_t *cap, size_t n, size_t elem);
#define vec_reserve(v, n) vec_reserve_((void **)&(v)->at, &(v)->cap, (n), sizeof(*(v)->at))

/** Append a copy; false: out of memory. */
#define vec_push(v, value)                                                                         \
	((v)->len < (v)->cap || vec_reserve((v), (v)->len + 1)                                     \
		 ? ((v)->at[(v)->len++] = (value), true)                                           \
		 : false)

#define vec_free(v)                                                                                \
	do {                                                                                       \
		free((v)->at);                                                                     \
		(v)->at = NULL;                                                                    \
		(v)->len = (v)->cap = 0;                                                           \
	} while (0)

#endif
