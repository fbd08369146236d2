/* How wide the columns of a table are: by what is in them, and by what they share. */
#ifndef GOSPY_RENDER_COLUMNS_H
#define GOSPY_RENDER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

enum { COLUMNS_MAX = 16 };

/** What a column asks for: the most that one of its cells does. least <= good <= full <= most. */
struct column_need {
	int least; /* columns below which its cells say too little */
	int good;  /* for which other columns give way */
	int full;  /* in which all is there that is worth room of another column */
	int most;  /* in which nothing is cut */
	int rank;  /* columns with high numbers go first where not all fit; those with 0 stay */
};

/** One more cell. */
void columns_cell(struct column_need *need, int least, int good, int full, int most);

/**
 * Fit `n` columns, with gaps of `gap` between them, into `width`: `widths[i]` becomes the width of
 * each, 0 if it is left out. First columns are left out, until the others are good. Then those that
 * ask for little get it in full, and those that ask for more share the rest; what nobody asks for
 * is left over. Columns of rank 0 get less than .least only where they do not fit alone.
 */
void columns_fit(const struct column_need *needs, size_t n, int gap, int width, int *widths);

#endif
