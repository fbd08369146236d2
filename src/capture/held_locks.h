/*
 * Which locks a stack holds, as the code of its functions tells (dwarf/go/lock_flow.h): worked out
 * once for each different stack, whoever has it, as steps to be taken with the words of one
 * goroutine's stack.
 */
#ifndef GOSPY_CAPTURE_HELD_LOCKS_H
#define GOSPY_CAPTURE_HELD_LOCKS_H

#include "capture/capture.h"
#include "image/lock_sites.h"

enum {
	HELD_STEPS_MAX = 64, /* of one stack: those of its innermost calls count */
};

/* A step, the innermost call's first. */
struct held_step {
	enum held_step_kind {
		HELD_LOCK,      /* a lock that is held */
		HELD_RELEASED,  /* one that was released for a caller */
		HELD_COND_WAIT, /* the lock of the sync.Cond that the goroutine waits for was */
		HELD_DOUBT,     /* any lock of the calls that follow may have been: .doubt */
	} kind;
	struct lock_recipe at, via; /* see struct lock_found */
	bool has_via;
	uint8_t mode;  /* enum lock_mode */
	uint8_t doubt; /* enum gospy_doubt */
	/* From the goroutine's stack pointer to the return address of the call. */
	int64_t entry;
	uint64_t pc; /* where it was taken */
};

struct held_plan {
	size_t first; /* in .steps */
	uint32_t count;
	bool locks;    /* one of them is HELD_LOCK */
	bool releases; /* a call releases a lock that none of the stack has taken */
};

/* All zero but for what held_locks_init() sets is empty. */
struct held_locks {
	const struct capture *capture; /* borrowed; with merged stacks */
	struct lock_sites sites;
	uint64_t bias; /* by how much its addresses of the program are below those of the process */
	VEC(struct lock_answer) answers;
	struct map by_pc; /* pc, and whether it is exact -> 1 + index in .answers */
	VEC(struct held_step) steps;
	VEC(struct held_plan) plans;
	struct map by_stack; /* number of the stack -> 1 + index in .plans */
};

void held_locks_init(struct held_locks *held, const struct capture *capture,
		     const struct symbolizer *symbolizer);
void held_locks_deinit(struct held_locks *held);
/** What the stack with this number holds; NULL: out of memory. It lives until the next call. */
const struct held_plan *held_locks_plan(struct held_locks *held, uint32_t stack);

#endif
