/* The classes of a census put together by a key: one group of goroutines each. */
#ifndef GOSPY_RENDER_GROUP_H
#define GOSPY_RENDER_GROUP_H

#include "render/census.h"

struct group {
	/** What the key has in common, hashed: the same in all snapshots of a target. Places that
	   differ in their pc only are one. */
	uint64_t id;
	const struct census_class *largest; /* its most frequent class: stands for all */
	/* Not all its classes have what the largest one has. The location is that of
	 * group_location; but if the key is GROUP_CREATOR, where all creators are the same, it is
	 * the start. */
	bool states_differ, locations_differ, creators_differ, users_differ;
	uint64_t count;
	uint64_t states[SELECT_STATES];
	uint64_t unreadable;
	uint64_t longest_wait_ns;  /* GOSPY_UNKNOWN: none is known */
	uint64_t longest_still_ns; /* as of struct census_class, and the next */
	bool wait_at_least;
};

/** All zero is an empty set. Refers to the census. */
struct groups {
	VEC(struct group) groups; /* the largest first */
	uint32_t *group_of;       /* index of the group of each class of the census */
	uint64_t goroutines;      /* sum of the counts */
	enum group_key key;
	bool has_stacks; /* of the census: user frames are known */
};
void groups_deinit(struct groups *groups);

/** Groups by `key`, which the census must answer. The largest first. GOSPY_E_NOMEM. */
enum gospy_code groups_collect(struct groups *groups, const struct census *census,
			       enum group_key key, struct gospy_error *err);

/** Put them in another order: the longest wait, or the first in the alphabet, first; by the goid:
 * the largest. GOSPY_E_NOMEM. */
enum gospy_code groups_sort(struct groups *groups, const struct census *census,
			    enum select_sort sort, struct gospy_error *err);

/** The goroutines of a group that are in one state, or wait for one reason. */
struct group_state {
	size_t group;      /* index */
	const char *state; /* class_state() */
	bool waits;        /* for that reason */
	bool leaked;       /* and the GC has found that it waits in vain */
	uint64_t count;
};
typedef VEC(struct group_state) group_states;
/** In the order of the groups; of each, what most of its goroutines are in comes first.
 * GOSPY_E_NOMEM. */
enum gospy_code groups_states(const struct groups *groups, const struct census *census,
			      group_states *ret, struct gospy_error *err);
/** Those of group `index`. */
const struct group_state *group_states_of(const group_states *states, size_t index, size_t *n_ret);

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
