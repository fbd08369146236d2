/*
 * Where processes listen on TCP. The listeners of a network namespace are asked for once, however
 * many processes are looked at.
 */
#ifndef GOSPY_MACHINE_LISTENERS_H
#define GOSPY_MACHINE_LISTENERS_H

#include "machine/sockets.h"

/** What is looked up once for many processes; all zero is a valid empty one. */
struct listener_finder {
	VEC(struct listener_network) networks; /* namespaces and who listens there */
	uint64_t budget_ns;                    /* processor time for all of them; 0: any */
	uint64_t spent_ns;                     /* of that */
};
void listener_finder_deinit(struct listener_finder *finder);

struct listener {
	struct sock_addr local; /* what it is bound to */
	struct netns ns;        /* in which that is */
};
typedef VEC(struct listener) listener_vec;
/** The guard. */
void listeners_free(listener_vec *listeners);

/** Append where process `pid`, of which `tid` is a live thread, listens: on this port, or on any if
 * it is 0. Of any port, the network namespaces of all its threads are looked at; of one port, those
 * of the others only if it is not found in that of `tid`. GOSPY_E_PERM: its descriptors may not be
 * listed. GOSPY_E_LIMIT: the finder has used up its time. Nothing is appended then. */
enum gospy_code listeners_of_process(struct listener_finder *finder, pid_t pid, pid_t tid,
				     uint16_t port, listener_vec *ret, struct gospy_error *err);

#endif
