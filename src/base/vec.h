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

/** The elements with room for `n` of them, more than `*cap`; NULL: out of memory, nothing changed.
 */
void *vec_grown_(void *at, size_t *cap, size_t n, size_t elem);

/** Make room for `n` elements in all; false: out of memory, nothing changed. */
#define vec_reserve(v, n)                                                                          \
	({                                                                                         \
		const size_t vec_want_ = (n);                                                      \
		if (vec_want_ > (v)->cap) {                                                        \
			void *vec_at_ =                                                            \
				vec_grown_((v)->at, &(v)->cap, vec_want_, sizeof(*(v)->at));       \
			(v)->at = vec_at_ ? vec_at_ : (v)->at;                                     \
		}                                                                                  \
		vec_want_ <= (v)->cap;                                                             \
	})

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
