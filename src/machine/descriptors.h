/*
 * What descriptors of a process are: the addresses of sockets, and who has the other end of a
 * connection or of a pipe on this machine.
 */
#ifndef GOSPY_MACHINE_DESCRIPTORS_H
#define GOSPY_MACHINE_DESCRIPTORS_H

#include "base/arena.h"
#include "base/vec.h"
#include "gospy.h"

typedef VEC(int) descriptor_numbers;

/** Look up descriptors of process `pid`, at most 4,096 of them. `fds` is put in order. `*ret` is
 * the arena's, in order of .fd; a descriptor that is not there, or may not be looked at, is not
 * among them. A peer is looked for in the network namespace of the process, for a fifth of a second
 * at most. GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code descriptors_find(pid_t pid, descriptor_numbers *fds, struct arena *arena,
				 const struct gospy_descriptor **ret, size_t *n_ret,
				 struct gospy_error *err);

#endif
