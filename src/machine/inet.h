/*
 * The TCP and UDP sockets of a network namespace, whoever has them. The kernel gives them by
 * netlink (sock_diag(7)), in the time that its tables take; where that is missing, or the namespace
 * may not be entered, as text in /proc/TID/net, which takes ten times as long.
 */
#ifndef GOSPY_MACHINE_INET_H
#define GOSPY_MACHINE_INET_H

#include "base/map.h"
#include "base/span.h"
#include "machine/netns.h"

/** An address of TCP or UDP. */
struct sock_addr {
	uint8_t ip[16]; /* as on the wire: 4 bytes, or 16 if `v6` */
	bool v6;
	uint16_t port;
};

/** "127.0.0.1:80" or "[::1]:80". */
enum { SOCK_ADDR_TEXT = 64 };
void sock_addr_text(const struct sock_addr *addr, char text[SOCK_ADDR_TEXT]);

/** The same address of 4 bytes, if it is one that is mapped into IPv6: a socket of both has such
 * addresses for connections of IPv4. */
struct sock_addr sock_addr_plain(const struct sock_addr *addr);
/** A number for the two addresses of a connection, mapped or not, in this order. */
uint64_t sock_addr_pair(const struct sock_addr *local, const struct sock_addr *remote);

struct inet_socket {
	struct sock_addr local, remote;
	uint64_t inode;
	uint64_t state; /* include/net/tcp_states.h */
	/* Bytes that were not read, and not acknowledged; of one that listens, connections that
	   were not accepted, and how many there may be: net/ipv4/tcp_diag.c, tcp_diag_get_info().
	 */
	uint64_t received, sent;
	bool udp;
	/* Of TCP, as in struct gospy_descriptor; UINT64_MAX: not known. */
	uint64_t sent_ago_ns, received_ago_ns, sent_total, received_total, unacked_ns;
};
typedef VEC(struct inet_socket) inet_vec;

/** "LISTEN", "ESTABLISHED", as netstat(8) and gops have them; "NONE" for UDP. */
const char *inet_state(const struct inet_socket *socket);

/** Which sockets are wanted. */
struct inet_query {
	bool listening;           /* of TCP, those that wait for connections */
	bool times;               /* with .sent_ago_ns and what follows it */
	const struct map *inodes; /* only these; NULL: all */
	const struct map *pairs;  /* only those of which this has sock_addr_pair(); NULL: all */
	uint64_t deadline_ns;     /* of clock_thread_ns(): no longer than until then; 0: none */
};

/** Append the sockets of a namespace; none if its thread has left it. GOSPY_E_LIMIT: the deadline
 * came before the end of the tables; what was found by then is appended. GOSPY_E_NOMEM,
 * GOSPY_E_CANCELLED: nothing was. */
enum gospy_code inet_sockets(const struct netns *ns, const struct inet_query *query, inet_vec *ret,
			     struct gospy_error *err);

/** One line of /proc/TID/net/{tcp,tcp6,udp,udp6}; false: it makes no sense, as the heading. */
bool inet_parse_line(struct span line, bool udp, struct inet_socket *ret);
/** One answer of sock_diag; false: it is too short, or of another family. */
bool inet_parse_diag(struct span message, bool udp, struct inet_socket *ret);

#endif
