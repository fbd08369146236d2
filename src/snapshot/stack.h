/* The stacks of a snapshot. */
#ifndef GOSPY_SNAPSHOT_STACK_H
#define GOSPY_SNAPSHOT_STACK_H

#include "snapshot/snapshot.h"

/** Look up every pc of every stack, so that nothing has to be read from the target later, and find
 * the innermost call of each that is not the runtime's. */
enum gospy_code snapshot_name_stacks(struct gospy_snapshot *snapshot, struct gospy_error *err);
enum gospy_code snapshot_stack(struct gospy_snapshot *snapshot, size_t index,
			       struct gospy_stack *ret, struct gospy_error *err);
enum gospy_code snapshot_thread_stack(struct gospy_snapshot *snapshot, size_t index,
				      struct gospy_stack *ret, struct gospy_error *err);

#endif
