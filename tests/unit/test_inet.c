#include "child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/cancel.h"
#include "machine/listeners.h"
#include "machine/sock_diag.h"
#include "machine/sockets.h"

static const char tcp_line[] = "   0: 0100007F:1F90 0200000A:0016 01 0000001F:00000002 00:00000000 "
			       "00000000  1000        0 "
			       "4242 1 0000000000000000 100 0 0 10 0\n";
static const char tcp6_line[] =
	"  12: 00000000000000000000000001000000:0050 B80D01200000000067452301EFCDAB89:FFFF 0A "
	"00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0";
static const char udp_line[] = "  999: 00000000:0035 00000000:0000 07 00000000:00000000 "
			       "00:00000000 00000000     0        0 4242 2 0 0\n";

static bool parse(const char *line, size_t len, bool udp, struct inet_socket *ret)
{
	return inet_parse_line((struct span){(const uint8_t *)line, len}, udp, ret);
}

static void assert_socket(const struct inet_socket *socket, const char *local, const char *remote,
			  const char *state)
{
	char text[SOCK_ADDR_TEXT];
	sock_addr_text(&socket->local, text);
	assert_string_equal(text, local);
	sock_addr_text(&socket->remote, text);
	assert_string_equal(text, remote);
	assert_string_equal(inet_state(socket), state);
	assert_int_equal(socket->inode, 4242);
}

static void lines_parse(void **state)
{
	(void)state;
	struct inet_socket socket;
	assert_true(parse(tcp_line, sizeof(tcp_line) - 1, false, &socket));
	assert_socket(&socket, "127.0.0.1:8080", "10.0.0.2:22", "ESTABLISHED");
	assert_true(socket.sent == 31 && socket.received == 2);
	assert_true(parse(tcp6_line, sizeof(tcp6_line) - 1, false, &socket));
	assert_socket(&socket, "[::1]:80", "[2001:db8::123:4567:89ab:cdef]:65535", "LISTEN");
	assert_true(parse(udp_line, sizeof(udp_line) - 1, true, &socket));
	assert_socket(&socket, "0.0.0.0:53", "0.0.0.0:0", "NONE");
}

static void lines_are_passed_over(void **state)
{
	(void)state;
	struct inet_socket socket;
	size_t needed = (size_t)(strstr(tcp_line, "4242") - tcp_line) + 1;
	for (size_t len = 0; len < needed; len++)
		assert_false(parse(tcp_line, len, false, &socket));
	static const char *const bad[] = {
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
		"0: 0100007F:1F90 0200000A0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:1F90 0200000A:0016 01 0:0 0:0 0 1000 0",
		"0: 0100007G:1F90 0200000A:0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:1F9x 0200000A:0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:11F90 0200000A:0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F00:1F90 0200000A:0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:1F90 0200000A:0016 xx 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:1F90 0200000A:0016 01 0:0 0:0 0 1000 0 99999999999999999999 1",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(parse(bad[i], strlen(bad[i]), false, &socket));
	static const char state_unknown[] =
		"0: 0100007F:0001 0200000A:0002 FFFFFFFF 0:0 0:0 0 1000 0 4242";
	assert_true(parse(state_unknown, sizeof(state_unknown) - 1, false, &socket));
	assert_socket(&socket, "127.0.0.1:1", "10.0.0.2:2", "UNKNOWN");
}

static void answers_parse(void **state)
{
	(void)state;
	struct inet_diag_msg msg = {
		.idiag_family = AF_INET6, .idiag_state = 10, .idiag_inode = 4242};
	struct inet_socket socket;
	msg.id.idiag_sport = htons(80);
	msg.id.idiag_src[3] = htonl(1);
	struct span bytes = {(const uint8_t *)&msg, sizeof(msg)};
	assert_true(inet_parse_diag(bytes, false, &socket));
	assert_socket(&socket, "[::1]:80", "[::]:0", "LISTEN");
	assert_true(inet_parse_diag(bytes, true, &socket));
	assert_socket(&socket, "[::1]:80", "[::]:0", "NONE");
	for (bytes.len = 0; bytes.len < sizeof(msg); bytes.len++)
		assert_false(inet_parse_diag(bytes, false, &socket));
	msg.idiag_family = AF_UNIX;
	assert_false(inet_parse_diag(bytes, false, &socket));
	msg.idiag_family = AF_INET;
	msg.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
	assert_true(inet_parse_diag(bytes, false, &socket));
	assert_socket(&socket, "127.0.0.1:80", "0.0.0.0:0", "LISTEN");
}

/* What the kernel has of a connection comes behind an answer, cut off in older kernels, and by a
 * liar anywhere. */
static void attributes_parse(void **state)
{
	(void)state;
	struct {
		struct inet_diag_msg msg;
		struct rtattr other, attr;
		struct tcp_info info;
	} answer = {
		.msg.idiag_family = AF_INET,
		.other = {sizeof(struct rtattr), INET_DIAG_SHUTDOWN},
		.attr = {sizeof(struct rtattr) + sizeof(struct tcp_info), INET_DIAG_INFO},
		.info = {.tcpi_last_data_sent = 7,
			 .tcpi_last_data_recv = 9,
			 .tcpi_bytes_received = 1000,
			 .tcpi_bytes_sent = 2000},
	};
	const size_t until_info = offsetof(typeof(answer), info);
	struct span bytes = {(const uint8_t *)&answer, sizeof(answer)};
	struct inet_socket socket;
	assert_true(inet_parse_diag(bytes, false, &socket));
	assert_int_equal(socket.sent_ago_ns, 7000000);
	assert_int_equal(socket.received_ago_ns, 9000000);
	assert_int_equal(socket.received_total, 1000);
	assert_int_equal(socket.sent_total, 2000);
	assert_int_equal(socket.unacked_ns, 0);
	// Sent again three times, and waited 40 s for: 20 s, 10 s and 5 s before.
	answer.info.tcpi_retransmits = 3;
	answer.info.tcpi_rto = 40000000;
	assert_true(inet_parse_diag(bytes, false, &socket));
	assert_int_equal(socket.unacked_ns, 0);
	answer.msg.idiag_wqueue = 1;
	assert_true(inet_parse_diag(bytes, false, &socket));
	assert_int_equal(socket.unacked_ns, UINT64_C(35000000000));
	answer.info.tcpi_retransmits = UINT8_MAX;
	assert_true(inet_parse_diag(bytes, false, &socket));
	assert_int_equal(socket.unacked_ns, UINT64_C(40000000000));
	answer.info.tcpi_retransmits = 0;
	assert_true(inet_parse_diag(bytes, false, &socket));
	assert_int_equal(socket.unacked_ns, 0);
	assert_true(inet_parse_diag(bytes, true, &socket));
	assert_int_equal(socket.sent_ago_ns, UINT64_MAX);
	assert_int_equal(socket.unacked_ns, UINT64_MAX);
	// An attribute that is longer than what is there.
	for (bytes.len = sizeof(struct inet_diag_msg); bytes.len < sizeof(answer); bytes.len++) {
		assert_true(inet_parse_diag(bytes, false, &socket));
		assert_int_equal(socket.received_total, UINT64_MAX);
	}
	for (unsigned short len = 0; len < sizeof(struct tcp_info); len++) {
		answer.attr.rta_len = (unsigned short)(sizeof(struct rtattr) + len);
		bytes.len = until_info + len;
		assert_true(inet_parse_diag(bytes, false, &socket));
		bool there = len >= offsetof(struct tcp_info, tcpi_bytes_received) + 8;
		assert_int_equal(socket.received_total, there ? 1000 : UINT64_MAX);
	}
	for (answer.attr.rta_len = 0; answer.attr.rta_len < sizeof(struct rtattr);
	     answer.attr.rta_len++) {
		assert_true(inet_parse_diag(bytes, false, &socket));
		assert_int_equal(socket.received_total, UINT64_MAX);
	}
}

/* A packet of one socket's message and the last one of the dump. */
struct packet {
	struct nlmsghdr header;
	struct inet_diag_msg msg;
	struct nlmsghdr done;
	int result;
};

static bool count_answer(void *count, struct span body)
{
	struct inet_socket socket;
	*(size_t *)count += inet_parse_diag(body, false, &socket);
	return true;
}

static enum sock_diag_outcome take(const struct packet *packet, size_t len, size_t *count_ret)
{
	*count_ret = 0;
	return sock_diag_packet((struct span){(const uint8_t *)packet, len}, count_answer,
				count_ret);
}

static void packets_parse(void **state)
{
	(void)state;
	const size_t done_len = sizeof(struct nlmsghdr) + sizeof(int);
	const struct packet good = {
		.header = {.nlmsg_len = sizeof(good.header) + sizeof(good.msg),
			   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			   .nlmsg_flags = NLM_F_MULTI},
		.msg = {.idiag_family = AF_INET, .idiag_inode = 4242},
		.done = {.nlmsg_len = (uint32_t)done_len, .nlmsg_type = NLMSG_DONE},
	};
	struct packet packet = good;
	size_t n;
	_Static_assert(sizeof(packet) == offsetof(struct packet, result) + sizeof(int), "padding");
	assert_int_equal(take(&packet, good.header.nlmsg_len, &n), SOCK_DIAG_MORE);
	assert_int_equal(n, 1);
	assert_int_equal(take(&packet, sizeof(packet), &n), SOCK_DIAG_COMPLETE);
	assert_int_equal(n, 1);
	// A kernel without the table: net/ipv4/inet_diag.c, inet_diag_lock_handler().
	packet.result = -ENOENT;
	assert_int_equal(take(&packet, sizeof(packet), &n), SOCK_DIAG_REFUSED);
	packet.result = 0;
	packet.done.nlmsg_len = sizeof(packet.done);
	assert_int_equal(take(&packet, sizeof(packet), &n), SOCK_DIAG_REFUSED);
	packet.done.nlmsg_len = (uint32_t)done_len + 1;
	assert_int_equal(take(&packet, sizeof(packet), &n), SOCK_DIAG_REFUSED);
	packet.done = (struct nlmsghdr){.nlmsg_len = (uint32_t)done_len, .nlmsg_type = NLMSG_ERROR};
	assert_int_equal(take(&packet, sizeof(packet), &n), SOCK_DIAG_REFUSED);
	packet = good;
	packet.header.nlmsg_len = 0;
	assert_int_equal(take(&packet, sizeof(packet), &n), SOCK_DIAG_REFUSED);
	assert_int_equal(n, 0);
}

enum { SOCKETS = 5, LISTENERS = 2 };

static int bind_socket(int family, int type, struct sockaddr_in6 *addr)
{
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	*addr = (struct sockaddr_in6){.sin6_family = (sa_family_t)family};
	socklen_t len = sizeof(*addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)addr, len) ||
	    getsockname(fd, (struct sockaddr *)addr, &len))
		skip(); // no network here
	return fd;
}

/** Two that listen, two ends of a connection, and one of UDP. */
static void open_sockets(int fds[SOCKETS])
{
	struct sockaddr_in6 addr;
	fds[0] = bind_socket(AF_INET6, SOCK_STREAM, &addr);
	fds[1] = bind_socket(AF_INET6, SOCK_DGRAM, &addr);
	fds[2] = bind_socket(AF_INET, SOCK_STREAM, &addr);
	assert_int_equal(listen(fds[0], 1), 0);
	assert_int_equal(listen(fds[2], 1), 0);
	fds[3] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fds[3], (struct sockaddr *)&addr, sizeof(addr)), 0);
	fds[4] = accept(fds[2], NULL, NULL);
	assert_true(fds[4] >= 0);
}

static bool same_addr(const struct sock_addr *a, const struct sock_addr *b)
{
	return a->v6 == b->v6 && a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static bool holds(const inet_vec *sockets, const struct inet_socket *wanted)
{
	for (size_t i = 0; i < sockets->len; i++) {
		const struct inet_socket *socket = &sockets->at[i];
		if (socket->inode == wanted->inode && socket->state == wanted->state &&
		    socket->udp == wanted->udp && same_addr(&socket->local, &wanted->local) &&
		    same_addr(&socket->remote, &wanted->remote))
			return true;
	}
	return false;
}

static bool same_sockets(const inet_vec *a, const inet_vec *b, size_t n)
{
	bool same = a->len == n && b->len == n;
	for (size_t i = 0; same && i < n; i++)
		same = holds(b, &a->at[i]);
	return same;
}

/* Runs in a process that can make no socket any more once it has asked through one. */
static int compare_ways(void *inodes)
{
	const struct netns own = netns_of(getpid());
	const struct inet_query all = {.inodes = inodes},
				listening = {.inodes = inodes, .listening = true};
	inet_vec by_netlink[2] = {0}, by_text[2] = {0};
	if (inet_sockets(&own, &all, &by_netlink[0], NULL) ||
	    inet_sockets(&own, &listening, &by_netlink[1], NULL))
		return 1;
	refuse_syscall(SYS_socket, EACCES);
	if (inet_sockets(&own, &all, &by_text[0], NULL) ||
	    inet_sockets(&own, &listening, &by_text[1], NULL))
		return 2;
	if (!same_sockets(&by_netlink[0], &by_text[0], SOCKETS))
		return 3;
	return same_sockets(&by_netlink[1], &by_text[1], LISTENERS) ? 0 : 4;
}

/** The kernel's text and its netlink tell the same. */
static void both_ways_agree(void **state)
{
	(void)state;
	int fds[SOCKETS];
	struct map inodes = {0};
	open_sockets(fds);
	assert_int_equal(sockets_inodes(getpid(), 0, &inodes, NULL), GOSPY_OK);
	int result = child_result(compare_ways, &inodes);
	map_deinit(&inodes);
	for (size_t i = 0; i < SOCKETS; i++)
		close(fds[i]);
	if (result == CHILD_CANNOT)
		skip();
	assert_int_equal(result, 0);
}

/* The namespace is that of a thread when it was looked at, whatever it has entered since. */
static void only_that_namespace(void **state)
{
	(void)state;
	int fds[SOCKETS], fd = -1;
	struct map inodes = {0};
	inet_vec sockets = {0};
	open_sockets(fds);
	assert_int_equal(sockets_inodes(getpid(), 0, &inodes, NULL), GOSPY_OK);
	const struct inet_query query = {.inodes = &inodes};
	struct netns ns = netns_of(getpid());
	ns.own = false;
	assert_int_equal(inet_sockets(&ns, &query, &sockets, NULL), GOSPY_OK);
	assert_int_equal(sockets.len, SOCKETS);
	sockets.len = 0;
	fd = -1;
	ns.id++;
	assert_int_equal(netns_socket(&ns, AF_INET, SOCK_DGRAM, 0, &fd, NULL), GOSPY_E_GONE);
	assert_int_equal(fd, -1);
	assert_int_equal(inet_sockets(&ns, &query, &sockets, NULL), GOSPY_OK);
	assert_int_equal(sockets.len, 0);
	vec_free(&sockets);
	map_deinit(&inodes);
	for (size_t i = 0; i < SOCKETS; i++)
		close(fds[i]);
}

/* Of a process that can make sockets, or cannot: by netlink, or by text. */
static int end_early(void *ctx)
{
	const struct netns own = netns_of(getpid());
	const struct inet_query late = {.deadline_ns = 1}, all = {0};
	inet_vec sockets = {0};
	int fds[2];
	struct cancel cancel;
	if (pipe(fds) || write(fds[1], "", 1) != 1)
		return 1;
	if (ctx)
		refuse_syscall(SYS_socket, EACCES);
	if (inet_sockets(&own, &late, &sockets, NULL) != GOSPY_E_LIMIT)
		return 2;
	cancel_begin(&cancel, fds[0]);
	if (inet_sockets(&own, &all, &sockets, NULL) != GOSPY_E_CANCELLED)
		return 3;
	cancel_end(&cancel);
	if (inet_sockets(&own, &all, &sockets, NULL))
		return 4;
	vec_free(&sockets);
	return 0;
}

/* However long a table is, one may be called off while it is read, and a deadline ends it. */
static void tables_end_early(void **state)
{
	(void)state;
	for (int by_text = 0; by_text < 2; by_text++) {
		int result = child_result(end_early, by_text ? &by_text : NULL);
		if (result == CHILD_CANNOT)
			skip();
		assert_int_equal(result, 0);
	}
}

/* Sockets of this process, with little time for them and with enough. */
static void own_sockets_in_time(void **state)
{
	(void)state;
	const uint64_t budgets_ns[] = {0, 60000000000};
	int fds[SOCKETS];
	struct map inodes = {0};
	inet_vec sockets = {0};
	uint64_t others = 0;
	open_sockets(fds);
	assert_int_equal(sockets_inodes(getpid(), 1, &inodes, NULL), GOSPY_E_LIMIT);
	map_deinit(&inodes);
	assert_int_equal(sockets_of_process(getpid(), getpid(), 1, &sockets, &others, NULL),
			 GOSPY_E_LIMIT);
	assert_int_equal(sockets.len, 0);
	for (size_t i = 0; i < sizeof(budgets_ns) / sizeof(*budgets_ns); i++) {
		assert_int_equal(sockets_of_process(getpid(), getpid(), budgets_ns[i], &sockets,
						    &others, NULL),
				 GOSPY_OK);
		assert_int_equal(sockets.len, SOCKETS);
		assert_int_equal(others, 0);
		vec_free(&sockets);
	}
	for (size_t i = 0; i < SOCKETS; i++)
		close(fds[i]);
}

/* A finder has one budget for all processes that it looks at. */
static void listeners_in_time(void **state)
{
	(void)state;
	enum { BUDGET_NS = 1000000000 };
	int fds[SOCKETS];
	struct listener_finder finder = {.budget_ns = BUDGET_NS, .spent_ns = BUDGET_NS};
	listener_vec found = {0};
	pid_t pid = getpid();
	open_sockets(fds);
	assert_int_equal(listeners_of_process(&finder, pid, pid, 0, &found, NULL), GOSPY_E_LIMIT);
	assert_int_equal(found.len, 0);
	finder.spent_ns = 0;
	assert_int_equal(listeners_of_process(&finder, pid, pid, 0, &found, NULL), GOSPY_OK);
	assert_true(found.len >= LISTENERS);
	assert_true(finder.spent_ns > 0 && finder.spent_ns < BUDGET_NS);
	// The table is known now, but not the descriptors of the process.
	finder.spent_ns = BUDGET_NS;
	assert_int_equal(listeners_of_process(&finder, pid, pid, 0, &found, NULL), GOSPY_E_LIMIT);
	vec_free(&found);
	listener_finder_deinit(&finder);
	for (size_t i = 0; i < SOCKETS; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_parse),         cmocka_unit_test(lines_are_passed_over),
		cmocka_unit_test(attributes_parse),    cmocka_unit_test(answers_parse),
		cmocka_unit_test(packets_parse),       cmocka_unit_test(both_ways_agree),
		cmocka_unit_test(only_that_namespace), cmocka_unit_test(tables_end_early),
		cmocka_unit_test(own_sockets_in_time), cmocka_unit_test(listeners_in_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
