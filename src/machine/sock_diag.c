#include "machine/sock_diag.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { ANSWER_MAX = 32 << 10 /* what the kernel puts into one: net/netlink/af_netlink.c */ };

/* net/netlink/af_netlink.c, netlink_dump_done(): behind the header of the last message is what the
 * dump ended with, -ENOENT if the kernel has no such table (net/ipv4/inet_diag.c). */
static bool dump_succeeded(struct span body)
{
	int result;
	if (body.len < sizeof(result))
		return false;
	memcpy(&result, body.ptr, sizeof(result));
	return result >= 0;
}

enum sock_diag_outcome sock_diag_packet(struct span bytes, sock_diag_take *each, void *ctx)
{
	struct nlmsghdr header;
	while (bytes.len >= sizeof(header)) {
		memcpy(&header, bytes.ptr, sizeof(header));
		if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > bytes.len)
			return SOCK_DIAG_REFUSED;
		struct span body = span_sub(bytes, NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
		if (header.nlmsg_type == NLMSG_DONE)
			return dump_succeeded(body) ? SOCK_DIAG_COMPLETE : SOCK_DIAG_REFUSED;
		if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY)
			return SOCK_DIAG_REFUSED;
		if (!each(ctx, body))
			return SOCK_DIAG_NO_MEMORY;
		size_t step = NLMSG_ALIGN(header.nlmsg_len);
		bytes = step < bytes.len ? span_sub(bytes, step, bytes.len - step)
					 : (struct span){NULL, 0};
	}
	return SOCK_DIAG_MORE;
}

enum gospy_code sock_diag_in_time(uint64_t deadline_ns, struct gospy_error *err)
{
	enum gospy_code code = cancel_check(err);
	if (!code && deadline_ns && clock_thread_ns() >= deadline_ns)
		return err_set(err, GOSPY_E_LIMIT, "the time for looking at sockets is up");
	return code;
}

enum gospy_code sock_diag_dump(int fd, struct span request, uint64_t deadline_ns,
			       sock_diag_take *each, void *ctx, bool *complete_ret,
			       struct gospy_error *err)
{
	uint8_t *buffer CLEANUP_FREE = malloc(ANSWER_MAX);
	enum sock_diag_outcome outcome = SOCK_DIAG_MORE;
	if (!buffer)
		return err_nomem(err);
	if (send(fd, request.ptr, request.len, 0) != (ssize_t)request.len)
		outcome = SOCK_DIAG_REFUSED;
	while (outcome == SOCK_DIAG_MORE) {
		enum gospy_code code = sock_diag_in_time(deadline_ns, err);
		if (code)
			return code;
		// The kernel answers before it comes back from the question.
		ssize_t n = recv(fd, buffer, ANSWER_MAX, MSG_DONTWAIT | MSG_TRUNC);
		outcome = n <= 0 || n > ANSWER_MAX
				  ? SOCK_DIAG_REFUSED
				  : sock_diag_packet((struct span){buffer, (size_t)n}, each, ctx);
	}
	*complete_ret = outcome == SOCK_DIAG_COMPLETE;
	return outcome == SOCK_DIAG_NO_MEMORY ? err_nomem(err) : GOSPY_OK;
}
