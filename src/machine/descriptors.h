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
 * among them. The tables of sockets are read for half a second at most, and only those of the
 * network namespace of the process: a peer of TCP or UDP in another one is not known. Then
 * processes that have the peers are looked for, for a fifth of a second at most. Both is processor
 * time. GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code descriptors_find(pid_t pid, descriptor_numbers *fds, struct arena *arena,
				 const struct gospy_descriptor **ret, size_t *n_ret,
				 struct gospy_error *err);

#endif
