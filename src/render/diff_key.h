/*
 * What two goroutines of different snapshots have in common: of one process, of two that run the
 * same build, of two builds, of two versions of Go. Addresses, goids and arguments are no part of
 * it.
 */
#ifndef GOSPY_RENDER_DIFF_KEY_H
#define GOSPY_RENDER_DIFF_KEY_H

#include "base/arena.h"
#include "base/intern.h"
#include "base/strbuf.h"
#include "gospy.h"

/** How much of it; each holds across more than the one before. */
enum diff_level {
	/** Each call's place in the code of its function, which is the same wherever a build is
	   loaded; the go statement. Of one that runs, which may be anywhere, as DIFF_FUNCTION. */
	DIFF_EXACT,
	/** Each call's function, and its line counted from the one that the function begins at:
	   rebuilds of the same source. Lines are Go 1.20+; without them as DIFF_FUNCTION. */
	DIFF_LINE,
	/** The functions called outside of the runtime, without what package sync and the like call
	   inside of them; the function of the go statement. Edits, other versions of Go. */
	DIFF_FUNCTION,
	DIFF_START, /* the start function alone */
	DIFF_LEVELS,
};
/** "exact", "line", "function", "start". */
const char *diff_level_name(enum diff_level level);

/* Calls of a stack that its key keeps for diff_alike(), from the innermost on. */
enum { DIFF_CALLS_MAX = 64 };

/** Names by number, for both of two snapshots. All zero is empty. Names of a snapshot are known by
 * their address: it is destroyed after this. */
struct diff_names {
	struct intern texts;
	struct map known[3]; /* address of a name -> 1 + number of one of its forms */
	struct arena arena;
	struct strbuf text; /* room for one */
};
void diff_names_deinit(struct diff_names *names);

struct diff_key {
	uint64_t hash;       /* those of one group have the same */
	uint64_t unnumbered; /* the same without the numbers of closures */
	/** The same without the go statement, too, which may be another one where the compiler
	   inlines more. */
	uint64_t loose;
	uint32_t start; /* number of the start function, without those of closures; 0: unknown */
	uint32_t call_count;
	uint32_t calls[DIFF_CALLS_MAX]; /* as of .loose, innermost first */
};

/** The key of a goroutine. `stack` is NULL, or has no frames, if none was read. False: out of
 * memory. */
bool diff_key(struct diff_names *names, enum diff_level level, const struct gospy_goroutine *g,
	      const struct gospy_stack *stack, struct diff_key *ret);

/** How alike two stacks are, from 0 to 1: twice the calls that both have in the same order, of the
 * calls of both together. */
double diff_alike(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count);

#endif
