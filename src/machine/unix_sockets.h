/* The Unix sockets of a network namespace, and which is connected with which: by netlink, or else
 * nothing is known, because /proc/net/unix does not have the other end. */
#ifndef GOSPY_MACHINE_UNIX_SOCKETS_H
#define GOSPY_MACHINE_UNIX_SOCKETS_H

#include "base/map.h"
#include "base/span.h"
#include "base/vec.h"
#include "machine/netns.h"

enum { UNIX_NAME_MAX = 108 /* sun_path: unix(7) */ };

struct unix_socket {
	uint64_t inode;
	uint64_t peer;                /* inode of the other end; 0: there is none, or none yet */
	char name[UNIX_NAME_MAX + 1]; /* it is bound to; "@" begins an abstract one; "": to none */
};
typedef VEC(struct unix_socket) unix_vec;

/** Append those of which `inodes` has the inode, until clock_thread_ns() comes to `deadline_ns` if
 * that is not 0: GOSPY_E_LIMIT, and what was found by then is appended. GOSPY_E_NOMEM,
 * GOSPY_E_CANCELLED. */
enum gospy_code unix_sockets(const struct netns *ns, const struct map *inodes, uint64_t deadline_ns,
			     unix_vec *ret, struct gospy_error *err);

/** One answer of sock_diag; false: it is too short, or of another family. */
bool unix_parse_diag(struct span message, struct unix_socket *ret);

#endif
