/* What a goroutine waits for, and who else does. */
#ifndef GOSPY_TUI_WAITED_H
#define GOSPY_TUI_WAITED_H

#include "base/arena.h"
#include "gospy.h"

/* It outlives the snapshot that it was copied from. All zero: nothing that is known. */
struct waited {
	enum gospy_wait_kind kind;
	uint64_t id; /* see wait_id() */
	/* The channel, or those of a select. */
	const uint64_t *channels;
	size_t channel_count;
	const char *name; /* see wait_name() */
};

/** Copy what the goroutine waits for. Texts and arrays are the arena's. */
struct waited waited_of(struct arena *arena, const struct gospy_goroutine *g);
/** The same in another arena. */
struct waited waited_copy(struct arena *arena, const struct waited *waited);
/** Does the goroutine wait for it, too? A select does for each of its channels. */
bool waited_is_shared(const struct waited *waited, const struct gospy_goroutine *g);
/** Do all who wait for the one wait for the other? */
bool waited_same(const struct waited *a, const struct waited *b);

#endif
