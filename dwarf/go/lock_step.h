/* One instruction after the other: what it does to the values and locks that are known. */
#ifndef GOSPY_DWARF_GO_LOCK_STEP_H
#define GOSPY_DWARF_GO_LOCK_STEP_H

#include "dwarf/go/lock_flow.h"

enum { LOCK_WORD = 8 };

/* Stack slots whose address is taken: somebody else may write to them. */
struct exposed {
	int64_t off;
};

struct lock_stepper {
	const struct lock_code *code; /* borrowed */
	struct bases bases;
	VEC(struct exposed) exposed;
	VEC(struct lock_callee) callees;
	struct map by_target; /* -> 1 + index in callees */
	bool waits;           /* it calls what waits for a lock: it takes some by itself, to read */
	bool unlocks, runlocks; /* it calls the slow part of these */
	bool defers;            /* it has deferred calls */
	struct lock_flow *ret;  /* what is found out goes there; NULL: not yet */
	unsigned returns;       /* that ret->summary is of */
	bool out_of_memory;
};

/** False: no instruction has to do with locks; or out of memory. */
bool lock_stepper_init(struct lock_stepper *stepper, const struct lock_code *code,
		       const struct insns *insns);
void lock_stepper_deinit(struct lock_stepper *stepper);
/** What is known when the function is called. */
void lock_step_begin(struct lock_stepper *stepper, struct lock_state *ret);
/** False: it does not go on behind this one. */
bool lock_step(struct lock_stepper *stepper, struct lock_state *state, const struct insn *in);
/** Behind a conditional jump: the two that were compared are equal, or not. */
void lock_step_assume(struct lock_stepper *stepper, struct lock_state *state, const struct insn *in,
		      bool equal);

#endif
