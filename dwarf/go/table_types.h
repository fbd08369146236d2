/*
 * Struct types from the generated tables (layout_tables.h), for programs without DWARF.
 *
 * A release that was read, or that stands between two of the same minor version that were read and
 * agree, has its layout. Any other program may have another one: a newer release or patch release,
 * a development version, a pre-release, one with GOEXPERIMENTs or with a vendor's changes. Such a
 * program gets the layouts of the nearest release, and the source says in its name that they are
 * unchecked and why: they may be used only after they were held against the process.
 */
#ifndef GOSPY_DWARF_GO_TABLE_TYPES_H
#define GOSPY_DWARF_GO_TABLE_TYPES_H

#include "dwarf/go/go_version.h"
#include "dwarf/go/layout_tables.h"

/** A type_source for one version of Go. Its name is "layout table", with ", unchecked: " and the
 * reason behind it where there is one; the name lives forever. */
struct table_types {
	struct type_source source;
	struct layout_release release; /* whose layouts these are */
	/* Why the program may have others, or NULL: it has these. Lives forever. */
	const char *unchecked;
};

/** For programs of `version`. A version older than the tables just has no types. */
void table_types_init(struct table_types *tables, const struct go_version *version);

/** Was this very release read for the tables? */
bool table_types_read(struct layout_release release);

/** -1, 0, 1: `a` is older than `b`, the same, newer. */
int layout_release_compare(struct layout_release a, struct layout_release b);

#endif
