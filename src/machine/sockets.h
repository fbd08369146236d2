/*
 * The TCP and UDP sockets of a process: its descriptors, matched by inode with the sockets of the
 * network namespaces that its threads are in.
 */
#ifndef GOSPY_MACHINE_SOCKETS_H
#define GOSPY_MACHINE_SOCKETS_H

#include "machine/inet.h"

/** Put the inodes of all sockets among the descriptors of thread `tid` into the map; the values are
 * the descriptors. GOSPY_E_PERM: they may not be listed. GOSPY_E_LIMIT: clock_thread_ns() has come
 * to `deadline_ns`, which is not 0; those that were met by then are in the map. */
enum gospy_code sockets_inodes(pid_t tid, uint64_t deadline_ns, struct map *inodes,
			       struct gospy_error *err);

/** All sockets of process `pid`, which the live thread `tid` belongs to. `*others_ret`: how many of
 * TCP and UDP it has besides, which none of those namespaces lists: they are neither bound nor
 * connected, or are of another namespace. (To take a copy of such a descriptor would tell. But a
 * socket that the process closes would stay open as long as gospy has it, and it would get gospy's
 * class of net_cls for good: fs/file.c, receive_fd().) `budget_ns`: the processor time that each of
 * three things may take: listing its descriptors, reading the tables, counting the others; 0: any.
 * GOSPY_E_LIMIT: that was not enough; there may be more of both than are in `*ret` and
 * `*others_ret`. GOSPY_E_PERM: its descriptors may not be listed. */
enum gospy_code sockets_of_process(pid_t pid, pid_t tid, uint64_t budget_ns, inet_vec *ret,
				   uint64_t *others_ret, struct gospy_error *err);

#endif
