/* What a table needs of a terminal: how wide its columns are there, and what would look alike. */
#ifndef GOSPY_RENDER_TABLE_LAYOUT_H
#define GOSPY_RENDER_TABLE_LAYOUT_H

#include "render/alike.h"
#include "render/columns.h"
#include "render/table.h"

struct table_layout {
	int widths[COLUMNS_MAX];
	bool fit;                 /* they are those of a terminal: a column may have none */
	size_t rows, last;        /* the last column that is shown */
	struct alike_text *texts; /* of cells that are plain text, column by column; or NULL */
	bool *apart; /* of each row: its places look like those of another one, and are others */
};

/** false: out of memory; table_layout_deinit() either way. The table has no failed buffer. */
bool table_layout_init(struct table_layout *layout, const struct table *table,
		       const struct out *out);
void table_layout_deinit(struct table_layout *layout);

/** The text of cell `i`, row by row: not terminated. */
const char *table_layout_text(const struct table *table, size_t i, size_t *len_ret);
/** What is to be shown of a cell that does not fit; `copy` holds it. */
struct name table_layout_name(const struct table *table, const struct table_layout *layout,
			      size_t i, const struct out *out, struct strbuf *copy);
/** Columns on the screen that text takes. Where that is unknown a character counts as one. */
int table_layout_width(const struct out *out, const char *s, size_t len);
/** Columns of the gap before a column. */
int table_layout_gap(const struct table *table, size_t column, const struct out *out);
/** Where a column begins on a terminal. */
int table_layout_offset(const struct table *table, const struct table_layout *layout,
			const struct out *out, size_t column);
/** Is the cell a place, and one that is known? */
bool table_layout_is_place(const struct table *table, size_t i);
/** Is it one that is not known: name_place(NULL)? */
bool table_layout_is_no_place(const struct table *table, size_t i);

#endif
