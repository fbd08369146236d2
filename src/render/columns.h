/* How wide the columns of a table are: by what is in them, and by what they share. */
#ifndef GOSPY_RENDER_COLUMNS_H
#define GOSPY_RENDER_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "render/name.h"

enum { COLUMNS_MAX = 16 };

/** What a column asks for: the most that one of its cells does. least <= good <= full <= most. */
struct column_need {
	int least;  /* columns below which its cells say too little */
	int lined;  /* in which places have their lines; 0: there are none */
	int good;   /* in which there is what most people look for */
	int full;   /* in which all is there that is worth room of another column */
	int most;   /* in which nothing is cut */
	int enough; /* from here on it is shown, or from .lined or .good if that is less, so that
		       one long cell does not cost all rows a column; of rank 0, not below .least.
		       0: .least is */
	int rank;   /* columns with high numbers go first where not all fit; those with 0 stay */
	bool fixed; /* of numbers: it is not cut as long as another one can be */
	bool spare; /* it is shown only where all others are good */
};

/** One more cell. */
void columns_cell(struct column_need *need, int least, int good, int full, int most);

/** One more cell, with a name: as columns_cell, but that it does not ask for more than `good`
 * before all others are good. `cols`: of the whole terminal. */
void columns_name(struct column_need *need, const struct name *name, int good, int cols, bool utf8);

/**
 * Fit `n` columns, with gaps of `gap` between them, into `width`: `widths[i]` becomes the width of
 * each, 0 if it is left out. A column is left out only where it does not fit although all that are
 * worth more have their least, and their lines. What is left over goes first to those below their
 * least, then to those without their lines, then to those that are not good, and so on, and among
 * them to the narrowest; what is left in the end, to the one that is worth most, then to the next.
 * What nobody asks for remains. Columns of rank 0 get less than .least only where they do not fit
 * alone.
 */
void columns_fit(const struct column_need *needs, size_t n, int gap, int width, int *widths);

#endif
