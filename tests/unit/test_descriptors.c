/* descriptors.c: what this process has open itself, and of which it has all other ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "machine/descriptors.h"
#include "machine/inet.h"
#include "machine/socket_protocol.h"
#include "machine/unix_sockets.h"

static void text_of(int fd, bool peer, char text[SOCK_ADDR_TEXT])
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	int failed = peer ? getpeername(fd, (struct sockaddr *)&addr, &len)
			  : getsockname(fd, (struct sockaddr *)&addr, &len);
	assert_int_equal(failed, 0);
	snprintf(text, SOCK_ADDR_TEXT, "127.0.0.1:%u", ntohs(addr.sin_port));
}

/* A connection within this process: the listener is a socket of IPv6 and IPv4, so that its end has
 * addresses that are mapped. */
static void make_connection(int *listener, int *client, int *served)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT};
	struct sockaddr_in loopback = {.sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(any);
	*listener = socket(AF_INET6, SOCK_STREAM, 0);
	if (*listener < 0)
		skip();
	assert_int_equal(bind(*listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(*listener, 1), 0);
	assert_int_equal(getsockname(*listener, (struct sockaddr *)&any, &len), 0);
	loopback.sin_port = any.sin6_port;
	*client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*client, (struct sockaddr *)&loopback, sizeof(loopback)), 0);
	*served = accept(*listener, NULL, NULL);
	assert_true(*served >= 0);
}

static const struct gospy_descriptor *find(const struct gospy_descriptor *list, size_t n, int fd)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(!i || list[i - 1].fd < list[i].fd);
		if (list[i].fd == fd)
			return &list[i];
	}
	return NULL;
}

static void test_own(void **state)
{
	(void)state;
	int listener, client, served, ends[2], pair[2];
	char local[SOCK_ADDR_TEXT], remote[SOCK_ADDR_TEXT];
	make_connection(&listener, &client, &served);
	assert_int_equal(write(client, "unread", 6), 6);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	descriptor_numbers fds = {0};
	const int all[] = {served, client, client, listener, ends[0], ends[1], pair[0], 999999};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_true(vec_push(&fds, all[i]));
	struct arena arena = {0};
	const struct gospy_descriptor *list;
	size_t n;
	assert_int_equal(descriptors_find(getpid(), &fds, &arena, &list, &n, NULL), GOSPY_OK);
	assert_int_equal(n, 6);
	text_of(client, false, local);
	text_of(client, true, remote);
	const struct gospy_descriptor *d = find(list, n, client);
	assert_string_equal(d->type, "tcp");
	assert_string_equal(d->local, local);
	assert_string_equal(d->remote, remote);
	assert_string_equal(d->state, "ESTABLISHED");
	assert_int_equal(d->peer_pid, getpid());
	d = find(list, n, served);
	assert_string_equal(d->local, remote);
	assert_string_equal(d->remote, local);
	assert_int_equal(d->peer_pid, getpid());
	assert_int_equal(d->receive_queue, 6);
	d = find(list, n, listener);
	assert_string_equal(d->state, "LISTEN");
	assert_null(d->remote);
	assert_int_equal(d->peer_pid, 0);
	for (size_t i = 0; i < 2; i++) {
		d = find(list, n, ends[i]);
		assert_string_equal(d->type, "pipe");
		assert_true(d->receive_queue == GOSPY_UNKNOWN && d->send_queue == GOSPY_UNKNOWN);
		assert_int_equal(d->peer_pid, getpid());
	}
	assert_string_equal(find(list, n, pair[0])->type, "unix");
	// Nobody has the other end any more.
	close(ends[1]);
	assert_int_equal(descriptors_find(getpid(), &fds, &arena, &list, &n, NULL), GOSPY_OK);
	assert_int_equal(find(list, n, ends[0])->peer_pid, 0);
	const int left[] = {listener, client, served, ends[0], pair[0], pair[1]};
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		close(left[i]);
	vec_free(&fds);
	arena_deinit(&arena);
}

/* Has the other end of this one never read anything? */
static void expect_unread(descriptor_numbers *fds, int fd, bool unread)
{
	struct arena arena = {0};
	const struct gospy_descriptor *list;
	size_t n;
	assert_int_equal(descriptors_find(getpid(), fds, &arena, &list, &n, NULL), GOSPY_OK);
	assert_int_equal(find(list, n, fd)->unread_ns != GOSPY_UNKNOWN, unread);
	arena_deinit(&arena);
}

/* A connection that nobody has accepted is nobody's, and what came there was not read. */
static void test_not_accepted(void **state)
{
	(void)state;
	int listener, client, served, second = socket(AF_INET, SOCK_STREAM, 0);
	make_connection(&listener, &client, &served);
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	assert_int_equal(getpeername(client, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(connect(second, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(write(second, "hello", 5), 5);
	descriptor_numbers fds = {0};
	assert_true(vec_push(&fds, second) && vec_push(&fds, client));
	struct arena arena = {0};
	const struct gospy_descriptor *list;
	size_t n;
	assert_int_equal(descriptors_find(getpid(), &fds, &arena, &list, &n, NULL), GOSPY_OK);
	assert_int_equal(find(list, n, second)->peer_pid, 0);
	assert_int_equal(find(list, n, client)->peer_pid, getpid());
	if (find(list, n, second)->received != GOSPY_UNKNOWN)
		expect_unread(&fds, second, true);
	expect_unread(&fds, client, false);
	close(second);
	close(listener);
	close(client);
	close(served);
	vec_free(&fds);
	arena_deinit(&arena);
}

/* Who has sent, and what has come back, the kernel says; where it does not, nothing is known. */
static void test_silence(void **state)
{
	(void)state;
	int listener, client, served;
	make_connection(&listener, &client, &served);
	assert_int_equal(write(client, "hello", 5), 5);
	descriptor_numbers fds = {0};
	assert_true(vec_push(&fds, client) && vec_push(&fds, served) && vec_push(&fds, listener));
	struct arena arena = {0};
	const struct gospy_descriptor *list, *d;
	size_t n;
	// It comes to the other end in its own time.
	do {
		assert_int_equal(descriptors_find(getpid(), &fds, &arena, &list, &n, NULL),
				 GOSPY_OK);
		d = find(list, n, served);
	} while (d->received != GOSPY_UNKNOWN && !d->received);
	if (d->received != GOSPY_UNKNOWN) {
		assert_int_equal(d->received, 5);
		assert_true(d->received_ago_ns < UINT64_C(60000000000));
		d = find(list, n, client);
		assert_int_equal(d->received, 0);
		assert_true(d->sent == 5 || d->sent == GOSPY_UNKNOWN);
		assert_true(d->sent_ago_ns <= d->received_ago_ns);
		expect_unread(&fds, client, true);
		// What was read once may be read again.
		char byte;
		assert_int_equal(read(served, &byte, 1), 1);
		expect_unread(&fds, client, false);
	}
	close(listener);
	close(client);
	close(served);
	vec_free(&fds);
	arena_deinit(&arena);
}

static uint64_t inode_of(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Does the kernel tell of Unix sockets by netlink? */
static bool can_ask(int fd)
{
	struct map inodes = {0};
	unix_vec found = {0};
	const struct netns own = netns_of(getpid());
	assert_non_null(map_put(&inodes, inode_of(fd)));
	assert_int_equal(unix_sockets(&own, &inodes, 0, &found, NULL), GOSPY_OK);
	bool can = found.len;
	vec_free(&found);
	map_deinit(&inodes);
	return can;
}

/* A server with an abstract name, and a client: the other end's name is that of the server. */
static void test_unix(void **state)
{
	(void)state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char name[64];
	snprintf(name, sizeof(name), "@gospy-test-%d", (int)getpid());
	memcpy(addr.sun_path + 1, name + 1, strlen(name) - 1);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(server, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(server, 1), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&addr, len), 0);
	int served = accept(server, NULL, NULL), pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	const int all[] = {server, client, served, pair[0], pair[1]};
	const size_t count = sizeof(all) / sizeof(all[0]);
	if (!can_ask(server))
		skip();
	struct arena arena = {0};
	descriptor_numbers fds = {0};
	const struct gospy_descriptor *list;
	size_t n;
	for (size_t i = 0; i < count; i++)
		assert_true(vec_push(&fds, all[i]));
	assert_int_equal(descriptors_find(getpid(), &fds, &arena, &list, &n, NULL), GOSPY_OK);
	assert_int_equal(n, count);
	const struct gospy_descriptor *d = find(list, n, server);
	assert_string_equal(d->type, "unix");
	assert_string_equal(d->local, name);
	assert_int_equal(d->peer_pid, 0);
	d = find(list, n, client);
	assert_null(d->local);
	assert_string_equal(d->remote, name);
	assert_int_equal(d->peer_pid, getpid());
	d = find(list, n, served);
	assert_string_equal(d->local, name);
	assert_null(d->remote);
	assert_int_equal(d->peer_pid, getpid());
	d = find(list, n, pair[1]);
	assert_string_equal(d->type, "unix");
	assert_null(d->local);
	assert_null(d->remote);
	assert_int_equal(d->peer_pid, getpid());
	for (size_t i = 0; i < count; i++)
		close(all[i]);
	vec_free(&fds);
	arena_deinit(&arena);
}

/* A process may have put something else in the place of the socket that its descriptor was. */
static void test_no_longer_that_socket(void **state)
{
	(void)state;
	char directory[] = "/tmp/gospy-test-XXXXXX", protocol[SOCKET_PROTOCOL];
	assert_non_null(mkdtemp(directory));
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/socket", directory);
	int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0), ends[2];
	assert_int_equal(bind(socket_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(pipe(ends), 0);
	// Of the same type as a socket, but in a file system, which may be anybody's.
	int file = open(addr.sun_path, O_PATH);
	assert_true(file >= 0);
	const int last = dup(0);
	close(last);
	const uint64_t inode = inode_of(socket_fd);
	assert_true(socket_protocol(getpid(), (uint64_t)socket_fd, inode, protocol));
	assert_int_equal(strncmp(protocol, "UNIX", 4), 0);
	assert_false(socket_protocol(getpid(), (uint64_t)socket_fd, inode + 1, protocol));
	assert_false(socket_protocol(getpid(), (uint64_t)file, inode_of(file), protocol));
	assert_false(socket_protocol(getpid(), (uint64_t)ends[0], inode_of(ends[0]), protocol));
	assert_false(socket_protocol(getpid(), (uint64_t)last, inode, protocol));
	// Nothing was left open.
	assert_int_equal(dup(0), last);
	close(last);
	close(file);
	close(socket_fd);
	close(ends[0]);
	close(ends[1]);
	unlink(addr.sun_path);
	rmdir(directory);
}

/* Messages that end anywhere, and attributes that claim to be longer than they are. */
static void test_unix_answers(void **state)
{
	(void)state;
	struct {
		struct unix_diag_msg msg;
		struct rtattr name;
		char path[8];
		struct rtattr peer;
		uint32_t inode;
	} answer = {
		.msg = {.udiag_family = AF_UNIX, .udiag_ino = 7},
		.name = {.rta_len = RTA_LENGTH(6), .rta_type = UNIX_DIAG_NAME},
		.path = {'\0', 'a', '\0', 'b', '/', 'c'},
		.peer = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = UNIX_DIAG_PEER},
		.inode = 8,
	};
	struct unix_socket socket;
	struct span bytes = {(const uint8_t *)&answer, sizeof(answer)};
	assert_true(unix_parse_diag(bytes, &socket));
	assert_int_equal(socket.inode, 7);
	assert_int_equal(socket.peer, 8);
	assert_string_equal(socket.name, "@a@b/c");
	for (size_t len = 0; len < sizeof(answer); len++) {
		uint8_t *copy = malloc(len ? len : 1);
		memcpy(copy, &answer, len);
		bool parsed = unix_parse_diag((struct span){copy, len}, &socket);
		assert_int_equal(parsed, len >= sizeof(answer.msg));
		assert_true(!parsed || !socket.peer);
		free(copy);
	}
	answer.name.rta_len = UINT16_MAX;
	assert_true(unix_parse_diag(bytes, &socket));
	assert_string_equal(socket.name, "");
	answer.name.rta_len = 0;
	assert_true(unix_parse_diag(bytes, &socket));
	assert_int_equal(socket.peer, 0);
	answer.msg.udiag_family = AF_INET;
	assert_false(unix_parse_diag(bytes, &socket));
}

static void test_mapped_addresses(void **state)
{
	(void)state;
	struct sock_addr four = {.ip = {10, 0, 0, 1}, .port = 80}, six = {.v6 = true, .port = 80};
	six.ip[10] = six.ip[11] = 0xff;
	memcpy(six.ip + 12, four.ip, 4);
	assert_true(sock_addr_pair(&four, &six) == sock_addr_pair(&six, &four));
	six.port = 81;
	assert_true(sock_addr_pair(&four, &six) != sock_addr_pair(&six, &four));
	six.ip[0] = 1;
	assert_true(sock_addr_plain(&six).v6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_not_accepted),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_unix_answers),
		cmocka_unit_test(test_no_longer_that_socket),
		cmocka_unit_test(test_mapped_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
