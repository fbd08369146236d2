/*
 * The goroutines of a snapshot counted by what they have in common. A million of them are some
 * hundred classes, from which groups by any key are put together at once (group.h).
 */
#ifndef GOSPY_RENDER_CENSUS_H
#define GOSPY_RENDER_CENSUS_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "render/select.h"

/** What goroutines are grouped by. */
enum group_key {
	GROUP_START,   /* function of the go statement */
	GROUP_CREATOR, /* the go statement */
	GROUP_USER,    /* innermost call of the user's own code (gospy.h); takes stacks */
	GROUP_CURRENT, /* innermost call outside of the runtime; takes stacks */
	GROUP_STACK,   /* all its calls; takes stacks */
	GROUP_STATE,   /* "running", "chan receive" ... */
	GROUP_OBJECT,  /* what it waits for: channel, mutex; takes .objects */
	GROUP_LABEL,   /* its profiler labels, all of them; takes .labels */
	GROUP_KEYS,
};

/** "start", "creator", "user", "current", "stack", "state", "object", "label". */
const char *group_key_name(enum group_key key);
/** The same for people: "start", "user frame". */
const char *group_key_text(enum group_key key);
/** What a snapshot has to hold for groups by `key`: .stacks, .objects or .labels are set. */
void group_key_needs(enum group_key key, struct gospy_snapshot_options *options);

enum {
	/* Different classes of a census. There may be as many stacks, objects and labels as
	 * goroutines. Those that come after so many are counted as "others" in that respect. */
	CENSUS_CLASSES_MAX = 1 << 15,
	/* Where nobody has asked for user frames, stacks are read only of so many goroutines: that
	 * takes some hundredths of a second. */
	CENSUS_STACKS_FEW = 100000,
};

/** What the key tells apart beyond places and states. */
enum class_extra {
	EXTRA_NONE,   /* the key needs none; or no stack, object, label is known */
	EXTRA_KNOWN,  /* .extra is it */
	EXTRA_OTHERS, /* any beyond CENSUS_CLASSES_MAX */
};

/** Goroutines that are alike. Places are NULL where unknown. */
struct census_class {
	const struct gospy_location *start, *creator; /* they live as long as the snapshot */
	/** They live as long as census and snapshot. Without stacks `current` is where the program
	   counter is, and `user` unknown. */
	const struct gospy_location *current, *user;
	const char *wait_reason; /* NULL: does not wait. Lives as long as the target */
	enum gospy_status status;
	bool unreadable; /* nothing of the above is known */
	enum class_extra extra_kind;
	enum gospy_wait_kind wait_kind; /* GROUP_OBJECT */
	/** GROUP_STACK: .stack_hash; GROUP_OBJECT: wait_id(); GROUP_LABEL: hash of `text`. */
	uint64_t extra;
	/** GROUP_LABEL: "key=value, key=value"; GROUP_OBJECT: wait_name(). Raw; lives as long as
	   the census. */
	const char *text;
	uint64_t count;
	uint64_t longest_wait_ns; /* GOSPY_UNKNOWN: none is known */
	bool wait_at_least;       /* it is at least so long: gospy.h */
	/* For how long one of them was seen not to move, look after look; GOSPY_UNKNOWN: of none.
	 */
	uint64_t longest_still_ns;
	uint32_t example; /* index of one of them in the snapshot */
};

enum { CENSUS_NOT_COUNTED = UINT32_MAX };

/** All zero is an empty one. */
struct census {
	VEC(struct census_class) classes;
	/** Class of each goroutine of the snapshot by index, or CENSUS_NOT_COUNTED. */
	uint32_t *class_of;
	size_t goroutine_count; /* length of class_of */
	enum group_key key;     /* that .extra is of */
	bool has_stacks;        /* .user and .current are by the stacks */
	uint64_t goroutines;    /* sum of the counts */
	/** By index, for how long each was seen not to move: as .longest_still_ns; NULL: with no
	 * struct still. */
	uint64_t *still_ns;
	struct arena arena;
};

/**
 * Count all goroutines that match. `key` says what is told apart beyond places and states. The
 * snapshot must have been taken with what the key needs. About 60 ns a goroutine. GOSPY_E_NOMEM.
 */
enum gospy_code census_take(struct census *census, struct select *select, enum group_key key,
			    struct gospy_snapshot *snapshot, struct gospy_error *err);
/** The same, and take a look at all of them: still_begin() was called. */
enum gospy_code census_take_still(struct census *census, struct select *select, struct still *still,
				  enum group_key key, struct gospy_snapshot *snapshot,
				  struct gospy_error *err);
/** The same for all that `wanted` says yes of; `index` is that of the snapshot. */
enum gospy_code census_take_where(struct census *census,
				  bool (*wanted)(void *ctx, const struct gospy_goroutine *g,
						 size_t index),
				  void *ctx, enum group_key key, struct gospy_snapshot *snapshot,
				  struct gospy_error *err);
void census_deinit(struct census *census);

/** For how long goroutine `index` was seen not to move, or GOSPY_UNKNOWN. */
static inline uint64_t census_still_ns(const struct census *census, size_t index)
{
	return census->still_ns ? census->still_ns[index] : GOSPY_UNKNOWN;
}

/** Can groups by `key` be told from it? */
bool census_answers(const struct census *census, enum group_key key);

#endif
