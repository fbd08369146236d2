/*
 * A TCP connection as a client, with a limit to every wait: `deadline_ns` of clock_mono_ns(), which
 * is GOSPY_E_LIMIT, and what calls it off (base/cancel.h). All descriptors are non-blocking.
 */
#ifndef GOSPY_MACHINE_DIAL_H
#define GOSPY_MACHINE_DIAL_H

#include "base/error.h"
#include "machine/resolve.h"

/** Take "host:port" or "[::1]:port" apart and look the host up. GOSPY_E_USAGE, GOSPY_E_NOT_FOUND,
 * GOSPY_E_LIMIT (also: too many lookups in vain are under way), GOSPY_E_CANCELLED. */
enum gospy_code dial_look_up(const char *host_port, uint64_t deadline_ns, struct dial_addrs *ret,
			     struct gospy_error *err);

/** Connect. `ns` is the network namespace that the address is of. GOSPY_E_PERM: it may not be
 * entered; GOSPY_E_OS: refused, unreachable ...; GOSPY_E_LIMIT, GOSPY_E_CANCELLED. */
enum gospy_code dial_connect(const struct sock_addr *addr, const struct netns *ns,
			     uint64_t deadline_ns, int *fd_ret, struct gospy_error *err);

#endif
