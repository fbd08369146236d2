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
	GROUP_USER,    /* innermost call outside of the runtime; takes stacks */
	GROUP_CURRENT, /* where it is */
	GROUP_STACK,   /* all its calls; takes stacks */
	GROUP_STATE,   /* "running", "chan receive" ... */
	GROUP_OBJECT,  /* what it waits for: channel, mutex; takes .objects */
	GROUP_LABEL,   /* its profiler labels, all of them; takes .labels */
	GROUP_KEYS,
};

/** "start", "creator", "user", "current", "stack", "state", "object", "label". */
const char *group_key_name(enum group_key key);
/** What a snapshot has to hold for groups by `key`: .stacks, .objects or .labels are set. */
void group_key_needs(enum group_key key, struct gospy_snapshot_options *options);

enum {
	/* Different classes of a census. Stacks, objects and labels may be as many as goroutines:
	 * those that come after so many are counted as "others" in that respect. */
	CENSUS_CLASSES_MAX = 1 << 15,
};

/** What the key tells apart beyond places and states. */
enum class_extra {
	EXTRA_NONE,   /* the key needs none; or no stack, object, label is known */
	EXTRA_KNOWN,  /* .extra is it */
	EXTRA_OTHERS, /* any beyond CENSUS_CLASSES_MAX */
};

/** Goroutines that are alike. Places are NULL where unknown; none is copied but `user`, which lives
 * as long as the census: the others as long as the target. */
struct census_class {
	const struct gospy_location *start, *creator, *current, *user;
	const char *wait_reason; /* NULL: does not wait. Lives as long as the target */
	enum gospy_status status;
	bool unreadable; /* nothing of the above is known */
	enum class_extra extra_kind;
	enum gospy_object_kind object_kind; /* GROUP_OBJECT */
	/** GROUP_STACK: .stack_hash; GROUP_OBJECT: address; GROUP_LABEL: hash of `text`. */
	uint64_t extra;
	const char
		*text; /* GROUP_LABEL: "key=value, key=value"; raw; lives as long as the census */
	uint64_t count;
	uint64_t longest_wait_ns; /* GOSPY_UNKNOWN: none is known */
	uint32_t example;         /* index of one of them in the snapshot */
};

enum { CENSUS_NOT_COUNTED = UINT32_MAX };

/** All zero is an empty one. */
struct census {
	VEC(struct census_class) classes;
	/** Class of each goroutine of the snapshot by index, or CENSUS_NOT_COUNTED. */
	uint32_t *class_of;
	size_t goroutine_count; /* length of class_of */
	enum group_key key;     /* that .extra is of */
	bool has_user;          /* .user is known */
	uint64_t goroutines;    /* sum of the counts */
	struct arena arena;
};

/**
 * Count all goroutines that match. `key` says what is told apart beyond places and states. The
 * snapshot must have been taken with what the key needs. About 60 ns a goroutine. GOSPY_E_NOMEM.
 */
enum gospy_code census_take(struct census *census, struct select *select, enum group_key key,
			    struct gospy_snapshot *snapshot, struct gospy_error *err);
void census_deinit(struct census *census);

/** Can groups by `key` be told from it? */
bool census_answers(const struct census *census, enum group_key key);

#endif
