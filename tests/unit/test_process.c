#include "child.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "live/diagnose.h"
#include "live/pause.h"
#include "live/process.h"

static const uint64_t cap_ptrace = UINT64_C(1) << CAP_SYS_PTRACE;
static const uint64_t cap_dac = UINT64_C(1) << CAP_DAC_READ_SEARCH;

/** An ordinary user and an ordinary program of the same user. */
static struct eperm_facts ordinary(void)
{
	return (struct eperm_facts){
		.access = PROCESS_READ_MEMORY,
		.pid = 4711,
		.comm = "api-server",
		.tracer_comm = "?",
		.yama_scope = -1,
		.user_ns = USER_NS_OWN,
		.dumpable = true,
		.uid = 1000,
		.euid = 1000,
		.gid = 1000,
		.files_uid = 1000,
		.files_user = "jo",
		.target_uid = 1000,
		.target_euid = 1000,
		.target_gid = 1000,
		.target_egid = 1000,
		.target_user = "jo",
	};
}

static void explains(const struct eperm_facts *facts, const char *cause_and_remedy)
{
	struct gospy_error err;
	char msg[400];
	snprintf(msg, sizeof(msg), "cannot %s pid 4711 (api-server): %s",
		 facts->access == PROCESS_STOP ? "stop" : "read the memory of", cause_and_remedy);
	assert_int_equal(diagnose_explain(facts, &err), GOSPY_E_PERM);
	assert_int_equal(err.code, GOSPY_E_PERM);
	assert_int_equal(err.os_errno, EPERM);
	assert_string_equal(err.msg, msg);
	assert_int_equal(diagnose_explain(facts, NULL), GOSPY_E_PERM);
}

static void causes_for_everybody(void **state)
{
	(void)state;
	struct eperm_facts facts = ordinary();
	facts.cap_effective = facts.cap_permitted = cap_ptrace;
	facts.yama_scope = 3;
	explains(&facts, "kernel.yama.ptrace_scope is 3, which forbids it to everybody; "
			 "try: set it to 1 in /etc/sysctl.d and reboot");
	facts.ptrace_filtered = true;
	facts.tracer_pid = 12;
	facts.tracer_comm = "dlv";
	// Reading needs neither ptrace(2) nor to be the only one.
	explains(&facts, "kernel.yama.ptrace_scope is 3, which forbids it to everybody; "
			 "try: set it to 1 in /etc/sysctl.d and reboot");
	facts.access = PROCESS_STOP;
	explains(&facts, "dlv (pid 12) is tracing it; try: --non-blocking");
	facts.tracer_pid = 0;
	explains(&facts, "a seccomp filter keeps gospy from using ptrace; "
			 "try: --non-blocking, or gospy outside of this container");
	facts.self = true;
	explains(&facts, "a process cannot stop itself; try: --non-blocking");
}

static void causes_for_the_capable(void **state)
{
	(void)state;
	struct eperm_facts facts = ordinary();
	facts.cap_effective = facts.cap_permitted = cap_ptrace;
	facts.cap_effective |= cap_dac;
	facts.uid = facts.euid = facts.gid = 0;
	explains(&facts, "a security module such as SELinux or AppArmor refused; "
			 "try: look for the denial in the kernel log (dmesg)");
	facts.user_ns = USER_NS_UNKNOWN;
	explains(&facts, "a security module such as SELinux or AppArmor refused, or it lives in "
			 "another user namespace; "
			 "try: look for the denial in the kernel log (dmesg)");
	facts.access = PROCESS_STOP;
	facts.user_ns = USER_NS_OWN;
	explains(&facts, "a security module such as SELinux or AppArmor refused, or a process that "
			 "gospy cannot see is tracing it; "
			 "try: look for the denial in the kernel log (dmesg)");
	facts.user_ns = USER_NS_OTHER;
	explains(&facts, "it lives in a user namespace where gospy has no CAP_SYS_PTRACE; "
			 "try: gospy as root outside of this container");
}

static void the_capable_need_files_too(void **state)
{
	(void)state;
	static const char module[] = "a security module such as SELinux or AppArmor refused; "
				     "try: look for the denial in the kernel log (dmesg)";
	struct eperm_facts facts = ordinary();
	facts.cap_effective = facts.cap_permitted = cap_ptrace;
	explains(&facts, module);
	facts.files_uid = 0;
	facts.files_user = "root";
	explains(&facts, "its files in /proc belong to user root; to open them gospy needs "
			 "CAP_DAC_READ_SEARCH besides CAP_SYS_PTRACE; "
			 "try: sudo gospy ..., or give it both capabilities");
	facts.cap_effective = cap_ptrace | cap_dac;
	explains(&facts, module);
	facts.cap_effective = cap_ptrace | UINT64_C(1) << CAP_DAC_OVERRIDE;
	explains(&facts, module);
	// Root in a container that has only the one capability.
	facts.cap_effective = cap_ptrace;
	facts.uid = facts.euid = facts.gid = 0;
	facts.files_uid = 1000;
	facts.files_user = "jo";
	explains(&facts, "its files in /proc belong to user jo; to open them gospy needs "
			 "CAP_DAC_READ_SEARCH besides CAP_SYS_PTRACE; "
			 "try: docker run --cap-add=DAC_READ_SEARCH");
}

static void causes_for_users(void **state)
{
	(void)state;
	struct eperm_facts facts = ordinary();
	explains(&facts, "the kernel refused; try: sudo gospy ...");
	facts.yama_scope = 1;
	explains(&facts, "kernel.yama.ptrace_scope is 1, which allows it to the parent only; "
			 "try: sudo gospy ...");
	facts.yama_scope = 2;
	explains(&facts, "kernel.yama.ptrace_scope is 2, which asks for CAP_SYS_PTRACE; "
			 "try: sudo gospy ...");
	facts.target_cap_permitted = 1 << CAP_NET_BIND_SERVICE;
	explains(&facts, "it has capabilities that gospy lacks; try: sudo gospy ...");
	facts.dumpable = false;
	explains(&facts,
		 "it is not dumpable (a set-user-ID program, one with file capabilities, or "
		 "it chose so by prctl); try: sudo gospy ...");
	facts.target_egid = 5;
	explains(&facts, "it runs as another group (5); try: sudo gospy ...");
	facts.target_euid = 0;
	facts.target_user = "root";
	explains(&facts, "it belongs to user root; try: sudo gospy ...");
}

static void causes_for_powerless_root(void **state)
{
	(void)state;
	struct eperm_facts facts = ordinary();
	facts.uid = facts.euid = facts.gid = 0;
	explains(&facts, "it belongs to user jo, and root here lacks CAP_SYS_PTRACE; try: docker "
			 "run --cap-add=SYS_PTRACE, or gospy outside of this container");
}

static void opens_and_notices_the_end(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	struct gospy_error err;
	pid_t pid = child_start(run_sleeper, shared);
	struct process process;
	assert_int_equal(process_open(pid, &process, &err), GOSPY_OK);
	assert_int_equal(process.pid, pid);
	assert_int_equal(process.live_tid, pid);
	assert_true(process.exe_ino != 0);
	assert_int_equal(process_check(&process, &err), GOSPY_OK);

	// The descriptor is of this process, and knows that it lives. Without it the time tells.
	struct process other = process;
	other.start_ticks++;
	other.pidfd = -1;
	assert_int_equal(process_check(&other, &err), GOSPY_E_GONE);
	assert_non_null(strstr(err.msg, "another process has that pid"));

	kill(pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	assert_int_equal(process_check(&process, &err), GOSPY_E_GONE);
	process_close(&process);
	// The next is as on a kernel without pidfds.
	assert_int_equal(process_check(&process, &err), GOSPY_E_GONE);
	assert_int_equal(process_open(pid, &other, &err), GOSPY_E_GONE);
	waitpid(pid, NULL, 0);
	assert_int_equal(process_check(&process, &err), GOSPY_E_GONE);
	assert_int_equal(process_open(pid, &other, &err), GOSPY_E_GONE);
	shared_destroy(shared);
}

static void refuses_what_is_no_process(void **state)
{
	(void)state;
	struct gospy_error err;
	struct process process;
	static const pid_t none[] = {0, -1, INT32_MAX};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(process_open(none[i], &process, &err), GOSPY_E_GONE);
		assert_non_null(strstr(err.msg, "no process with pid"));
	}
	struct proc_stat stat;
	if (procfs_stat(2, 0, &stat, NULL) == GOSPY_OK && stat.kthread) {
		assert_int_equal(process_open(2, &process, &err), GOSPY_E_NOT_GO);
		assert_string_equal(err.msg, "pid 2 is a kernel thread");
	}
}

static void *report_tid(void *arg)
{
	struct shared *shared = arg;
	atomic_store(&shared->tid[0], gettid());
	atomic_store(&shared->ready, 1);
	sleep_forever();
	return NULL;
}

static void run_two_threads(struct shared *shared)
{
	thread_start(report_tid, shared);
	sleep_forever();
}

static void refuses_a_thread_id(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_two_threads, shared);
	struct gospy_error err;
	struct process process;
	char msg[80];
	int tid = atomic_load(&shared->tid[0]);
	snprintf(msg, sizeof(msg), "there is no process %d; it is a thread of process %d", tid,
		 pid);
	assert_int_equal(process_open(tid, &process, &err), GOSPY_E_GONE);
	assert_string_equal(err.msg, msg);
	child_end(pid);
	shared_destroy(shared);
}

static char leader_state(pid_t pid)
{
	struct proc_stat stat;
	return procfs_stat(pid, 0, &stat, NULL) ? '?' : stat.state;
}

static void run_leader_ends(struct shared *shared)
{
	thread_start(report_tid, shared);
	WAIT_FOR(atomic_load(&shared->go));
	pthread_exit(NULL);
}

static void lives_on_without_its_leader(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_leader_ends, shared);
	struct process process, again;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	assert_int_equal(process.live_tid, pid);
	atomic_store(&shared->go, 1);
	WAIT_FOR(leader_state(pid) == 'Z');
	assert_int_equal(process_check(&process, NULL), GOSPY_OK);
	assert_int_equal(process.live_tid, atomic_load(&shared->tid[0]));
	assert_int_equal(process_open(pid, &again, NULL), GOSPY_OK);
	assert_int_equal(again.live_tid, process.live_tid);
	assert_true(again.exe_ino == process.exe_ino && again.exe_dev == process.exe_dev);
	process_close(&again);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

/** At no moment of the leader's end is the process taken for one that has ended. */
static void opens_while_its_leader_ends(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct shared *shared = shared_create();
		pid_t pid = child_start(run_leader_ends, shared);
		atomic_store(&shared->go, 1);
		char leader;
		do {
			struct process process;
			leader = leader_state(pid);
			assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
			assert_int_equal(process_check(&process, NULL), GOSPY_OK);
			process_close(&process);
		} while (leader != 'Z');
		child_end(pid);
		shared_destroy(shared);
	}
}

static void run_exec(struct shared *shared)
{
	atomic_store(&shared->ready, 1);
	WAIT_FOR(atomic_load(&shared->go));
	execl("/bin/sleep", "sleep", "1000", (char *)NULL);
}

static void notices_exec(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_exec, shared);
	struct process process;
	struct gospy_error err;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	atomic_store(&shared->go, 1);
	WAIT_FOR(process_check(&process, &err) != GOSPY_OK);
	assert_int_equal(err.code, GOSPY_E_GONE);
	assert_non_null(strstr(err.msg, "runs another program now (exec)"));
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

/** The next time that the child has stopped itself. */
static void wait_stopped(pid_t pid)
{
	int status;
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
}

/** An exec of the very same file, at the same addresses. */
static void notices_exec_of_itself(void **state)
{
	(void)state;
	struct process process;
	struct gospy_error err;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		personality(ADDR_NO_RANDOMIZE);
		execl("/bin/sh", "sh", "-c", "kill -STOP $$; exec /bin/sh -c 'kill -STOP $$'",
		      (char *)NULL);
		_exit(1);
	}
	wait_stopped(pid);
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	assert_int_equal(process_check(&process, NULL), GOSPY_OK);
	kill(pid, SIGCONT);
	wait_stopped(pid);
	assert_int_equal(process_check(&process, &err), GOSPY_E_GONE);
	assert_non_null(strstr(err.msg, "has executed a new program"));
	// The new program is why, whatever failed.
	err_set(&err, GOSPY_E_NOT_GO, "not a Go program");
	assert_int_equal(process_explain(&process, GOSPY_E_NOT_GO, &err), GOSPY_E_GONE);
	assert_non_null(strstr(err.msg, "has executed a new program"));
	process_close(&process);
	child_end(pid);
}

static void diagnoses_a_tracer(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_sleeper, shared);
	if (ptrace(PTRACE_SEIZE, pid, NULL, NULL)) {
		child_end(pid);
		skip(); // ptrace is not allowed here
	}
	struct gospy_error err;
	char msg[200];
	prctl(PR_SET_NAME, "\033[1mtracer\177\200");
	snprintf(msg, sizeof(msg), ": ?[1mtracer?? (pid %d) is tracing it; try: --non-blocking",
		 getpid());
	assert_int_equal(diagnose_eperm(pid, PROCESS_STOP, &err), GOSPY_E_PERM);
	assert_non_null(strstr(err.msg, msg));
	child_end(pid);
	assert_int_equal(diagnose_eperm(pid, PROCESS_STOP, &err), GOSPY_E_GONE);
	shared_destroy(shared);
}

static void run_not_dumpable(struct shared *shared)
{
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		_exit(CHILD_CANNOT);
	prctl(PR_SET_DUMPABLE, 0);
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

static int diagnose_as_nobody(void *arg)
{
	struct gospy_error err;
	struct process process;
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		return CHILD_CANNOT;
	if (process_open(*(pid_t *)arg, &process, &err) != GOSPY_E_PERM)
		return 1;
	return strstr(err.msg, "): it is not dumpable (") == NULL;
}

static void diagnoses_not_dumpable(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); // nobody else to be
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_not_dumpable, shared);
	int result = child_result(diagnose_as_nobody, &pid);
	child_end(pid);
	shared_destroy(shared);
	if (result == CHILD_CANNOT)
		skip(); // a user namespace without other users
	assert_int_equal(result, 0);
}

struct filtered {
	pid_t pid;
	int os_errno; /* what ptrace(2) gets */
};

static int stop_filtered(void *arg)
{
	const struct filtered *test = arg;
	struct process process;
	struct gospy_error err;
	if (process_open(test->pid, &process, &err))
		return 1;
	refuse_syscall(SYS_ptrace, test->os_errno);
	if (pause_probe(&process, &err) != GOSPY_E_PERM ||
	    !strstr(err.msg, ": a seccomp filter keeps gospy from using ptrace;"))
		return 2;
	struct moment moment;
	const struct moment_work nothing = {.all = true}; // a sleeper would not be stopped else
	if (pause_run(&process, UINT64_MAX, &nothing, &moment, &err) != GOSPY_E_PERM ||
	    !strstr(err.msg, ": a seccomp filter keeps gospy from using ptrace;"))
		return 3;
	moment_deinit(&moment);
	process_close(&process);
	return 0;
}

static void diagnoses_seccomp(void **state)
{
	(void)state;
	static const int answers[] = {EPERM, EACCES, ENOSYS};
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_sleeper, shared);
	int result = 0;
	for (size_t i = 0; !result && i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct filtered test = {pid, answers[i]};
		result = child_result(stop_filtered, &test);
	}
	child_end(pid);
	shared_destroy(shared);
	if (result == CHILD_CANNOT)
		skip(); // no seccomp filters here
	assert_int_equal(result, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(causes_for_everybody),
		cmocka_unit_test(causes_for_the_capable),
		cmocka_unit_test(the_capable_need_files_too),
		cmocka_unit_test(causes_for_users),
		cmocka_unit_test(causes_for_powerless_root),
		cmocka_unit_test(opens_and_notices_the_end),
		cmocka_unit_test(refuses_what_is_no_process),
		cmocka_unit_test(refuses_a_thread_id),
		cmocka_unit_test(lives_on_without_its_leader),
		cmocka_unit_test(opens_while_its_leader_ends),
		cmocka_unit_test(notices_exec),
		cmocka_unit_test(notices_exec_of_itself),
		cmocka_unit_test(diagnoses_a_tracer),
		cmocka_unit_test(diagnoses_not_dumpable),
		cmocka_unit_test(diagnoses_seccomp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
