/* The control group of a process, by which services and containers are told apart. */
#ifndef GOSPY_MACHINE_CGROUP_H
#define GOSPY_MACHINE_CGROUP_H

#include <sys/types.h>

#include "base/arena.h"
#include "base/span.h"

/** The path of the one that tells most, NUL-terminated and the arena's; NULL: it is not known. What
 * /proc/TID/cgroup says. */
const char *cgroup_of(pid_t tid, struct arena *arena);

/** The same of the text of that file: the path in the tree of version 2 (cgroups(7)), or, if that
 * is the root, the longest of the others. Empty: there is none. */
struct span cgroup_parse(struct span text);

/** The id of a container in a path, the arena's, or NULL. Runtimes of containers name a cgroup
 * after it, with words before and behind it: 32 hexadecimal digits or more (64 for docker,
 * containerd, CRI-O and podman). */
const char *cgroup_container(const char *path, struct arena *arena);

#endif
