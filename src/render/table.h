/* Aligned columns. The rows are kept until they are printed. On a terminal a row may have more
 * lines than one. */
#ifndef GOSPY_RENDER_TABLE_H
#define GOSPY_RENDER_TABLE_H

#include "base/strbuf.h"
#include "base/vec.h"
#include "render/name.h"
#include "render/out.h"

struct table_column {
	const char *gap;   /* text before it */
	const char *title; /* or NULL */
	bool right;
	int good;   /* of names: more than that takes no room from others */
	int enough; /* of names: columns from which on it is shown; 0: as soon as their least fits
		     */
	int rank;   /* columns with high numbers go first where not all fit; 0: it stays */
	const char *below; /* before a place that goes to a line of its own: "at "; or NULL */
};

struct table_cell {
	size_t end; /* in `text` */
	bool named;
	struct name name;
};

/** All zero but for `columns` and `column_count`; the titles, if any, are a row like the others. */
struct table {
	const struct table_column *columns;
	size_t column_count;
	struct strbuf text;           /* the cells, one after another */
	VEC(struct table_cell) cells; /* row by row */
};

void table_titles(struct table *table);
/** The next cell, row by row. Cells are escaped: escape.h. */
void table_cell(struct table *table, const char *s);
/** The same; a failed buffer makes the table fail. */
void table_cell_buf(struct table *table, const struct strbuf *b);
void table_cell_u64(struct table *table, uint64_t n);
/** A name. The strings of a place, or of a type, stay until the table is printed. */
void table_name(struct table *table, const struct name *name);
/** A name that is no place and no type. */
void table_name_buf(struct table *table, enum name_kind kind, const struct strbuf *b);
/**
 * Print all rows. On a terminal that they do not fit names are shortened, if there are any. The
 * last column is not padded. Running out of memory is an error of `out`.
 *
 * Places whose type and method have no room there go to a line of their own below the row, as do
 * types that would lose more than their package, and so do those which would look like those of
 * another row and are others. Texts that would look alike
 * leave out what they have in common (alike.h).
 */
void table_print(const struct table *table, struct out *out);
void table_deinit(struct table *table);

#endif
