/* Who started a goroutine. */
#ifndef GOSPY_SNAPSHOT_CREATOR_H
#define GOSPY_SNAPSHOT_CREATOR_H

#include "snapshot/snapshot.h"

/** The frame of the go statement at `creator`, which may be NULL, that started `goid`.
 * `*found_ret`: is there one? */
void stack_creator(struct gospy_snapshot *snapshot, uint64_t goid, const struct location *creator,
		   struct gospy_frame *ret, bool *found_ret);

#endif
