/* The classes of a census put together by a key: one group of goroutines each. */
#ifndef GOSPY_RENDER_GROUP_H
#define GOSPY_RENDER_GROUP_H

#include "render/census.h"

struct group {
	/** What the key has in common, hashed: the same in all snapshots of a target. Places that
	   differ in their pc only are one. */
	uint64_t id;
	const struct census_class *largest; /* its most frequent class: stands for all */
	/* Not all its classes have the largest one's. The location is that of group_location, but
	 * by GROUP_CREATOR, which is all creators' own, the start. */
	bool states_differ, locations_differ, creators_differ;
	uint64_t count;
	uint64_t states[SELECT_STATES];
	uint64_t unreadable;
	uint64_t longest_wait_ns; /* GOSPY_UNKNOWN: none is known */
};

/** All zero is an empty set. Refers to the census. */
struct groups {
	VEC(struct group) groups; /* the largest first */
	uint32_t *group_of;       /* index of the group of each class of the census */
	uint64_t goroutines;      /* sum of the counts */
	enum group_key key;
};
void groups_deinit(struct groups *groups);

/** Groups by `key`, which the census must answer. The largest first. GOSPY_E_NOMEM. */
enum gospy_code groups_collect(struct groups *groups, const struct census *census,
			       enum group_key key, struct gospy_error *err);

/** See struct group. */
uint64_t group_id(const struct census_class *class, enum group_key key);
/** The place that stands for the group: the key itself if that is a place, else where the
 * goroutines are, in the user's code if that is known. NULL: unknown. */
const struct gospy_location *group_location(const struct census_class *class, enum group_key key);
/** "running", "chan receive" ... */
const char *class_state(const struct census_class *class);
/** What the key is if it is neither place, stack nor state: "channel 0xc000012345", labels.
 * Appended, unescaped; nothing for other keys. */
void group_title(const struct census_class *class, enum group_key key, struct strbuf *text);

#endif
