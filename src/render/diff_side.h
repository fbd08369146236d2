/* The goroutines of one of two snapshots that are compared, by their keys. */
#ifndef GOSPY_RENDER_DIFF_SIDE_H
#define GOSPY_RENDER_DIFF_SIDE_H

#include "base/vec.h"
#include "render/diff_key.h"
#include "render/pattern.h"

enum {
	DIFF_NONE = UINT32_MAX,
	/* Groups of a side. There may be as many stacks as goroutines; those that come after so
	   many groups are told by their start function only, and after twice as many not at all. */
	DIFF_GROUPS_MAX = 1 << 16,
};

/** Goroutines with one key. Places and texts live as long as snapshot and target; NULL: unknown. */
struct diff_group {
	uint64_t hash, unnumbered, loose; /* of the key */
	uint32_t start;                   /* of the key */
	uint32_t calls_at, call_count;
	uint32_t example; /* index of one of them in the snapshot */
	uint64_t count;
	uint64_t longest_wait_ns; /* GOSPY_UNKNOWN: none is known */
	bool wait_at_least;       /* as of struct gospy_goroutine */
	/* Of the first of them. */
	const struct gospy_location *place; /* in the user's code, or else outside of the runtime */
	const struct gospy_location *begin; /* the start function */
	const struct gospy_location *creator;
	const char *state; /* what it waits for, or "running" ... */
};

/** All zero is an empty one. */
struct diff_side {
	VEC(struct diff_group) groups;
	VEC(uint32_t) calls; /* of the groups */
	struct map by_hash;  /* of the key -> 1 + index of the group */
	uint32_t *group_of;  /* of each goroutine of the snapshot by its index, or DIFF_NONE */
	size_t indexes;      /* length of group_of */
	uint64_t goroutines; /* sum of the counts */
	uint64_t ignored;    /* goroutines that are in no group because a pattern matches */
	uint64_t unreadable; /* because nothing of them is known */
	bool full;           /* there were more groups than DIFF_GROUPS_MAX */
	bool has_lines;      /* of some call it is known on which line its function begins */
};
void diff_side_deinit(struct diff_side *side);

/** What to count. */
struct diff_wanted {
	enum diff_level level;
	bool system;              /* the runtime's own goroutines, too */
	struct pattern *patterns; /* a goroutine with a call that one of them matches is ignored */
	size_t pattern_count;
};

/** Count the goroutines of a snapshot that was taken with .stacks. GOSPY_E_NOMEM. */
enum gospy_code diff_side_take(struct diff_side *side, struct diff_names *names,
			       const struct diff_wanted *wanted, struct gospy_snapshot *snapshot,
			       struct gospy_error *err);
/** The group of a key, made if there is none, with no goroutines in it: its index. DIFF_NONE: out
 * of memory. */
uint32_t diff_side_group(struct diff_side *side, const struct diff_key *key);

#endif
