/* Where no descriptors are left, what watches processes for the screen cannot begin: that is an
 * error, and nothing stays open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <unistd.h>

#include "tui/follow.h"
#include "tui/procs.h"

static int first_free(void)
{
	int fd = dup(STDIN_FILENO);
	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* Begin, and end again if that works. */
typedef enum gospy_code begin_function(struct gospy_error *err);

static enum gospy_code begin_follow(struct gospy_error *err)
{
	struct follow *follow = NULL;
	enum gospy_code code = follow_start(getpid(), &follow, err);
	assert_true(!code == (follow != NULL));
	if (!code)
		follow_wait(follow);
	follow_stop(follow);
	return code;
}

static enum gospy_code begin_procs(struct gospy_error *err)
{
	const pid_t own = getpid();
	struct procs *procs = NULL;
	enum gospy_code code = procs_start(&own, 1, &procs, err);
	assert_true(!code == (procs != NULL));
	if (!code)
		procs_stop(procs);
	return code;
}

/* Each of the two descriptors that it needs may be the one that there is none for. */
static void check(begin_function *begin)
{
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	const int first = first_free();
	for (int room = 0; room < 2; room++) {
		struct gospy_error err = {0};
		const struct rlimit little = {(rlim_t)(first + room), before.rlim_max};
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &little), 0);
		enum gospy_code code = begin(&err);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(code, GOSPY_E_OS);
		assert_string_equal(err.msg, "eventfd: Too many open files");
		assert_int_equal(first_free(), first);
	}
}

static void a_successor(void **state)
{
	(void)state;
	check(begin_follow);
}

static void a_list(void **state)
{
	(void)state;
	check(begin_procs);
}

/* The last one: a thread that the kernel holds has its descriptors a while longer. */
static void with_descriptors(void **state)
{
	(void)state;
	assert_int_equal(begin_follow(NULL), GOSPY_OK);
	assert_int_equal(begin_procs(NULL), GOSPY_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_successor),
		cmocka_unit_test(a_list),
		cmocka_unit_test(with_descriptors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
