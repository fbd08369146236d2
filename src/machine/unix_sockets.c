#include "machine/unix_sockets.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "machine/sock_diag.h"

/* net/unix/diag.c, sk_diag_dump_name(): sun_path without the NUL at its end; an abstract name
 * begins with one. */
static void take_name(struct span value, char ret[UNIX_NAME_MAX + 1])
{
	size_t len = value.len < UNIX_NAME_MAX ? value.len : UNIX_NAME_MAX;
	memcpy(ret, value.ptr, len);
	ret[len] = '\0';
	for (size_t i = 0; i < len; i++) {
		if (!ret[i] && (i == 0 || ret[0] == '@'))
			ret[i] = '@';
	}
}

static void take_attribute(unsigned type, struct span value, struct unix_socket *ret)
{
	uint32_t peer;
	if (type == UNIX_DIAG_NAME && value.len) {
		take_name(value, ret->name);
	} else if (type == UNIX_DIAG_PEER && value.len >= sizeof(peer)) {
		memcpy(&peer, value.ptr, sizeof(peer));
		ret->peer = peer;
	}
}

bool unix_parse_diag(struct span message, struct unix_socket *ret)
{
	struct unix_diag_msg msg;
	struct rtattr attribute;
	if (message.len < sizeof(msg))
		return false;
	memcpy(&msg, message.ptr, sizeof(msg));
	if (msg.udiag_family != AF_UNIX)
		return false;
	*ret = (struct unix_socket){.inode = msg.udiag_ino};
	size_t at = NLMSG_ALIGN(sizeof(msg));
	while (at < message.len && message.len - at >= sizeof(attribute)) {
		memcpy(&attribute, message.ptr + at, sizeof(attribute));
		if (attribute.rta_len < RTA_LENGTH(0) || attribute.rta_len > message.len - at)
			break;
		take_attribute(
			attribute.rta_type,
			span_sub(message, at + RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0)),
			ret);
		at += RTA_ALIGN(attribute.rta_len);
	}
	return true;
}

struct taking {
	const struct map *inodes;
	unix_vec *ret;
};

static bool take_answer(void *ctx, struct span body)
{
	const struct taking *taking = ctx;
	struct unix_socket socket;
	return !unix_parse_diag(body, &socket) || !map_get(taking->inodes, socket.inode) ||
	       vec_push(taking->ret, socket);
}

enum gospy_code unix_sockets(const struct netns *ns, const struct map *inodes, uint64_t deadline_ns,
			     unix_vec *ret, struct gospy_error *err)
{
	const struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} message = {
		.header = {.nlmsg_len = sizeof(message),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.sdiag_family = AF_UNIX,
			    .udiag_states = UINT32_MAX,
			    .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER},
	};
	struct taking taking = {inodes, ret};
	bool complete;
	int fd CLEANUP_CLOSE = -1;
	if (netns_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, &fd, NULL))
		return GOSPY_OK;
	return sock_diag_dump(fd, (struct span){(const uint8_t *)&message, sizeof(message)},
			      deadline_ns, take_answer, &taking, &complete, err);
}
