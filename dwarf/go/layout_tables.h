/*
 * Layouts of the runtime's structures that have no type descriptor, by Go release: data only, which
 * tests/layouts/tables.c generates from the DWARF of programs of those releases (./dev layouts).
 * table_types.h makes a source of types of it.
 */
#ifndef GOSPY_DWARF_GO_LAYOUT_TABLES_H
#define GOSPY_DWARF_GO_LAYOUT_TABLES_H

#include "dwarf/go/layout.h"

/** A release: 24, 4 is Go 1.24.4. */
struct layout_release {
	int minor, patch;
};

/** Holds from the first release that it was read of to the last; what was read in between agrees.
 */
struct layout_row {
	struct layout_release from, to;
	uint32_t size;
	const struct field *fields; /* one for each path */
};

struct layout_table {
	const char *go_name;      /* "runtime.schedt" */
	const char *const *paths; /* "runq.size", without alternatives */
	size_t path_count;
	const struct layout_row *rows; /* ascending, apart from each other */
	size_t row_count;
};

extern const struct layout_table layout_tables[];
extern const size_t layout_table_count;
/** Every release that was read, ascending. */
extern const struct layout_release layout_releases[];
extern const size_t layout_release_count;

#endif
