/* Places that have no room in their row of a table: they go to lines of their own below it. */
#ifndef GOSPY_RENDER_TABLE_BELOW_H
#define GOSPY_RENDER_TABLE_BELOW_H

#include "render/table_layout.h"

/** The first column whose place goes below the row, as do those that follow; behind
 * layout->last: none does. */
size_t table_below_first(const struct table *table, const struct table_layout *layout,
			 const struct out *out, size_t row);
/** Columns of the place in cell `i`, if those that follow in its row go below it. */
int table_below_last_width(const struct table *table, const struct table_layout *layout,
			   const struct out *out, size_t i);
/** Write one of them; `first`: of its row. */
void table_below_print(const struct table *table, const struct table_layout *layout,
		       struct out *out, size_t i, bool first);

#endif
