/* limits.c over files of its own. */
#include "machine/limits.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { TID = 7 };

static char root[] = "/tmp/gospy-limits-XXXXXX";

static void put(const char *path, const char *text)
{
	char whole[PATH_MAX];
	snprintf(whole, sizeof(whole), "%s%s", root, path);
	for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(whole, 0700);
		*at = '/';
	}
	FILE *f = fopen(whole, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, "/tmp/gospy-limits-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[PATH_MAX];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static struct gospy_process_limits read_all(void)
{
	struct gospy_process_limits limits = {0};
	limits_of_cgroups(root, TID, &limits);
	return limits;
}

static void expect_nothing(void)
{
	struct gospy_process_limits limits = read_all();
	assert_int_equal(limits.tasks, GOSPY_UNKNOWN);
	assert_int_equal(limits.tasks_max, GOSPY_UNKNOWN);
	assert_int_equal(limits.memory_max, GOSPY_UNKNOWN);
	assert_int_equal(limits.memory_refused, GOSPY_UNKNOWN);
	assert_int_equal(limits.cpu_milli, GOSPY_UNKNOWN);
	assert_int_equal(limits.cpu_throttled, GOSPY_UNKNOWN);
}

static void test_nothing(void **state)
{
	(void)state;
	expect_nothing();
	put("/proc/7/cgroup", "nonsense\n0:\n::\n0::/not/there\n0::/../elsewhere\n");
	put("/sys/fs/cgroup/pids.max", "5\n");
	put("/sys/fs/cgroup/pids.current", "5\n");
	expect_nothing();
	put("/proc/7/cgroup", "0::/shop\n");
	put("/sys/fs/cgroup/shop/pids.max", "max\n");
	put("/sys/fs/cgroup/shop/pids.current", "5\n");
	put("/sys/fs/cgroup/shop/memory.max", "max\n");
	put("/sys/fs/cgroup/shop/memory.current", "5\n");
	put("/sys/fs/cgroup/shop/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/shop/cpu.stat", "usage_usec 5\n");
	expect_nothing();
}

static void test_second(void **state)
{
	(void)state;
	put("/proc/7/cgroup", "0::/shop/web\n");
	put("/sys/fs/cgroup/shop/web/pids.max", "100\n");
	put("/sys/fs/cgroup/shop/web/pids.current", "20\n");
	put("/sys/fs/cgroup/shop/pids.max", "1000\n");
	put("/sys/fs/cgroup/shop/pids.current", "900\n");
	put("/sys/fs/cgroup/shop/web/memory.max", "1000\n");
	put("/sys/fs/cgroup/shop/web/memory.current", "900\n");
	put("/sys/fs/cgroup/shop/web/memory.stat", "anon 5\ninactive_file 100\nactive_file 50\n");
	put("/sys/fs/cgroup/shop/web/memory.events", "low 0\nmax 7\noom 0\n");
	put("/sys/fs/cgroup/shop/cpu.max", "150000 100000\n");
	put("/sys/fs/cgroup/shop/cpu.stat", "usage_usec 5\nnr_periods 40\nnr_throttled 12\n");
	struct gospy_process_limits limits = read_all();
	// The group that is nearest to its limit.
	assert_int_equal(limits.tasks, 900);
	assert_int_equal(limits.tasks_max, 1000);
	assert_int_equal(limits.memory, 750);
	assert_int_equal(limits.memory_max, 1000);
	assert_int_equal(limits.memory_refused, 7);
	assert_int_equal(limits.cpu_milli, 1500);
	assert_int_equal(limits.cpu_periods, 40);
	assert_int_equal(limits.cpu_throttled, 12);
}

static void test_first(void **state)
{
	(void)state;
	put("/proc/7/cgroup", "5:pids:/shop\n4:memory:/shop\n3:cpuset:/\n2:cpu,cpuacct:/shop\n");
	put("/sys/fs/cgroup/pids/shop/pids.max", "10\n");
	put("/sys/fs/cgroup/pids/shop/pids.current", "9\n");
	put("/sys/fs/cgroup/memory/shop/memory.limit_in_bytes", "500\n");
	put("/sys/fs/cgroup/memory/shop/memory.usage_in_bytes", "400\n");
	put("/sys/fs/cgroup/memory/shop/memory.stat", "total_inactive_file 300\n");
	put("/sys/fs/cgroup/memory/shop/memory.failcnt", "3\n");
	put("/sys/fs/cgroup/cpu/shop/cpu.cfs_quota_us", "50000\n");
	put("/sys/fs/cgroup/cpu/shop/cpu.cfs_period_us", "100000\n");
	put("/sys/fs/cgroup/cpu/shop/cpu.stat", "nr_periods 4\nnr_throttled 2\nthrottled_time 9\n");
	struct gospy_process_limits limits = read_all();
	assert_int_equal(limits.tasks, 9);
	assert_int_equal(limits.tasks_max, 10);
	assert_int_equal(limits.memory, 100);
	assert_int_equal(limits.memory_refused, 3);
	assert_int_equal(limits.cpu_milli, 500);
	assert_int_equal(limits.cpu_throttled, 2);
	put("/sys/fs/cgroup/memory/shop/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/cpu/shop/cpu.cfs_quota_us", "-1\n");
	limits = read_all();
	assert_int_equal(limits.memory_max, GOSPY_UNKNOWN);
	assert_int_equal(limits.cpu_milli, GOSPY_UNKNOWN);
}

/* In a container the mount is the container's, whatever the path is. */
static void test_container(void **state)
{
	(void)state;
	put("/proc/7/cgroup", "0::/docker/abc/inner\n");
	put("/proc/self/cgroup", "0::/docker/abc\n");
	put("/sys/fs/cgroup/pids.max", "50\n");
	put("/sys/fs/cgroup/pids.current", "45\n");
	assert_int_equal(read_all().tasks, 45);
	// Of others it is none of theirs.
	put("/proc/7/cgroup", "0::/docker/abcd\n");
	assert_int_equal(read_all().tasks, GOSPY_UNKNOWN);
	put("/proc/7/cgroup", "0::/docker/xyz\n");
	assert_int_equal(read_all().tasks, GOSPY_UNKNOWN);
}

static void test_parse(void **state)
{
	(void)state;
	static const char text[] =
		"Limit                     Soft Limit           Hard Limit\n"
		"Max open files            1024                 524288     files\n"
		"Max cpu time              unlimited            unlimited  seconds\n"
		"Max open filesystems      7\n"
		"Max";
	const struct span all = {(const uint8_t *)text, sizeof(text) - 1};
	assert_int_equal(limits_parse(all, "Max open files"), 1024);
	assert_int_equal(limits_parse(all, "Max cpu time"), GOSPY_UNKNOWN);
	assert_int_equal(limits_parse(all, "Max pending signals"), GOSPY_UNKNOWN);
	assert_int_equal(limits_parse((struct span){NULL, 0}, "Max open files"), GOSPY_UNKNOWN);
}

/* This process itself. */
static void test_descriptors(void **state)
{
	(void)state;
	struct gospy_process_limits before, after;
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(gospy_process_limits(getpid(), &before, NULL), GOSPY_OK);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(gospy_process_limits(getpid(), &after, NULL), GOSPY_OK);
	assert_int_equal(after.descriptors, before.descriptors + 2);
	if (limit.rlim_cur != RLIM_INFINITY)
		assert_int_equal(after.descriptors_max, limit.rlim_cur);
	assert_int_equal(after.threads, 1);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(gospy_process_limits(0, &after, NULL), GOSPY_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_container, setup, teardown),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
