/* What a machine, its kernel and a user permit: each case by its facts; and that those of this
 * machine are as its own files say. */
#include "live/permits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static const uint64_t all_caps = UINT64_C(0x1ffffffffff);

static struct permit_facts root_on_the_machine(void)
{
	return (struct permit_facts){
		.release = "6.1.0",
		.user = "root",
		.root = true,
		.cap_effective = all_caps,
		.outer_pids = true,
		.outer_users = true,
		.yama_scope = 0,
		.has_sched_info = true,
		.has_syscall = true,
		.may_lead = true,
		.core_pattern = "core",
		.core_limit = UINT64_MAX,
	};
}

static struct permit_facts user_on_the_machine(void)
{
	struct permit_facts facts = root_on_the_machine();
	facts.user = "alice";
	facts.root = false;
	facts.cap_effective = 0;
	facts.may_lead = false;
	return facts;
}

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_deinit(&arena);
	arena = (struct arena){0};
	return 0;
}

/* The one of this name; it has to be there. */
static struct gospy_finding find(const struct permit_facts *facts, const char *name)
{
	finding_vec found = {0};
	struct gospy_finding ret = {0};
	assert_int_equal(permits_explain(facts, &found, &arena, NULL), GOSPY_OK);
	for (size_t i = 0; i < found.len; i++) {
		assert_non_null(found.at[i].text);
		if (strcmp(found.at[i].name, name) == 0) {
			assert_null(ret.name);
			ret = found.at[i];
		}
	}
	vec_free(&found);
	return ret;
}

static void expect(const struct permit_facts *facts, const char *name, enum gospy_verdict verdict,
		   const char *text, const char *remedy)
{
	struct gospy_finding finding = find(facts, name);
	assert_non_null(finding.name);
	assert_int_equal(finding.verdict, verdict);
	assert_non_null(strstr(finding.text, text));
	if (remedy)
		assert_non_null(strstr(finding.remedy, remedy));
	else
		assert_null(finding.remedy);
}

static void root_may_do_all(void **state)
{
	(void)state;
	const struct permit_facts facts = root_on_the_machine();
	finding_vec found = {0};
	assert_int_equal(permits_explain(&facts, &found, &arena, NULL), GOSPY_OK);
	for (size_t i = 0; i < found.len; i++)
		assert_int_equal(found.at[i].verdict, GOSPY_VERDICT_OK);
	assert_true(found.len >= 10);
	vec_free(&found);
	expect(&facts, "memory", GOSPY_VERDICT_OK, "of all processes", NULL);
}

static void whose_memory(void **state)
{
	(void)state;
	struct permit_facts facts = user_on_the_machine();
	expect(&facts, "memory", GOSPY_VERDICT_NOTE, "of user alice only", "sudo");
	facts.yama_scope = 1;
	expect(&facts, "memory", GOSPY_VERDICT_PROBLEM, "children only", "sudo");
	facts.yama_scope = 2;
	expect(&facts, "memory", GOSPY_VERDICT_PROBLEM, "asks for CAP_SYS_PTRACE", "sudo");
	facts.root = true; // of a container
	expect(&facts, "memory", GOSPY_VERDICT_PROBLEM, "CAP_SYS_PTRACE", "--cap-add=SYS_PTRACE");
	facts = root_on_the_machine();
	facts.yama_scope = 2;
	expect(&facts, "memory", GOSPY_VERDICT_OK, "of all processes", NULL);
	facts.yama_scope = 3;
	expect(&facts, "memory", GOSPY_VERDICT_PROBLEM, "forbids it to everybody", "reboot");
	facts = root_on_the_machine();
	facts.outer_users = false;
	expect(&facts, "memory", GOSPY_VERDICT_NOTE, "user namespace", "outside");
	facts = root_on_the_machine();
	facts.read_errno = ENOSYS;
	expect(&facts, "reading", GOSPY_VERDICT_NOTE, "/proc/PID/mem", NULL);
	facts.cap_effective = UINT64_C(1) << CAP_SYS_PTRACE;
	expect(&facts, "files", GOSPY_VERDICT_NOTE, "CAP_DAC_READ_SEARCH", "DAC_READ_SEARCH");
}

static void stops(void **state)
{
	(void)state;
	struct permit_facts facts = root_on_the_machine();
	facts.ptrace_filtered = true;
	expect(&facts, "stop", GOSPY_VERDICT_PROBLEM, "seccomp", "--non-blocking");
	facts.has_sched_info = false;
	expect(&facts, "quiet look", GOSPY_VERDICT_NOTE, "CONFIG_SCHED_INFO", NULL);
	facts.has_syscall = false;
	expect(&facts, "system call", GOSPY_VERDICT_NOTE, "not there", NULL);
	facts.may_lead = false;
	expect(&facts, "priority", GOSPY_VERDICT_NOTE, "busy machine", "SYS_NICE");
}

static void perf_events(void **state)
{
	(void)state;
	struct permit_facts facts = user_on_the_machine();
	expect(&facts, "perf events", GOSPY_VERDICT_OK, "whole processors", NULL);
	facts.perf_system_errno = EACCES;
	expect(&facts, "perf events", GOSPY_VERDICT_OK, "of threads, with", NULL);
	facts.perf_kernel_errno = EACCES;
	facts.perf_paranoid = 2;
	expect(&facts, "perf events", GOSPY_VERDICT_NOTE, "perf_event_paranoid is 2", "sudo");
	facts.perf_errno = EACCES;
	facts.perf_paranoid = 3;
	expect(&facts, "perf events", GOSPY_VERDICT_PROBLEM, "perf_event_paranoid is 3", "sudo");
	facts.perf_errno = ENOSYS;
	expect(&facts, "perf events", GOSPY_VERDICT_PROBLEM, "has none", NULL);
	facts = root_on_the_machine();
	facts.perf_errno = facts.perf_kernel_errno = facts.perf_system_errno = EPERM;
	expect(&facts, "perf events", GOSPY_VERDICT_PROBLEM, "seccomp", "outside");
	facts.cap_effective = 0;
	expect(&facts, "perf events", GOSPY_VERDICT_PROBLEM, "refused", "--cap-add=PERFMON");
}

static void the_machine(void **state)
{
	(void)state;
	struct permit_facts facts = root_on_the_machine();
	facts.release = "4.4.302-generic";
	expect(&facts, "kernel", GOSPY_VERDICT_NOTE, "older than 4.5", NULL);
	facts.release = "4.5.0";
	expect(&facts, "kernel", GOSPY_VERDICT_OK, "Linux 4.5.0", NULL);
	facts.release = "what?";
	expect(&facts, "kernel", GOSPY_VERDICT_OK, "what?", NULL);
	facts.outer_pids = false;
	expect(&facts, "processes", GOSPY_VERDICT_NOTE, "container", "--pid=container");
	facts.hides_pids = true;
	expect(&facts, "/proc", GOSPY_VERDICT_NOTE, "hidepid", "sudo");
	facts.sockets_errno = EPROTONOSUPPORT;
	expect(&facts, "sockets", GOSPY_VERDICT_NOTE, "/proc/net", NULL);
	facts.core_limit = 0;
	expect(&facts, "core files", GOSPY_VERDICT_OK, "ulimit -c is 0", NULL);
	facts.core_pattern = "|/usr/lib/systemd/systemd-coredump %P";
	expect(&facts, "core files", GOSPY_VERDICT_OK, "systemd-coredump %P\"", NULL);
	facts.core_pattern = NULL;
	expect(&facts, "core files", GOSPY_VERDICT_NOTE, "writes none", "core_pattern");
}

static void those_of_this_machine(void **state)
{
	(void)state;
	struct permit_facts facts;
	assert_int_equal(permits_gather(&facts, &arena, NULL), GOSPY_OK);
	assert_int_equal(facts.root, geteuid() == 0);
	assert_int_equal(facts.read_errno, 0);
	assert_false(facts.ptrace_filtered);
	// What opens with the kernel's part opens without it.
	assert_true(facts.perf_errno == 0 || facts.perf_kernel_errno != 0);
	assert_non_null(find(&facts, "memory").text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(root_may_do_all, forget),
		cmocka_unit_test_teardown(whose_memory, forget),
		cmocka_unit_test_teardown(stops, forget),
		cmocka_unit_test_teardown(perf_events, forget),
		cmocka_unit_test_teardown(the_machine, forget),
		cmocka_unit_test_teardown(those_of_this_machine, forget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
