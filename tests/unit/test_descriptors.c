/* descriptors.c: what this process has open itself, and of which it has all other ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "machine/descriptors.h"
#include "machine/inet.h"

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
	d = find(list, n, listener);
	assert_string_equal(d->state, "LISTEN");
	assert_null(d->remote);
	assert_int_equal(d->peer_pid, 0);
	for (size_t i = 0; i < 2; i++) {
		d = find(list, n, ends[i]);
		assert_string_equal(d->type, "pipe");
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
		cmocka_unit_test(test_mapped_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
