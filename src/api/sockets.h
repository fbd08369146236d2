/* What the descriptors are that goroutines wait for: of a process the kernel is asked, a bundle may
 * tell what it was told. */
#ifndef GOSPY_API_SOCKETS_H
#define GOSPY_API_SOCKETS_H

#include "snapshot/snapshot.h"

/** Look them up for a snapshot of process `pid` that was taken just now, whose memory is `mem`.
 * GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code sockets_find(pid_t pid, struct mem *mem, struct gospy_snapshot *snapshot,
			     struct gospy_error *err);
/** Take those that the bundle has; GOSPY_E_NOMEM. */
enum gospy_code sockets_take(const struct source_taken *taken, struct gospy_snapshot *snapshot,
			     struct gospy_error *err);
/** Those of a snapshot, to be kept in a bundle: one for each pollDesc that goroutines wait for. In
 * the arena, and what they refer to is the snapshot's or, texts, copied to it. GOSPY_E_NOMEM. */
enum gospy_code sockets_keep(const struct gospy_snapshot *snapshot, struct arena *arena,
			     const struct source_descriptor **ret, size_t *n_ret,
			     struct gospy_error *err);

#endif
