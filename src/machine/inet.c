#include "machine/inet.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "live/scan.h"
#include "machine/sock_diag.h"

/* include/net/tcp_states.h */
enum {
	TCP_SYN_RECV = 3,
	TCP_TIME_WAIT = 6,
	TCP_LISTEN = 10,
	TCP_STATES = 12, /* TCP_NEW_SYN_RECV and later ones belong to no descriptor */
};

const char *inet_state(const struct inet_socket *socket)
{
	static const char *const names[] = {
		[1] = "ESTABLISHED", [2] = "SYN_SENT",  [3] = "SYN_RECV", [4] = "FIN_WAIT1",
		[5] = "FIN_WAIT2",   [6] = "TIME_WAIT", [7] = "CLOSE",    [8] = "CLOSE_WAIT",
		[9] = "LAST_ACK",    [10] = "LISTEN",   [11] = "CLOSING", [12] = "SYN_RECV",
	};
	const uint64_t state = socket->state;
	if (socket->udp)
		return "NONE";
	return state < sizeof(names) / sizeof(*names) && names[state] ? names[state] : "UNKNOWN";
}

void sock_addr_text(const struct sock_addr *addr, char text[SOCK_ADDR_TEXT])
{
	char host[INET6_ADDRSTRLEN];
	inet_ntop(addr->v6 ? AF_INET6 : AF_INET, addr->ip, host, sizeof(host));
	snprintf(text, SOCK_ADDR_TEXT, addr->v6 ? "[%s]:%u" : "%s:%u", host, addr->port);
}

/* RFC 4291, 2.5.5.2: ::ffff:10.0.0.1. */
struct sock_addr sock_addr_plain(const struct sock_addr *addr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct sock_addr plain = {.port = addr->port};
	if (!addr->v6 || memcmp(addr->ip, mapped, sizeof(mapped)) != 0)
		return *addr;
	memcpy(plain.ip, addr->ip + sizeof(mapped), sizeof(addr->ip) - sizeof(mapped));
	return plain;
}

static uint64_t hash_address(uint64_t hash, const struct sock_addr *addr)
{
	const struct sock_addr plain = sock_addr_plain(addr);
	hash = hash_bytes(hash, plain.ip, plain.v6 ? 16 : 4);
	return hash_mix(hash, (uint64_t)plain.v6 << 16 | plain.port);
}

uint64_t sock_addr_pair(const struct sock_addr *local, const struct sock_addr *remote)
{
	return hash_address(hash_address(0, local), remote);
}

static bool is_wanted(const struct inet_query *query, const struct inet_socket *socket)
{
	return (!query->listening || socket->state == TCP_LISTEN) &&
	       (!query->inodes || map_get(query->inodes, socket->inode)) &&
	       (!query->pairs ||
		map_get(query->pairs, sock_addr_pair(&socket->local, &socket->remote)));
}

static void no_times(struct inet_socket *socket)
{
	socket->sent_ago_ns = socket->received_ago_ns = UINT64_MAX;
	socket->sent_total = socket->received_total = socket->unacked_ns = UINT64_MAX;
}

/* ---- as text */

/** "0100007F:1F90": each 32-bit word of the address as the machine's number, the port as such. */
static void scan_address(struct scan *s, struct sock_addr *addr)
{
	struct span hex = scan_word(s);
	addr->v6 = hex.len > 13;
	const size_t words = addr->v6 ? 4 : 1;
	if (hex.len != words * 8 + 5 || hex.ptr[words * 8] != ':') {
		s->failed = true;
		return;
	}
	for (size_t i = 0; i < words; i++) {
		struct scan digits = scan_of(span_sub(hex, i * 8, 8));
		uint32_t word = (uint32_t)scan_u64(&digits, 16);
		memcpy(addr->ip + i * sizeof(word), &word, sizeof(word));
		s->failed |= !scan_at_end(&digits) || digits.failed;
	}
	struct scan port = scan_of(span_sub(hex, words * 8 + 1, 4));
	addr->port = (uint16_t)scan_u64(&port, 16);
	s->failed |= !scan_at_end(&port) || port.failed;
}

/* "00000000:00000010" */
static void scan_queues(struct scan *s, struct inet_socket *ret)
{
	ret->sent = scan_u64(s, 16);
	scan_char(s, ':');
	ret->received = scan_u64(s, 16);
}

/* net/ipv4/tcp_ipv4.c, get_tcp4_sock(): "sl: local remote st tx:rx tr:when retrnsmt uid timeout
 * inode ..."; udp is the same. */
bool inet_parse_line(struct span line, bool udp, struct inet_socket *ret)
{
	struct scan s = scan_of(line);
	*ret = (struct inet_socket){.udp = udp};
	no_times(ret);
	scan_blanks(&s);
	scan_word(&s);
	scan_blanks(&s);
	scan_address(&s, &ret->local);
	scan_blanks(&s);
	scan_address(&s, &ret->remote);
	scan_blanks(&s);
	ret->state = scan_u64(&s, 16);
	scan_blanks(&s);
	scan_queues(&s, ret);
	for (int i = 0; i < 4; i++) {
		scan_blanks(&s);
		scan_word(&s);
	}
	scan_blanks(&s);
	ret->inode = scan_u64(&s, 10);
	return !s.failed;
}

/** A table may have as many lines as the host has sockets, so they are not kept in memory. */
static enum gospy_code read_text(const struct netns *ns, bool udp, bool v6,
				 const struct inet_query *query, inet_vec *ret,
				 struct gospy_error *err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/net/%s%s", (int)ns->tid, udp ? "udp" : "tcp",
		 v6 ? "6" : "");
	FILE *file CLEANUP_FCLOSE = fopen(path, "re");
	char *line CLEANUP_FREE = NULL;
	size_t size = 0;
	ssize_t n;
	// The table is of the namespace that the thread was in when the file was opened.
	if (netns_of(ns->tid).id != ns->id)
		return GOSPY_OK;
	// If the file is missing, the kernel does not have that protocol.
	while (file && (n = getline(&line, &size, file)) > 0) {
		struct inet_socket socket;
		enum gospy_code code = sock_diag_in_time(query->deadline_ns, err);
		if (code)
			return code;
		if (!inet_parse_line((struct span){(const uint8_t *)line, (size_t)n}, udp, &socket))
			continue;
		// net/ipv4/tcp_ipv4.c, tcp_get_idx(): listening sockets come first.
		if (query->listening && socket.state != TCP_LISTEN)
			break;
		if (is_wanted(query, &socket) && !vec_push(ret, socket))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

/* ---- by netlink */

static struct sock_addr diag_address(const struct inet_diag_msg *msg, const __be32 *words,
				     __be16 port)
{
	struct sock_addr addr = {.v6 = msg->idiag_family == AF_INET6, .port = ntohs(port)};
	memcpy(addr.ip, words, addr.v6 ? 16 : 4);
	return addr;
}

/* A number of struct tcp_info; older kernels have a shorter one. */
static uint64_t info_number(struct span info, size_t offset, size_t size)
{
	uint64_t number = 0;
	if (info.len < offset || info.len - offset < size)
		return UINT64_MAX;
	memcpy(&number, info.ptr + offset, size);
	return number;
}

static uint64_t ms_to_ns(uint64_t ms)
{
	return ms == UINT64_MAX ? ms : ms * 1000000;
}

#define INFO(info, member)                                                                         \
	info_number(info, offsetof(struct tcp_info, member), sizeof(((struct tcp_info *)0)->member))

/* For how long at least has the other end acknowledged nothing? What is not acknowledged in time is
 * sent again, and each time it is waited for twice as long: of the time that is waited now, half
 * was waited before, a quarter before that, and so on, as often as it was sent again since the last
 * acknowledgement (net/ipv4/tcp_timer.c, tcp_retransmit_timer()). */
static uint64_t unacked_ns(struct span info, uint64_t unacked)
{
	enum { MOST = 63 };
	uint64_t again = INFO(info, tcpi_retransmits), us = INFO(info, tcpi_rto);
	if (again == UINT64_MAX || us == UINT64_MAX)
		return UINT64_MAX;
	again = again < MOST ? again : MOST;
	return unacked ? (us - (us >> again)) * 1000 : 0;
}

/* What follows an answer: net/ipv4/inet_diag.c, inet_sk_diag_fill(). */
static void take_attributes(struct span rest, struct inet_socket *ret)
{
	struct rtattr attr;
	while (rest.len >= sizeof(attr)) {
		memcpy(&attr, rest.ptr, sizeof(attr));
		size_t step = RTA_ALIGN((size_t)attr.rta_len);
		if (attr.rta_len < sizeof(attr) || attr.rta_len > rest.len)
			return;
		struct span info = span_sub(rest, sizeof(attr), attr.rta_len - sizeof(attr));
		if (attr.rta_type == INET_DIAG_INFO && !ret->udp) {
			ret->sent_ago_ns = ms_to_ns(INFO(info, tcpi_last_data_sent));
			ret->received_ago_ns = ms_to_ns(INFO(info, tcpi_last_data_recv));
			ret->sent_total = INFO(info, tcpi_bytes_sent);
			ret->received_total = INFO(info, tcpi_bytes_received);
			ret->unacked_ns = unacked_ns(info, ret->sent);
		}
		rest = step < rest.len ? span_sub(rest, step, rest.len - step) : (struct span){0};
	}
}

bool inet_parse_diag(struct span message, bool udp, struct inet_socket *ret)
{
	struct inet_diag_msg msg;
	if (message.len < sizeof(msg))
		return false;
	memcpy(&msg, message.ptr, sizeof(msg));
	if (msg.idiag_family != AF_INET && msg.idiag_family != AF_INET6)
		return false;
	*ret = (struct inet_socket){
		.local = diag_address(&msg, msg.id.idiag_src, msg.id.idiag_sport),
		.remote = diag_address(&msg, msg.id.idiag_dst, msg.id.idiag_dport),
		.inode = msg.idiag_inode,
		.state = msg.idiag_state,
		.received = msg.idiag_rqueue,
		.sent = msg.idiag_wqueue,
		.udp = udp,
	};
	no_times(ret);
	take_attributes(span_sub(message, sizeof(msg), message.len - sizeof(msg)), ret);
	return true;
}

/* What an answer is taken into. */
struct taking {
	const struct inet_query *query;
	bool udp;
	inet_vec *ret;
};

static bool take_answer(void *ctx, struct span body)
{
	const struct taking *taking = ctx;
	struct inet_socket socket;
	return !inet_parse_diag(body, taking->udp, &socket) || !is_wanted(taking->query, &socket) ||
	       vec_push(taking->ret, socket);
}

static enum gospy_code read_diag(int fd, bool v6, struct taking *taking, bool *complete_ret,
				 struct gospy_error *err)
{
	// Sockets in TIME_WAIT and SYN_RECV have no descriptor any more, or none yet.
	const uint32_t with_descriptor =
		((1u << TCP_STATES) - 1) & ~(1u << TCP_TIME_WAIT | 1u << TCP_SYN_RECV);
	const struct inet_query *query = taking->query;
	const struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} message = {
		.header = {.nlmsg_len = sizeof(message),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.request = {.sdiag_family = v6 ? AF_INET6 : AF_INET,
			    .sdiag_protocol = taking->udp ? IPPROTO_UDP : IPPROTO_TCP,
			    .idiag_ext = (uint8_t)(query->times && !taking->udp
							   ? 1u << (INET_DIAG_INFO - 1)
							   : 0),
			    .idiag_states = query->listening ? 1u << TCP_LISTEN : with_descriptor},
	};
	return sock_diag_dump(fd, (struct span){(const uint8_t *)&message, sizeof(message)},
			      query->deadline_ns, take_answer, taking, complete_ret, err);
}

/* ---- both */

/* fd -1: read the tables as text. */
static enum gospy_code read_table(int fd, const struct netns *ns, bool udp, bool v6,
				  const struct inet_query *query, inet_vec *ret,
				  struct gospy_error *err)
{
	const size_t before = ret->len;
	struct taking taking = {query, udp, ret};
	bool complete = false;
	enum gospy_code code = fd < 0 ? GOSPY_OK : read_diag(fd, v6, &taking, &complete, err);
	if (code || complete)
		return code;
	ret->len = before;
	return read_text(ns, udp, v6, query, ret, err);
}

enum gospy_code inet_sockets(const struct netns *ns, const struct inet_query *query, inet_vec *ret,
			     struct gospy_error *err)
{
	const size_t before = ret->len;
	int fd CLEANUP_CLOSE = -1;
	enum gospy_code code = GOSPY_OK;
	if (netns_socket(ns, AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG, &fd, NULL))
		fd = -1;
	for (unsigned udp = 0; !code && udp <= !query->listening; udp++) {
		for (unsigned v6 = 0; !code && v6 < 2; v6++)
			code = read_table(fd, ns, udp, v6, query, ret, err);
	}
	if (code && code != GOSPY_E_LIMIT)
		ret->len = before;
	return code;
}
