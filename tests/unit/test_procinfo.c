#include "child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "target/procfs.h"
#include "target/sockets.h"

static const char tcp_line[] = "   0: 0100007F:1F90 0200000A:0016 01 00000000:00000000 00:00000000 "
			       "00000000  1000        0 "
			       "4242 1 0000000000000000 100 0 0 10 0\n";
static const char tcp6_line[] =
	"  12: 00000000000000000000000001000000:0050 B80D01200000000067452301EFCDAB89:FFFF 0A "
	"00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0";
static const char udp_line[] = "  999: 00000000:0035 00000000:0000 07 00000000:00000000 "
			       "00:00000000 00000000     0        0 4242 2 0 0\n";

static bool parse(const char *line, size_t len, bool udp, socket_vec *sockets)
{
	struct map inodes = {0};
	*map_put(&inodes, 4242) = 1;
	size_t before = sockets->len;
	assert_true(sockets_parse_line((struct span){(const uint8_t *)line, len}, udp, &inodes,
				       sockets));
	map_deinit(&inodes);
	return sockets->len > before;
}

static void socket_lines_parse(void **state)
{
	(void)state;
	socket_vec sockets = {0};
	assert_true(parse(tcp_line, sizeof(tcp_line) - 1, false, &sockets));
	assert_true(parse(tcp6_line, sizeof(tcp6_line) - 1, false, &sockets));
	assert_true(parse(udp_line, sizeof(udp_line) - 1, true, &sockets));
	assert_string_equal(sockets.at[0].local, "127.0.0.1:8080");
	assert_string_equal(sockets.at[0].remote, "10.0.0.2:22");
	assert_string_equal(sockets.at[0].state, "ESTABLISHED");
	assert_string_equal(sockets.at[1].local, "[::1]:80");
	assert_string_equal(sockets.at[1].remote, "[2001:db8::123:4567:89ab:cdef]:65535");
	assert_string_equal(sockets.at[1].state, "LISTEN");
	assert_string_equal(sockets.at[2].local, "0.0.0.0:53");
	assert_string_equal(sockets.at[2].state, "NONE");
	vec_free(&sockets);
}

static void listening_sockets_are_taken(void **state)
{
	(void)state;
	listener_vec listeners = {0};
	char text[SOCK_ADDR_TEXT];
	bool more;
	static const char heading[] = "  sl  local_address rem_address   st tx_queue rx_queue tr";
	assert_true(listeners_parse_line(
		(struct span){(const uint8_t *)heading, sizeof(heading) - 1}, &listeners, &more));
	assert_true(more);
	assert_true(listeners_parse_line(
		(struct span){(const uint8_t *)tcp6_line, sizeof(tcp6_line) - 1}, &listeners,
		&more));
	assert_true(more);
	// One that does not listen ends them.
	assert_true(listeners_parse_line(
		(struct span){(const uint8_t *)tcp_line, sizeof(tcp_line) - 1}, &listeners, &more));
	assert_false(more);
	assert_int_equal(listeners.len, 1);
	assert_int_equal(listeners.at[0].inode, 4242);
	assert_int_equal(listeners.at[0].local.port, 80);
	sock_addr_text(&listeners.at[0].local, text);
	assert_string_equal(text, "[::1]:80");
	vec_free(&listeners);
}

static void socket_lines_are_passed_over(void **state)
{
	(void)state;
	socket_vec sockets = {0};
	size_t needed = (size_t)(strstr(tcp_line, "4242") - tcp_line) + 4;
	for (size_t len = 0; len < needed; len++)
		assert_false(parse(tcp_line, len, false, &sockets));
	static const char *const bad[] = {
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid",
		"0: 0100007F:1F90 0200000A0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007G:1F90 0200000A:0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:1F9x 0200000A:0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:11F90 0200000A:0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F00:1F90 0200000A:0016 01 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:1F90 0200000A:0016 xx 0:0 0:0 0 1000 0 4242 1",
		"0: 0100007F:1F90 0200000A:0016 01 0:0 0:0 0 1000 0 4243 1",
		"0: 0100007F:1F90 0200000A:0016 01 0:0 0:0 0 1000 0 99999999999999999999 1",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(parse(bad[i], strlen(bad[i]), false, &sockets));
	static const char odd[] = "0: 0100007F:1 0200000A:2 FFFFFFFF 0:0 0:0 0 1000 0 4242";
	assert_false(parse(odd, sizeof(odd) - 1, false, &sockets));
	static const char state_unknown[] =
		"0: 0100007F:0001 0200000A:0002 FFFFFFFF 0:0 0:0 0 1000 0 4242";
	assert_true(parse(state_unknown, sizeof(state_unknown) - 1, false, &sockets));
	assert_string_equal(sockets.at[0].state, "UNKNOWN");
	vec_free(&sockets);
}

/** A socket bound to a free port of 127.0.0.1. */
static int bound_socket(int type, struct sockaddr_in *addr)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	*addr = (struct sockaddr_in){.sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(*addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)addr, len) ||
	    getsockname(fd, (struct sockaddr *)addr, &len))
		skip(); // no network here
	return fd;
}

static const struct gospy_socket *find_socket(const struct gospy_process_info *info, uint16_t port,
					      const char *state)
{
	char local[64];
	snprintf(local, sizeof(local), "127.0.0.1:%u", port);
	for (size_t i = 0; i < info->socket_count; i++) {
		if (!strcmp(info->sockets[i].local, local) &&
		    !strcmp(info->sockets[i].state, state))
			return &info->sockets[i];
	}
	return NULL;
}

static void own_facts(void **state)
{
	(void)state;
	struct sockaddr_in tcp_addr, udp_addr;
	int tcp = bound_socket(SOCK_STREAM, &tcp_addr), udp = bound_socket(SOCK_DGRAM, &udp_addr);
	assert_int_equal(listen(tcp, 1), 0);
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&tcp_addr, sizeof(tcp_addr)), 0);
	int server = accept(tcp, NULL, NULL);

	struct gospy_process_info *info;
	struct gospy_error err;
	assert_int_equal(gospy_process_info_create(getpid(), 1000000, &info, &err), GOSPY_OK);
	assert_int_equal(info->pid, getpid());
	assert_int_equal(info->ppid, getppid());
	assert_int_equal(info->threads, 1);
	assert_true(info->memory_percent > 0 && info->memory_percent < 100);
	assert_true(info->cpu_percent >= 0);
	assert_true(info->cpu_percent_sample >= 0);
	assert_true(info->elapsed_ns < clock_boot_ns());
	const struct passwd *passwd = getpwuid(getuid());
	if (passwd)
		assert_string_equal(info->username, passwd->pw_name);
	assert_non_null(strstr(info->cmdline, "procinfo"));
	assert_true(info->sockets_known);
	uint16_t port = ntohs(tcp_addr.sin_port);
	assert_non_null(find_socket(info, port, "LISTEN"));
	assert_non_null(find_socket(info, port, "ESTABLISHED"));
	const struct gospy_socket *udp_socket = find_socket(info, ntohs(udp_addr.sin_port), "NONE");
	assert_non_null(udp_socket);
	assert_string_equal(udp_socket->remote, "0.0.0.0:0");
	gospy_process_info_destroy(info);
	gospy_process_info_destroy(NULL);
	close(server);
	close(client);
	close(udp);
	close(tcp);
}

static void command_line_is_joined(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c", "kill -STOP $$", "", "x y", (char *)NULL);
		_exit(1);
	}
	struct gospy_process_info *info = NULL;
	struct gospy_error err;
	do {
		gospy_process_info_destroy(info);
		assert_int_equal(gospy_process_info_create(pid, 0, &info, &err), GOSPY_OK);
	} while (!info->cmdline || strncmp(info->cmdline, "sh ", 3) != 0);
	assert_string_equal(info->cmdline, "sh -c kill -STOP $$  x y");
	assert_true(info->cpu_percent_sample < 0);
	gospy_process_info_destroy(info);
	child_end(pid);
	assert_int_equal(gospy_process_info_create(pid, 0, &info, &err), GOSPY_E_GONE);
	assert_int_equal(gospy_process_info_create(0, 0, &info, &err), GOSPY_E_USAGE);
}

static bool leader_is_dead(pid_t pid)
{
	struct proc_stat stat;
	return procfs_stat(pid, 0, &stat, NULL) == GOSPY_OK && stat.state == 'Z';
}

static void dead_leader(void **state)
{
	(void)state;
	struct sockaddr_in addr;
	int fd = bound_socket(SOCK_DGRAM, &addr);
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_dead_leader, shared);
	close(fd);
	WAIT_FOR(leader_is_dead(pid));
	struct gospy_process_info *info;
	struct gospy_error err;
	assert_int_equal(gospy_process_info_create(pid, 0, &info, &err), GOSPY_OK);
	assert_non_null(info->cmdline);
	assert_non_null(strstr(info->cmdline, "procinfo"));
	assert_non_null(find_socket(info, ntohs(addr.sin_port), "NONE"));
	gospy_process_info_destroy(info);
	child_end(pid);
	shared_destroy(shared);
}

static int look_as_nobody(void *arg)
{
	struct gospy_process_info *info;
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return CHILD_CANNOT;
	if (gospy_process_info_create(*(pid_t *)arg, 0, &info, NULL))
		return 1;
	return info->sockets_known || info->socket_count;
}

static void sockets_of_others_are_unknown(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); // nobody else to be
	pid_t pid = getpid();
	int result = child_result(look_as_nobody, &pid);
	if (result == CHILD_CANNOT)
		skip(); // a user namespace without other users
	assert_int_equal(result, 0);
}

/** Fifty milliseconds of work are more than a clock tick, by any clock. */
static void usage_grows(void **state)
{
	(void)state;
	struct gospy_process_usage before, after;
	assert_int_equal(gospy_process_usage(getpid(), &before, NULL), GOSPY_OK);
	assert_true(before.rss > 0 && before.rss != GOSPY_UNKNOWN);
	uint64_t begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_ns < 50000000)
		;
	assert_int_equal(gospy_process_usage(getpid(), &after, NULL), GOSPY_OK);
	assert_true(after.cpu_ns > before.cpu_ns);
	assert_true(after.cpu_ns <= clock_ns(CLOCK_PROCESS_CPUTIME_ID) + 20000000);
	assert_true(after.mono_ns > before.mono_ns);
	assert_int_equal(gospy_process_usage(INT_MAX, &after, NULL), GOSPY_E_GONE);
}

/** What gospy_process_list_create gives if the kernel answers getdents64 with `os_errno`. */
static int list_refused(void *os_errno)
{
	struct gospy_process_list *list;
	struct gospy_error err;
	refuse_syscall(SYS_getdents64, *(const int *)os_errno);
	return gospy_process_list_create(&list, &err) == GOSPY_E_OS &&
			       strstr(err.msg, "cannot list /proc")
		       ? 0
		       : 1;
}

/** A list that could not be read to its end is no list. */
static void a_list_is_whole(void **state)
{
	(void)state;
	int os_errno = EIO;
	int status = child_result(list_refused, &os_errno);
	if (status == CHILD_CANNOT)
		skip();
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(socket_lines_parse),
		cmocka_unit_test(listening_sockets_are_taken),
		cmocka_unit_test(socket_lines_are_passed_over),
		cmocka_unit_test(own_facts),
		cmocka_unit_test(usage_grows),
		cmocka_unit_test(command_line_is_joined),
		cmocka_unit_test(dead_leader),
		cmocka_unit_test(sockets_of_others_are_unknown),
		cmocka_unit_test(a_list_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
