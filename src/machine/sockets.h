/*
 * The TCP and UDP sockets of a process: its descriptors, matched by inode with the sockets of the
 * network namespaces that its threads are in.
 */
#ifndef GOSPY_MACHINE_SOCKETS_H
#define GOSPY_MACHINE_SOCKETS_H

#include "machine/inet.h"

/** Put the inodes of all sockets among the descriptors of thread `tid` into the map; the values are
 * the descriptors. GOSPY_E_PERM: they may not be listed. */
enum gospy_code sockets_inodes(pid_t tid, struct map *inodes, struct gospy_error *err);

/** All sockets of process `pid`, which the live thread `tid` belongs to. `*others_ret`: how many of
 * TCP and UDP it has besides, which none of those namespaces lists: they are neither bound nor
 * connected, or are of another namespace. (To take a copy of such a descriptor would tell. But a
 * socket that the process closes would stay open as long as gospy has it, and it would get gospy's
 * class of net_cls for good: fs/file.c, receive_fd().) GOSPY_E_PERM: its descriptors may not be
 * listed. */
enum gospy_code sockets_of_process(pid_t pid, pid_t tid, inet_vec *ret, uint64_t *others_ret,
				   struct gospy_error *err);

#endif
