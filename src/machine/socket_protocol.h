/* Which protocol the socket behind a descriptor of another process belongs to. */
#ifndef GOSPY_MACHINE_SOCKET_PROTOCOL_H
#define GOSPY_MACHINE_SOCKET_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SOCKET_PROTOCOL = 32 };

/** The kernel's name of it: "TCP", "UDPv6", "UNIX-STREAM". False: the descriptor of thread `tid` is
 * not, or no longer, the socket with that inode. Whatever the process puts in its place meanwhile,
 * no file system is asked about it: that of a file may be a program that never answers. */
bool socket_protocol(pid_t tid, uint64_t fd, uint64_t inode, char ret[SOCKET_PROTOCOL]);

#endif
