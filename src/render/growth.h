/* Which groups of waiting goroutines grow while they are watched. */
#ifndef GOSPY_RENDER_GROWTH_H
#define GOSPY_RENDER_GROWTH_H

#include "base/map.h"
#include "base/vec.h"
#include "gospy.h"

enum {
	GROWTH_LOOKS = 3, /* each has to find more than the one before */
};

/* Goroutines with the same stack and go statement. */
struct growth_site {
	uint64_t counts[GROWTH_LOOKS];
};

/** All zero: nobody has looked yet. */
struct growth {
	struct map by_key; /* -> 1 + position in .sites */
	VEC(struct growth_site) sites;
	unsigned looks;
};
void growth_deinit(struct growth *growth);

/** The key of a goroutine's group; 0: it has none, for it does not wait, or is the runtime's own.
 */
uint64_t growth_key(const struct gospy_goroutine *g);
/** Count those of a snapshot with .stacks. GOSPY_E_NOMEM. */
enum gospy_code growth_look(struct growth *growth, struct gospy_snapshot *snapshot,
			    struct gospy_error *err);
/** The counts of a group that has grown from each look to the next, or NULL. */
const struct growth_site *growth_of(const struct growth *growth, uint64_t key);

#endif
