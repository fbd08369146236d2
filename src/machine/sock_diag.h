/*
 * Asking the kernel for the sockets of a network namespace by netlink: sock_diag(7). A host may
 * have a million of them, so the asking ends when its call is called off, or at a deadline, which
 * is one in processor time.
 */
#ifndef GOSPY_MACHINE_SOCK_DIAG_H
#define GOSPY_MACHINE_SOCK_DIAG_H

#include "base/error.h"
#include "base/span.h"

/** What a packet from the kernel says of a table: there are more packets; it was the last one; the
 * kernel gave none or not all of it; there is no memory for it. */
enum sock_diag_outcome {
	SOCK_DIAG_MORE,
	SOCK_DIAG_COMPLETE,
	SOCK_DIAG_REFUSED,
	SOCK_DIAG_NO_MEMORY
};

/** What is done with the body of each answer; false: out of memory. */
typedef bool sock_diag_take(void *ctx, struct span body);

/** The messages of one packet (netlink(7)). */
enum sock_diag_outcome sock_diag_packet(struct span bytes, sock_diag_take *each, void *ctx);

/** GOSPY_E_CANCELLED; GOSPY_E_LIMIT: clock_thread_ns() has come to `deadline_ns`, which is not 0.
 */
enum gospy_code sock_diag_in_time(uint64_t deadline_ns, struct gospy_error *err);

/** Send a request for a dump, which begins with its struct nlmsghdr, and take the answers.
 * `*complete_ret`: that was all of the table; else the kernel does not have it, or does not give
 * it. GOSPY_E_NOMEM, GOSPY_E_CANCELLED, GOSPY_E_LIMIT: as above; answers may have come. */
enum gospy_code sock_diag_dump(int fd, struct span request, uint64_t deadline_ns,
			       sock_diag_take *each, void *ctx, bool *complete_ret,
			       struct gospy_error *err);

#endif
