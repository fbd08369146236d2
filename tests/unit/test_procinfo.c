#include "child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "live/procfs.h"

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
	assert_int_equal(info->other_sockets, 0);
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

static void run_two_threads(struct shared *shared)
{
	thread_start(sleeping_thread, NULL);
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

/** A thread is no process, and what is said of it would be of another. */
static void threads_are_refused(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_two_threads, shared);
	pid_vec tids = {0};
	assert_int_equal(procfs_tids(pid, &tids, NULL), GOSPY_OK);
	assert_int_equal(tids.len, 2);
	pid_t tid = tids.at[0] == pid ? tids.at[1] : tids.at[0];
	struct gospy_process_info *info;
	struct gospy_process_usage usage;
	struct gospy_error err;
	char msg[128];
	snprintf(msg, sizeof(msg), "there is no process %d; it is a thread of process %d", tid,
		 pid);
	assert_int_equal(gospy_process_info_create(tid, 0, &info, &err), GOSPY_E_GONE);
	assert_string_equal(err.msg, msg);
	assert_int_equal(gospy_process_usage(tid, &usage, &err), GOSPY_E_GONE);
	assert_string_equal(err.msg, msg);
	vec_free(&tids);
	child_end(pid);
	shared_destroy(shared);
}

/** A socket that waits for connections on a free port, or -1. */
static int listening_socket(struct sockaddr_in *addr)
{
	int fd = bound_socket(SOCK_STREAM, addr);
	return fd >= 0 && listen(fd, 1) == 0 ? fd : -1;
}

/* Runs in the child: by the index in shared.tid. */
enum { PORT_STAYS, PORT_LEAVES };

/** Enters a network namespace of its own, listens there and, if it is to leave, comes back. */
static void listen_elsewhere(struct shared *shared, int which)
{
	struct sockaddr_in addr = {0};
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	bool there = unshare(CLONE_NEWNET) == 0 && listening_socket(&addr) >= 0;
	if (which == PORT_LEAVES && setns(home, CLONE_NEWNET))
		there = false;
	close(home);
	atomic_store(&shared->tid[which], there ? ntohs(addr.sin_port) : -1);
}

static void *stay_elsewhere(void *shared)
{
	listen_elsewhere(shared, PORT_STAYS);
	sleep_forever();
	return NULL;
}

static void *come_back(void *shared)
{
	listen_elsewhere(shared, PORT_LEAVES);
	sleep_forever();
	return NULL;
}

static void run_in_namespaces(struct shared *shared)
{
	thread_start(stay_elsewhere, shared);
	thread_start(come_back, shared);
	WAIT_FOR(atomic_load(&shared->tid[PORT_STAYS]) && atomic_load(&shared->tid[PORT_LEAVES]));
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

/** A thread may be in another namespace than the leader; of one that it has left, its socket is
 * known to be there. What is not of TCP or UDP counts in no case. */
static void sockets_of_other_namespaces(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid = child_start(run_in_namespaces, shared);
	close(unix_socket);
	int stays = atomic_load(&shared->tid[PORT_STAYS]);
	if (stays < 0 || atomic_load(&shared->tid[PORT_LEAVES]) < 0) {
		child_end(pid);
		skip(); // no namespaces here
	}
	struct gospy_process_info *info;
	assert_int_equal(gospy_process_info_create(pid, 0, &info, NULL), GOSPY_OK);
	assert_non_null(find_socket(info, (uint16_t)stays, "LISTEN"));
	assert_int_equal(info->socket_count, 1);
	assert_int_equal(info->other_sockets, 1);
	gospy_process_info_destroy(info);
	child_end(pid);
	shared_destroy(shared);
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
	assert_true(before.rss_max >= before.rss && before.rss_max != GOSPY_UNKNOWN);
	struct gospy_thread_usage thread;
	assert_int_equal(gospy_thread_usage(getpid(), getpid(), &thread, NULL), GOSPY_OK);
	uint64_t thread_ns = thread.cpu_ns;
	uint64_t begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_ns < 50000000)
		;
	assert_int_equal(gospy_process_usage(getpid(), &after, NULL), GOSPY_OK);
	assert_true(after.cpu_ns > before.cpu_ns);
	assert_true(after.cpu_ns <= clock_ns(CLOCK_PROCESS_CPUTIME_ID) + 20000000);
	assert_true(after.mono_ns > before.mono_ns);
	assert_int_equal(gospy_process_usage(INT_MAX, &after, NULL), GOSPY_E_GONE);
	assert_int_equal(gospy_thread_usage(getpid(), getpid(), &thread, NULL), GOSPY_OK);
	assert_true(thread.cpu_ns > thread_ns);
	assert_true(thread.cpu_ns <= clock_ns(CLOCK_PROCESS_CPUTIME_ID) + 20000000);
	assert_int_equal(gospy_thread_usage(getpid(), INT_MAX, &thread, NULL), GOSPY_E_GONE);
	assert_int_equal(gospy_thread_usage(getpid(), 0, &thread, NULL), GOSPY_E_USAGE);
}

/** Sleeps in vfork, uninterruptibly, until it is killed with the child of it. */
static int sleep_in_vfork(void *ignored)
{
	(void)ignored;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pid_t parent = getpid();
	if (vfork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		// The parent may have been killed before.
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	return 0;
}

static void the_state_of_a_thread(void **state)
{
	(void)state;
	struct gospy_thread_state first, then, own;
	pid_t pid = fork();
	if (pid == 0)
		_exit(sleep_in_vfork(NULL));
	assert_true(pid > 0);
	do {
		assert_int_equal(gospy_thread_state(pid, pid, &first, NULL), GOSPY_OK);
	} while (first.state != 'D' || first.syscall != SYS_vfork);
	// It stays in the same sleep.
	assert_int_equal(gospy_thread_state(pid, pid, &then, NULL), GOSPY_OK);
	assert_int_equal(then.state, 'D');
	if (first.switches != GOSPY_UNKNOWN) {
		assert_int_equal(gospy_thread_state(pid, pid, &first, NULL), GOSPY_OK);
		assert_int_equal(then.switches, first.switches);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(gospy_thread_state(getpid(), gettid(), &own, NULL), GOSPY_OK);
	assert_int_equal(own.state, 'R');
	assert_int_equal(gospy_thread_state(getpid(), INT_MAX, &own, NULL), GOSPY_E_GONE);
	assert_int_equal(gospy_thread_state(getpid(), 0, &own, NULL), GOSPY_E_USAGE);
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
		cmocka_unit_test(own_facts),
		cmocka_unit_test(usage_grows),
		cmocka_unit_test(the_state_of_a_thread),
		cmocka_unit_test(command_line_is_joined),
		cmocka_unit_test(sockets_of_other_namespaces),
		cmocka_unit_test(threads_are_refused),
		cmocka_unit_test(dead_leader),
		cmocka_unit_test(sockets_of_others_are_unknown),
		cmocka_unit_test(a_list_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
