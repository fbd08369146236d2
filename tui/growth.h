/*
 * How a number develops: a line fitted to its past, and whether it grows steadily. Values come in
 * the order of time; memory does not depend on how many.
 */
#ifndef GOSPY_TUI_GROWTH_H
#define GOSPY_TUI_GROWTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Equal parts of the time that are looked at each for itself. */
	GROWTH_PARTS = 6,
	/* Of them, those that have values at least. */
	GROWTH_PARTS_MIN = 4,
	/* Fewer values say nothing. */
	GROWTH_VALUES_MIN = 8,
};

/** The times of all values, in seconds. */
struct growth_times {
	double first, last;
	size_t n;
	size_t in_part[GROWTH_PARTS]; /* of the n */
	double sum, squares;
};
/** None yet, of which the first and the last are known. */
void growth_times_init(struct growth_times *times, double first, double last);
/** Not before the first, and not behind the last. */
void growth_times_add(struct growth_times *times, double t);

/** The values; one that is 0 need not be added. All zero is a value that was always 0. */
struct growth {
	double sum, squares, products /* of value and time */;
	/* The smallest value in each part of the time, if there are as many as times in it. */
	double least[GROWTH_PARTS];
	size_t seen[GROWTH_PARTS];
};
/** The value at one of the times. */
void growth_add(struct growth *growth, const struct growth_times *times, double t, double value);

/** Slope of the line fitted to the values, a second; false: fewer than two times. */
bool growth_slope(const struct growth *growth, const struct growth_times *times, double *ret);
/**
 * Does it grow steadily? It does if the smallest value of each sixth of the time is larger than
 * that of the sixth before, so that what comes and goes does not count, and if the line rises by a
 * multiple of what the values scatter around it.
 */
bool growth_is_steady(const struct growth *growth, const struct growth_times *times);

#endif
