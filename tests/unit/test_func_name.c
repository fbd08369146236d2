/* func_name.c: what the runtime itself answers for these names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "image/func_name.h"

static void check(const char *name, int minor, const char *expected)
{
	struct arena arena = {0};
	assert_string_equal(func_name_for_print(&arena, name, minor), expected);
	arena_deinit(&arena);
}

static void test_one_list(void **state)
{
	(void)state;
	for (int minor = 18; minor <= 28; minor++) {
		check("main.main", minor, "main.main");
		check("", minor, "");
		check("main.F[...]", minor, "main.F[...]");
		check("main.F[go.shape.int]", minor, "main.F[...]");
		check("main.F[go.shape.[]int].func1", minor, "main.F[...].func1");
		check("main.(*T[go.shape.int]).m", minor, "main.(*T[...]).m");
		check("a[b]]c", minor, "a[...]c");
		check("a]b[c", minor, "a]b[c");
		check("a[b", minor, "a[b");
	}
}

static void test_two_lists(void **state)
{
	(void)state;
	check("p.T[int].M[string]", 26, "p.T[...]");
	check("p.T[int].M[string]", 27, "p.T[...].M[...]");
	check("p.T[[]int].M[[]string].func1", 27, "p.T[...].M[...].func1");
	check("p.T[int].M[string].func1[x].y", 27, "p.T[...].M[...].y");
	check("p.M[[]string].f", 27, "p.M[...].f");
	check("p.M[[]].f", 27, "p.M[...].f");
	check("p.T[x]].M[y]", 27, "p.T[x]].M[y]");
	check("p.T[x[[[].M[[y]]z", 27, "p.T[x[[[].M[[y]]z");
	check("p.T[[x].M[[y]]z", 27, "p.T[[x].M[[y]]z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_list),
		cmocka_unit_test(test_two_lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
