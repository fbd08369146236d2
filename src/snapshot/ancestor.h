/* Where a goroutine was when it started another one. */
#ifndef GOSPY_SNAPSHOT_ANCESTOR_H
#define GOSPY_SNAPSHOT_ANCESTOR_H

#include "snapshot/snapshot.h"

/** Look up every pc of every ancestor. */
void snapshot_name_ancestors(struct gospy_snapshot *snapshot);
/** Fill the ancestors of a stack; false: out of memory. */
bool stack_fill_ancestors(struct gospy_snapshot *snapshot, const struct g_rec *rec,
			  struct gospy_stack *ret);

#endif
