/* Columns as data: which of them fit, and how wide. */
#ifndef GOSPY_TUI_COLUMNS_H
#define GOSPY_TUI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

enum { COLUMNS_MAX = 12, COLUMN_UNSORTED = -1 };

struct column {
	const char *title; /* also its name in the sort menu */
	const char *key;   /* of its values in JSON */
	int width;         /* that it needs */
	int grows;         /* its part of the width that is left over; 0: none */
	int most;          /* columns beyond which it does not grow; 0: no such limit */
	/** Columns with high numbers go first where not all fit; those with 0 stay. */
	int rank;
	bool right;
	int sort; /* the view's number for sorting by it, or COLUMN_UNSORTED */
};

enum { COLUMN_GAP = 1 };

/**
 * Fit columns into `width`: `widths[i]` becomes the width of each, 0 if it is left out. There is a
 * gap of COLUMN_GAP between two of them. Columns of rank 0 are cut down only where they do not fit
 * alone.
 */
void columns_fit(const struct column *columns, size_t n, int width, int *widths);

#endif
