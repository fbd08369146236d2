#include "render/table_below.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

enum { INDENT_LEAST = 2 /* of places below a row */ };

/* Does it keep its type in so much room, or would it not even in a line of its own? */
static bool place_fits(const struct table *table, const struct out *out, size_t i, int room)
{
	struct name_size size = name_size(&table->cells.at[i].name, out->utf8);
	return size.core <= room || (size.core > out->cols - INDENT_LEAST && size.least <= room);
}

/* Do the places before column `end` fit if no other one follows in their line? */
static bool places_fit(const struct table *table, const struct table_layout *layout,
		       const struct out *out, size_t row, size_t end)
{
	for (size_t c = end, behind = true; c-- > 0;) {
		size_t i = row * table->column_count + c;
		if (!layout->widths[c])
			continue;
		int room = behind ? out->cols - table_layout_offset(table, layout, out, c)
				  : layout->widths[c];
		behind = false;
		if (table_layout_is_place(table, i) && !place_fits(table, out, i, room))
			return false;
	}
	return true;
}

/* May the cell stand below its row? */
static bool may_go_below(const struct table *table, const struct table_layout *layout, size_t row,
			 size_t column)
{
	size_t i = row * table->column_count + column;
	return !layout->widths[column] || table_layout_is_place(table, i) ||
	       table_layout_is_no_place(table, i) || table->cells.at[i].name.kind == NAME_LINE;
}

/* The first of the cells that go below the row; behind the last column: none does. */
size_t table_below_first(const struct table *table, const struct table_layout *layout,
			 const struct out *out, size_t row)
{
	size_t end = layout->last + 1, first = end;
	if (!layout->fit)
		return end;
	bool ok = !layout->apart[row] && places_fit(table, layout, out, row, end);
	while (!ok && first > 0 && may_go_below(table, layout, row, first - 1)) {
		first--;
		ok = layout->widths[first] && places_fit(table, layout, out, row, first);
	}
	return ok ? first : end;
}

/* Where a place stands below a row: under its column, under the first place, or further to the
 * left.
 */
static int indent_of(const struct table *table, const struct table_layout *layout,
		     const struct out *out, size_t i, int needed)
{
	enum { STEP = 2, USUAL = 6 };
	size_t row = i / table->column_count, c = i % table->column_count, first = c;
	for (size_t k = 0; k < c; k++) {
		if (first == c && layout->widths[k] &&
		    table_layout_is_place(table, row * table->column_count + k))
			first = k;
	}
	const int wanted[] = {
		table_layout_offset(table, layout, out, c),
		table_layout_offset(table, layout, out, first) + STEP,
		USUAL,
		out->cols - needed,
	};
	for (size_t k = 0; k < sizeof(wanted) / sizeof(wanted[0]); k++) {
		if (wanted[k] >= INDENT_LEAST && wanted[k] + needed <= out->cols)
			return wanted[k];
	}
	return INDENT_LEAST;
}

/* One more place below a row. It goes on in the same line if it has room there. */
void table_below_print(const struct table *table, const struct table_layout *layout,
		       struct out *out, size_t i, bool first)
{
	CLEANUP(strbuf_deinit) struct strbuf fitted = {0};
	const struct table_column *column = &table->columns[i % table->column_count];
	const struct name *name = &table->cells.at[i].name;
	const char *before = column->below ? column->below : "";
	int needed = (int)strlen(before) + name_size(name, out->utf8).lined;
	const char *gap = first ? "  " : " ";
	if (out_column(out) + (int)strlen(gap) + needed <= out->cols)
		out_puts(out, gap);
	else
		out_printf(out, "\n%*s", indent_of(table, layout, out, i, needed), "");
	out_puts(out, before);
	name_fit(name, out->cols - out_column(out), out->utf8, &fitted);
	if (fitted.failed)
		out->error = ENOMEM;
	else if (fitted.len)
		out_write(out, fitted.s, fitted.len);
}

/* A place behind which nothing follows may be wider than its column, but says no more than others.
 */
int table_below_last_width(const struct table *table, const struct table_layout *layout,
			   const struct out *out, size_t i)
{
	size_t c = i % table->column_count;
	int room = out->cols - table_layout_offset(table, layout, out, c),
	    width = layout->widths[c];
	int good = name_size(&table->cells.at[i].name, out->utf8).good;
	good = good < room ? good : room;
	return good > width ? good : width;
}
