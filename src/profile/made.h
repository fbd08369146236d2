/* What owns a struct gospy_profile: the arena of its parts, and arrays that it has taken over. */
#ifndef GOSPY_PROFILE_MADE_H
#define GOSPY_PROFILE_MADE_H

#include "base/arena.h"
#include "base/vec.h"
#include "gospy.h"

struct made {
	struct gospy_profile pub; /* first: what is handed out */
	struct arena arena;
	struct arena stacks; /* those of buckets */
	VEC(void *) owned;
};

/** An empty one, or NULL: out of memory. */
struct made *made_create(void);
/** As gospy_profile_destroy. */
void made_destroy(struct gospy_profile *profile);

/** Take over the elements of an array, which is empty then; false: out of memory. */
#define MADE_TAKE(made, vec)                                                                       \
	({                                                                                         \
		bool taken_ = vec_push(&(made)->owned, (vec)->at);                                 \
		if (taken_)                                                                        \
			(vec)->at = NULL;                                                          \
		taken_;                                                                            \
	})

#endif
