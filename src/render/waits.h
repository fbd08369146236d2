/*
 * Who waits for what in a snapshot, and for whom: objects with those that wait for them, who holds
 * them, and the circles among these. Made of what gospy.h tells; docs/internals.md says what a
 * deadlock has to be proved by.
 */
#ifndef GOSPY_RENDER_WAITS_H
#define GOSPY_RENDER_WAITS_H

#include "base/map.h"
#include "gospy.h"
#include "render/cycle.h"

struct waits_waiter {
	uint32_t goroutine; /* index in the snapshot */
	uint32_t object;    /* index in .objects */
	uint32_t case_at;   /* of its select; WAITS_NO_CASE */
};
#define WAITS_NO_CASE UINT32_MAX

/* What goroutines wait for; all sleeps are one, and so are all nil channels. */
struct waits_object {
	enum gospy_wait_kind kind;
	uint64_t id;                      /* its address, or number; 0: it has none */
	size_t first, count;              /* in .waiters, by goid */
	size_t number;                    /* of it before it was sorted */
	uint64_t longest_ns;              /* known wait, or GOSPY_UNKNOWN */
	const struct gospy_object *state; /* NULL: it is of another kind */
	uint64_t home_goid; /* it lies on the stack of this goroutine; GOSPY_UNKNOWN: on none */
};

/* Somebody waits for an object that somebody has. */
struct waits_edge {
	uint32_t waiter, holder; /* indexes in the snapshot */
	uint32_t object;
	enum gospy_doubt doubt;
	/* NULL: nothing had to be found out. A writer waits for the readers of a RWMutex, and who
	 * comes now waits for it. */
	const struct gospy_holder *found;
	bool by_heap;  /* it has what only one who never runs has: waits_add_peers() */
	size_t number; /* of it before it was sorted, larger if it is not certain */
};

/* Goroutines that wait for each other. */
struct waits_circle {
	size_t first, count; /* in .circle_edges */
	bool certain;        /* a deadlock */
	size_t members;      /* goroutines that wait for each other, in whatever circles */
	size_t behind;       /* others that wait for them */
	/* Why it is not certain: somebody releases locks that others have taken. Index in the
	 * snapshot; SIZE_MAX: nobody does. */
	size_t releaser;
	bool cut;       /* or: not all were looked at, so that somebody may do so */
	bool once;      /* and: a moment before it was not there, see waits_confirm() */
	size_t by_heap; /* of its edges */
	bool no_locks;  /* that it lasts does not take that nobody else unlocks a lock */
};

/* All zero is empty. */
struct waits {
	struct gospy_snapshot *snapshot; /* borrowed */
	struct gospy_objects found;
	VEC(struct waits_object) objects; /* with the most waiters first */
	VEC(struct waits_waiter) waiters;
	VEC(struct waits_edge) edges;     /* by waiter */
	VEC(struct waits_circle) circles; /* certain ones first, then the larger ones */
	VEC(uint32_t) circle_edges;       /* indexes in .edges, in the order of each circle */
	struct map by_object;             /* kind and id -> 1 + index in .objects */
	size_t goroutines;                /* that wait for any of it */
	size_t unknown;                   /* that wait for what is not known */
};

void waits_deinit(struct waits *waits);
/** Of a snapshot that was taken with .objects and .holder_limit, which is borrowed. `system`: the
 * runtime's own, too. GOSPY_E_NOMEM. */
enum gospy_code waits_collect(struct waits *waits, struct gospy_snapshot *snapshot, bool system,
			      struct gospy_error *err);
/** Who has what goroutines wait for, by what gospy_leaks_peers() tells of the same snapshot; it is
 * left out of whom it is certain that they wait for a lock that somebody holds. GOSPY_E_NOMEM. */
enum gospy_code waits_add_peers(struct waits *waits, const struct gospy_leaks *leaks,
				struct gospy_error *err);
/** Let no deadlock be certain that was not there, with the same goroutines at the same places, in
 * an earlier snapshot of the same process. What the heap has proved needs no second look; of the
 * locks that are in such a circle those who wait have to have stood still. */
void waits_confirm(struct waits *waits, const struct waits *earlier);
/** A number for a circle and the places of its goroutines, for waits_confirm_ids(): if they have
 * moved meanwhile it is another one. */
uint64_t waits_circle_id(const struct waits *waits, const struct waits_circle *circle);
/** As waits_confirm(), of an earlier snapshot whose deadlocks had these numbers. */
void waits_confirm_ids(struct waits *waits, const uint64_t *ids, size_t n);
/** The index of the first edge, in .edges, that leads from this goroutine to who holds what it
 * waits for; the others are behind it, `*count_ret` in all. Certain ones come first. */
size_t waits_edges_of(const struct waits *waits, size_t goroutine, size_t *count_ret);
/** The object with this index that the goroutine waits for; false: it waits for none. Of a select
 * it is that of its first case. */
bool waits_object_of(const struct waits *waits, const struct gospy_goroutine *g, size_t *ret);
/** What is waited for of this kind and with this .id; NULL: nothing. */
const struct waits_object *waits_find(const struct waits *waits, enum gospy_wait_kind kind,
				      uint64_t id);
/** Is the goroutine in the circle? */
bool waits_in_circle(const struct waits *waits, const struct waits_circle *circle,
		     size_t goroutine);
/** Is it in a circle that is certain: a deadlock? */
bool waits_in_deadlock(const struct waits *waits, size_t goroutine);
/** Is it something that somebody holds? */
bool waits_is_lock(enum gospy_wait_kind kind);
/** How a goroutine waits for a sync.RWMutex. */
enum waits_role {
	WAITS_ROLE_NONE,   /* it is another kind of object, or not known */
	WAITS_ROLE_READER, /* to read: for a writer */
	WAITS_ROLE_WRITER, /* to write: for those that read */
	WAITS_ROLE_QUEUE,  /* to write: for another writer */
};
enum waits_role waits_role(const struct gospy_goroutine *g);

#endif
