/*
 * Which group of the one snapshot is which group of the other: those with the same key; of what is
 * left over, those that have the same but for the numbers of closures and the go statement; then
 * those that begin with the same function and have similar calls.
 *
 * In another build a closure may have the number that another one had before. Where a function has
 * as many groups of closures in both, but not with the same numbers, they are the same in the order
 * of the source.
 */
#ifndef GOSPY_RENDER_DIFF_PAIR_H
#define GOSPY_RENDER_DIFF_PAIR_H

#include "render/diff_side.h"

enum {
	/* Of each side, the largest groups that are left over are held against each other, all with
	 * all: some tenths of a second at worst. A program that has changed more than that is
	 * another one. */
	DIFF_LEFT_OVER_MAX = 256,
};

enum diff_match {
	DIFF_SAME,       /* the same key; or there is but one of the two */
	DIFF_RENUMBERED, /* the same but for the numbers of closures, or the go statement */
	DIFF_SIMILAR,    /* the calls have changed */
};
/** "same", "renumbered", "similar". */
const char *diff_match_name(enum diff_match match);

struct diff_pair {
	uint32_t before, after; /* indexes of groups; DIFF_NONE: there is none */
	enum diff_match match;
};
typedef VEC(struct diff_pair) diff_pairs;

/** Each group of both sides once. `same_build`: numbers of closures mean the same in both, and
 * calls change only where goroutines go on: only groups of one size are similar then. False: out
 * of memory. */
bool diff_pair(const struct diff_side *before, const struct diff_side *after, bool same_build,
	       diff_pairs *ret);

#endif
