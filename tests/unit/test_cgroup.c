#include "machine/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DOCKER "4a5b0c1d2e3f4a5b0c1d2e3f4a5b0c1d2e3f4a5b0c1d2e3f4a5b0c1d2e3f4a5b"
#define OTHER  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void assert_path(const char *text, const char *expected)
{
	struct span path = cgroup_parse((struct span){(const uint8_t *)text, strlen(text)});
	assert_int_equal(path.len, strlen(expected));
	assert_memory_equal(path.ptr ? (const char *)path.ptr : "", expected, path.len);
}

static void the_path_that_tells_most(void **state)
{
	(void)state;
	assert_path("0::/system.slice/shop.service\n", "/system.slice/shop.service");
	assert_path("0::/\n", "/");
	// What has both versions names the group in one of them only.
	assert_path("2:cpu:/docker/" DOCKER "\n1:name=systemd:/docker\n0::/\n", "/docker/" DOCKER);
	assert_path("12:pids:/a/very/long/path\n0::/user.slice\n", "/user.slice");
	// A name may have colons in it, and the last line no end.
	assert_path("0::/a:b/c:d", "/a:b/c:d");
	assert_path("", "");
	assert_path("\n::\n0\n0:\n0::\nno path\n", "");
}

static void assert_container(const char *path, const char *expected)
{
	struct arena arena = {0};
	const char *id = cgroup_container(path, &arena);
	if (expected)
		assert_string_equal(id, expected);
	else
		assert_null(id);
	arena_deinit(&arena);
}

static void ids_of_containers(void **state)
{
	(void)state;
	assert_container("/docker/" DOCKER, DOCKER);
	assert_container("/system.slice/docker-" DOCKER ".scope", DOCKER);
	assert_container("/kubepods.slice/kubepods-pod12.slice/cri-containerd-" DOCKER ".scope",
			 DOCKER);
	assert_container("/machine.slice/libpod-" DOCKER ".scope/container", DOCKER);
	assert_container("/docker/" OTHER "/docker/" DOCKER "/init.scope", DOCKER);
	assert_container("/", NULL);
	assert_container("/system.slice/shop.service", NULL);
	// No word of its own, or too short to be sure.
	assert_container("/x" DOCKER, NULL);
	assert_container("/" DOCKER "z", NULL);
	assert_container("/user.slice/deadbeef", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_path_that_tells_most),
		cmocka_unit_test(ids_of_containers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
