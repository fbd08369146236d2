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

/** An address of TCP or UDP. */
struct sock_addr {
	uint8_t ip[16]; /* as on the wire: 4 bytes, or 16 if `v6` */
	bool v6;
	uint16_t port;
};

/** "127.0.0.1:80" or "[::1]:80". */
enum { SOCK_ADDR_TEXT = 64 };
void sock_addr_text(const struct sock_addr *addr, char text[SOCK_ADDR_TEXT]);

/** A TCP socket that waits for connections. */
struct listener {
	struct sock_addr local;
	uint64_t inode;
};
typedef VEC(struct listener) listener_vec;

/** Append the socket of one line of /proc/PID/net/{tcp,tcp6,udp,udp6} if its inode is in `inodes`;
 * a line that makes no sense (the heading) is passed over. false: out of memory. */
bool sockets_parse_line(struct span line, bool udp, const struct map *inodes, socket_vec *sockets);

/** All sockets of the process that the live thread `tid` belongs to. GOSPY_E_PERM: its descriptors
 * may not be listed. */
enum gospy_code sockets_of_process(pid_t tid, socket_vec *ret, struct gospy_error *err);

/** Put the inodes of all sockets among the descriptors of thread `tid` into the map. GOSPY_E_PERM:
 * they may not be listed. */
enum gospy_code sockets_inodes(pid_t tid, struct map *inodes, struct gospy_error *err);

/** Append the listening socket of one line of /proc/PID/net/{tcp,tcp6}. `*more_ret`: lines of
 * listening sockets may follow, which come first in that file. false: out of memory. */
bool listeners_parse_line(struct span line, listener_vec *listeners, bool *more_ret);

/** All listening TCP sockets in the network namespace of thread `tid`, whoever has them. */
enum gospy_code listeners_read(pid_t tid, listener_vec *ret, struct gospy_error *err);

#endif
