/*
 * The TCP and UDP sockets of a process: its descriptors, matched by inode with the socket tables of
 * its network namespace.
 */
#ifndef GOSPY_TARGET_SOCKETS_H
#define GOSPY_TARGET_SOCKETS_H

#include "base/error.h"
#include "base/map.h"
#include "base/span.h"
#include "base/vec.h"

typedef VEC(struct gospy_socket) socket_vec;

/** Append the socket of one line of /proc/PID/net/{tcp,tcp6,udp,udp6} if its inode is in `inodes`;
 * a line that makes no sense (the heading) is passed over. false: out of memory. */
bool sockets_parse_line(struct span line, bool udp, const struct map *inodes, socket_vec *sockets);

/** All sockets of the process that the live thread `tid` belongs to. GOSPY_E_PERM: its descriptors
 * may not be listed. */
enum gospy_code sockets_of_process(pid_t tid, socket_vec *ret, struct gospy_error *err);

#endif
