/*
 * Which locks a function holds at each of its calls, by symbolic reading of its code: forward over
 * its control flow, with the locks that are taken and released on the way. A lock is known by the
 * address that it is taken at; where that is found again while the call lasts, a recipe says.
 *
 * What it leans on, and what it makes of doubt, docs/internals.md says ("Who holds a lock").
 */
#ifndef GOSPY_DWARF_GO_LOCK_FLOW_H
#define GOSPY_DWARF_GO_LOCK_FLOW_H

#include "dwarf/go/lock_values.h"

enum {
	RECIPE_STEPS = 3,
	SUMMARY_MAX = 4, /* locks that a function takes, or releases, for its caller */
};

/* Where an address is found while a call of the function lasts. */
struct lock_recipe {
	enum lock_recipe_kind {
		RECIPE_NONE,  /* nowhere */
		RECIPE_CONST, /* it is .add[0], an address of the program */
		RECIPE_STACK, /* it is .add[0] from the stack pointer at entry */
		RECIPE_SLOT,  /* it is in the stack at .slot, and .add[0] behind that */
	} kind;
	/* Then so often: read the word at the address, and add the next of .add. Memory may have
	 * changed since the lock was taken. */
	uint8_t loads;
	int64_t slot;
	int64_t add[RECIPE_STEPS + 1];
};

/* A lock at a call. */
struct lock_found {
	struct lock_recipe at;
	struct lock_recipe via; /* see struct lock_event; RECIPE_NONE: of no matter */
	bool has_via;
	uint32_t off; /* where it was taken: of the instruction or call in the function */
	uint8_t mode; /* enum lock_mode */
	bool certain; /* on all paths to here */
};

struct lock_site {
	uint32_t off; /* of the return address in the function; or of an instruction */
	bool exact;   /* it is what is so before that instruction */
	bool lost;    /* more happened than is kept */
	/* What is called there releases a lock, which counts as released already. */
	bool unlocks;
	uint8_t held_count, released_count;
	size_t first; /* in .found: those held, then those released */
};

/* A lock that a function takes or releases, for its caller: */
struct lock_effect {
	enum lock_effect_kind {
		EFFECT_ARG,    /* at .off from what was in register .reg at entry */
		EFFECT_SLOT,   /* from what was in the stack at .slot, from its return address */
		EFFECT_LOAD,   /* from what is at .inner behind what was in register .reg */
		EFFECT_RESULT, /* from what it leaves in register .reg */
		EFFECT_CONST,  /* at .off */
		EFFECT_UNKNOWN,
	} kind;
	uint8_t reg, mode;
	bool certain;
	int64_t slot, inner, off;
};

struct lock_summary {
	struct lock_effect taken[SUMMARY_MAX], released[SUMMARY_MAX];
	uint8_t taken_count, released_count;
};

/* What a call is. */
struct lock_callee {
	enum lock_callee_kind {
		CALLEE_OTHER,
		CALLEE_NO_RETURN,
		CALLEE_LOCK, /* and the next: of sync's types, or a part of it that takes it */
		CALLEE_UNLOCK,
		CALLEE_RLOCK,
		CALLEE_RUNLOCK,
		CALLEE_TRY_LOCK,
		CALLEE_TRY_RLOCK,
		CALLEE_WAIT,         /* the runtime's semacquire, called by one of these */
		CALLEE_RUN_DEFERRED, /* runtime.deferreturn */
	} kind;
	bool is_func;  /* a function begins there */
	bool unread;   /* nothing is known of what it takes and releases */
	bool unclear;  /* the same, though its code was looked into */
	uint32_t args; /* bytes of the stack that are the callee's, above the return address;
			  LOCK_ARGS_UNKNOWN */
	const struct lock_summary *summary; /* NULL: it takes and releases nothing, or nobody knows
					     */
};
#define LOCK_ARGS_UNKNOWN UINT32_MAX

struct lock_code {
	struct span code;
	uint64_t addr;
	bool registers; /* arguments are passed in registers: Go 1.17+ */
	/* What is called at `target`? */
	void (*callee)(void *ctx, uint64_t target, struct lock_callee *ret);
	/* A word of memory that does not change; false: it cannot be read. */
	bool (*word)(void *ctx, uint64_t addr, uint64_t *ret);
	void *ctx;
	/* Also find out what is so before the instruction at this offset. */
	bool want_exact;
	uint32_t exact;
};

/* Empty when zero. */
struct lock_flow {
	VEC(struct lock_site) sites; /* where there is anything, in the order of their offsets */
	VEC(struct lock_found) found;
	VEC(uint32_t) reached; /* offsets of all return addresses that were come by, in order */
	struct lock_summary summary;
	bool exact_reached;
	size_t insns; /* how many there were: what it cost */
	bool plain;   /* nothing in it has to do with locks: it was not followed */
};

void lock_flow_deinit(struct lock_flow *flow);
/** GOSPY_E_LIMIT: the function is too large, or its control flow too complicated; GOSPY_E_NOMEM,
 * GOSPY_E_UNSUPPORTED. */
enum gospy_code lock_flow_read(const struct lock_code *code, struct lock_flow *ret,
			       struct gospy_error *err);
/** NULL: nothing is held there, or released. */
const struct lock_site *lock_flow_site(const struct lock_flow *flow, uint32_t off, bool exact);
/** Did a path lead to the call that returns there? If not, nothing is known. */
bool lock_flow_reached(const struct lock_flow *flow, uint32_t off);

#endif
