/* Groups by stack that are at one place: the call in which each differs from the others. */
#ifndef GOSPY_RENDER_GROUP_APART_H
#define GOSPY_RENDER_GROUP_APART_H

#include "base/arena.h"
#include "render/group.h"

/** All zero is of no groups. */
struct group_apart {
	struct gospy_location *calls; /* of each group; .func is NULL: it has none */
	size_t count;
	struct arena arena; /* it holds the strings */
};
void group_apart_deinit(struct group_apart *apart);

/**
 * Of the groups with the same group_location(), all but what differs is left out: read from the
 * innermost call on, the first one that no other of them has there. `groups` are by GROUP_STACK, of
 * a census of `snapshot`, which has stacks. The largest groups are looked at; there are limits to
 * how many, and to how many calls of each. GOSPY_E_NOMEM.
 */
enum gospy_code group_apart_find(struct group_apart *apart, const struct groups *groups,
				 struct gospy_snapshot *snapshot, struct gospy_error *err);

#endif
