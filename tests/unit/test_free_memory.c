/* free_memory.c over files of its own. */
#include "base/free_memory.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/gospy-memory-XXXXXX";

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
	strcpy(root, "/tmp/gospy-memory-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[PATH_MAX];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static void test_machine(void **state)
{
	(void)state;
	assert_int_equal(free_memory_below(root), UINT64_MAX);
	put("/proc/meminfo", "MemTotal: 8000 kB\nMemFree: 100 kB\nMemAvailable:    3000 kB\n");
	assert_int_equal(free_memory_below(root), 3000 << 10);
	put("/proc/self/cgroup", "nonsense\n0:\n::\n0::/not/there\n");
	assert_int_equal(free_memory_below(root), 3000 << 10);
}

static void test_second(void **state)
{
	(void)state;
	put("/proc/meminfo", "MemAvailable: 8000000 kB\n");
	put("/proc/self/cgroup", "0::/shop/web\n");
	put("/sys/fs/cgroup/shop/web/memory.max", "max\n");
	put("/sys/fs/cgroup/shop/web/memory.current", "5000000\n");
	assert_int_equal(free_memory_below(root), UINT64_C(8000000) << 10);
	put("/sys/fs/cgroup/shop/memory.max", "9000000\n");
	put("/sys/fs/cgroup/shop/memory.current", "7000000\n");
	assert_int_equal(free_memory_below(root), 2000000);
	put("/sys/fs/cgroup/shop/memory.stat", "anon 5\ninactive_file 500000\n");
	assert_int_equal(free_memory_below(root), 2500000);
	put("/sys/fs/cgroup/shop/web/memory.max", "4000000\n");
	assert_int_equal(free_memory_below(root), 0);
}

/* The path of a container is one of the host, where it is not. */
static void test_container(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "0::/kubepods/pod1\n");
	put("/sys/fs/cgroup/memory.max", "1000\n");
	put("/sys/fs/cgroup/memory.current", "400\n");
	assert_int_equal(free_memory_below(root), 600);
}

static void test_first(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "12:cpu,cpuacct:/a\n11:memory:/a\n1:name=memory2:/a\n");
	put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000\n");
	put("/sys/fs/cgroup/memory/a/memory.usage_in_bytes", "900\n");
	put("/sys/fs/cgroup/memory/a/memory.stat", "inactive_file 5\ntotal_inactive_file 50\n");
	assert_int_equal(free_memory_below(root), 150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_machine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second, setup, teardown),
		cmocka_unit_test_setup_teardown(test_container, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
