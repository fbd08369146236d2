/* The call tree of the goroutines of a sample, made a slice at a time: a million of them have to be
 * looked through, and the user goes on meanwhile. */
#ifndef GOSPY_TUI_FLAME_STACKS_H
#define GOSPY_TUI_FLAME_STACKS_H

#include "render/flame.h"
#include "tui/members.h"

enum {
	/* So many different stacks are told apart, and so many calls in all of them: what a target
	 * may claim would take too long. Further ones are "(other stacks)". */
	FLAME_STACKS_MAX = 1 << 15,
	FLAME_CALLS_MAX = 1 << 17,
};

/** Goroutines with one stack that are in one state. */
struct flame_stack {
	uint32_t index; /* of one of them in the snapshot */
	uint32_t state; /* number of its name in the tree */
	uint64_t count;
};

/** All zero but for what is looked for in .members. */
struct flame_stacks {
	struct members members;
	struct flame flame; /* valid once flame_stacks_step has returned false */
	/* Members of flame_stacks.c. */
	size_t taken;         /* of .members.indexes */
	struct map by_stack;  /* -> 1 + index in .stacks; state and stack_id, or class */
	VEC(uint32_t) states; /* of each class of the census: 1 + number of its name */
	VEC(struct flame_stack) stacks;
	size_t named; /* of .stacks that are in the tree */
	bool begun;
};

/** Begin anew, since there is another sample. */
void flame_stacks_begin(struct flame_stacks *stacks);
/** Go on for at most about `budget_ns`; true: there is more to do. The innermost call leads to the
 * state: "[chan receive]". Out of memory ends the program. */
bool flame_stacks_step(struct flame_stacks *stacks, const struct model *model, uint64_t budget_ns);
void flame_stacks_deinit(struct flame_stacks *stacks);

#endif
