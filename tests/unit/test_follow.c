/* follow.c: where there are no descriptors left. What it finds is tested in e2e/test_names.py. */
#include "tui/follow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <unistd.h>

static int first_free(void)
{
	int fd = dup(STDIN_FILENO);
	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* Each of the two that it needs may be the one that there is none for. */
static void without_descriptors(void **state)
{
	(void)state;
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	const int first = first_free();
	for (int room = 0; room < 2; room++) {
		struct follow *follow = NULL;
		struct gospy_error err = {0};
		const struct rlimit little = {(rlim_t)(first + room), before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &little), 0);
		enum gospy_code code = follow_start(getpid(), &follow, &err);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(code, GOSPY_E_OS);
		assert_string_equal(err.msg, "eventfd: Too many open files");
		assert_null(follow);
		assert_int_equal(first_free(), first);
	}
	struct follow *follow = NULL;
	assert_int_equal(follow_start(getpid(), &follow, NULL), GOSPY_OK);
	follow_wait(follow);
	follow_stop(follow);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
