/* Stacks merged into a call tree. */
#include "render/flame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void add(struct flame *flame, const char *stack, size_t column, int64_t value)
{
	char text[80], *rest = text;
	uint32_t node = FLAME_ROOT, name;
	snprintf(text, sizeof(text), "%s", stack);
	for (char *call; (call = strtok_r(rest, ";", &rest));) {
		assert_true(flame_name(flame, call, &name));
		assert_true(flame_call(flame, node, name, &node));
	}
	flame_add(flame, node, column, value);
}

/* "a(b(c d) e)" */
static void print(const struct flame *flame, uint32_t node, char *to)
{
	uint32_t child = flame->nodes.at[node].child;
	if (node != FLAME_ROOT)
		strcat(to, flame->names.all.at[flame->nodes.at[node].name]);
	if (!child)
		return;
	strcat(to, "(");
	for (; child; child = flame->nodes.at[child].next) {
		print(flame, child, to);
		strcat(to, flame->nodes.at[child].next ? " " : ")");
	}
}

static void test_tree(void **state)
{
	(void)state;
	char text[80] = "";
	CLEANUP(flame_deinit) struct flame flame;
	assert_true(flame_init(&flame, 2));
	add(&flame, "main;z", 0, 5);
	add(&flame, "main;a;z", 0, 3);
	add(&flame, "main;a;z", 1, -3);
	add(&flame, "main", 1, 7);
	add(&flame, "goexit;main;z", 0, 1);
	add(&flame, "main;z", 0, 2);
	assert_true(flame_end(&flame));
	print(&flame, FLAME_ROOT, text);
	assert_string_equal(text, "(goexit(main(z)) main(a(z) z))");
	assert_int_equal(flame.names.all.len, 4);
	assert_int_equal(flame.depth, 3);
	assert_int_equal(flame_value(&flame, FLAME_ROOT, 0)->total, 11);
	assert_int_equal(flame_value(&flame, FLAME_ROOT, 1)->total, 4);
	uint32_t main = flame.nodes.at[flame.nodes.at[FLAME_ROOT].child].next;
	assert_int_equal(flame_value(&flame, main, 0)->total, 10);
	assert_int_equal(flame_value(&flame, main, 0)->self, 0);
	assert_int_equal(flame_value(&flame, main, 1)->self, 7);
	uint32_t a = flame.nodes.at[main].child, z = flame.nodes.at[a].next;
	assert_int_equal(flame_value(&flame, a, 1)->total, -3);
	assert_int_equal(flame_value(&flame, z, 0)->self, 7);
}

static void test_nothing(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame;
	assert_true(flame_init(&flame, 1));
	assert_true(flame_end(&flame));
	assert_int_equal(flame.nodes.len, 1);
	assert_int_equal(flame.nodes.at[FLAME_ROOT].child, 0);
	assert_int_equal(flame.depth, 0);
}

static void test_recursion(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame;
	assert_true(flame_init(&flame, 1));
	add(&flame, "f;f;f;f", 0, 1);
	add(&flame, "f;f", 0, 1);
	assert_true(flame_end(&flame));
	assert_int_equal(flame.nodes.len, 5);
	assert_int_equal(flame_value(&flame, 1, 0)->total, 2);
	assert_int_equal(flame_value(&flame, 2, 0)->self, 1);
	assert_int_equal(flame_value(&flame, 4, 0)->total, 1);
	assert_int_equal(flame.depth, 4);
}

static void test_callers(void **state)
{
	(void)state;
	char text[80] = "";
	CLEANUP(flame_deinit) struct flame flame, callers;
	assert_true(flame_init(&flame, 2));
	assert_true(flame_init(&callers, 2));
	add(&flame, "main;a;park", 0, 3);
	add(&flame, "main;b;park;inner", 0, 4);
	add(&flame, "main;a;park", 1, 5);
	add(&flame, "other;a;park;park", 0, 6);
	add(&flame, "main", 0, 100);
	assert_true(flame_end(&flame));
	uint32_t park, park_callers;
	size_t at = 0;
	assert_true(flame_name(&flame, "park", &park));
	// A slice at a time comes to the same.
	while (at < flame.nodes.len)
		assert_true(flame_add_callers(&callers, &flame, park, &at, at + 1));
	assert_true(flame_end(&callers));
	print(&callers, FLAME_ROOT, text);
	assert_string_equal(text, "(park(a(main other) b(main)))");
	park_callers = callers.nodes.at[FLAME_ROOT].child;
	assert_int_equal(flame_value(&callers, park_callers, 0)->total, 13);
	assert_int_equal(flame_value(&callers, park_callers, 1)->total, 5);
	uint32_t a = callers.nodes.at[park_callers].child;
	assert_int_equal(flame_value(&callers, a, 0)->total, 9);
}

/* What a target claims may be too much for a sum. */
static void test_wraps(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame;
	assert_true(flame_init(&flame, 1));
	add(&flame, "a", 0, INT64_MAX);
	add(&flame, "b", 0, INT64_MAX);
	add(&flame, "b", 0, INT64_MAX);
	assert_true(flame_end(&flame));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),      cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_recursion), cmocka_unit_test(test_callers),
		cmocka_unit_test(test_wraps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
