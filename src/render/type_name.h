/*
 * Names of Go types, made to fit into a width. Of one goes, until it fits:
 *
 *     map[uint64]*atomic.Pointer[example.com/store/wal.Segment]
 *     map[uint64]*atomic.Pointer[wal.Segment]
 *     map[uint64]*atomic.Pointer[…]
 *     map[uint64]*Pointer[…]
 *     …Pointer[…]
 *
 * With type parameters go the fields of a struct and what a function takes. What gospy calls
 * "? 48 B with pointers" becomes "? 48 B pointers".
 */
#ifndef GOSPY_RENDER_TYPE_NAME_H
#define GOSPY_RENDER_TYPE_NAME_H

#include "render/part.h"

/** What tells how wide one has to be. */
struct type_size {
	int least; /* its last name, and what stands for the rest */
	int core;  /* without packages */
	int good;  /* with packages */
	int full;  /* without directories */
};
struct type_size type_size(struct part type, bool utf8);
/** Append it, which is escaped, in at most `width` columns. */
void type_fit(struct part type, int width, bool utf8, struct strbuf *text);

#endif
