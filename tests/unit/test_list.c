/* The selection of a list follows what it stands for. */
#include "tui/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t id(const void *ctx, size_t index)
{
	return ((const uint64_t *)ctx)[index];
}

static void test_follows(void **state)
{
	(void)state;
	const uint64_t before[] = {10, 20, 30, 40, 50}, after[] = {50, 40, 30, 20, 10, 5};
	struct list list = {0};
	list_resize(&list, 3);
	list_sync(&list, 5, id, before);
	list_move(&list, 3, id, before);
	assert_int_equal(list.selected, 3);
	assert_int_equal(list.top, 1);
	list_sync(&list, 6, id, after);
	assert_int_equal(list.selected, 1);
	assert_int_equal(list.id, 40);
	assert_int_equal(list.top, 0);
}

static void test_stays_first_until_moved(void **state)
{
	(void)state;
	const uint64_t before[] = {10, 20}, after[] = {20, 10};
	struct list list = {0};
	list_resize(&list, 2);
	list_sync(&list, 2, id, before);
	list_sync(&list, 2, id, after);
	assert_int_equal(list.selected, 0);
	assert_int_equal(list.id, 20);
}

static void test_gone(void **state)
{
	(void)state;
	const uint64_t before[] = {10, 20, 30}, after[] = {10, 40};
	struct list list = {0};
	list_resize(&list, 2);
	list_sync(&list, 3, id, before);
	list_select(&list, SIZE_MAX, id, before);
	assert_int_equal(list.selected, 2);
	list_sync(&list, 2, id, after);
	assert_int_equal(list.selected, 1);
	assert_int_equal(list.id, 40);
	list_sync(&list, 0, id, after);
	assert_int_equal(list.selected, 0);
	assert_int_equal(list.top, 0);
	list_move(&list, 1, id, after);
	list_scroll(&list, 1, id, after);
	assert_int_equal(list.selected, 0);
}

static void test_turn(void **state)
{
	(void)state;
	const uint64_t ids[] = {1, 2, 3, 4, 5, 6, 7, 8};
	struct list list = {0};
	list_resize(&list, 3);
	list_sync(&list, 8, id, ids);
	list_turn(&list, false, id, ids);
	assert_int_equal(list.top, 0);
	assert_int_equal(list.selected, 0);
	// Lines and selection move together, so that what was below comes into sight at once.
	list_turn(&list, true, id, ids);
	assert_int_equal(list.top, 2);
	assert_int_equal(list.selected, 2);
	list_turn(&list, true, id, ids);
	list_turn(&list, true, id, ids);
	assert_int_equal(list.top, 5);
	assert_int_equal(list.selected, 6);
	list_turn(&list, true, id, ids);
	assert_int_equal(list.selected, 7);
	list_turn(&list, false, id, ids);
	assert_int_equal(list.top, 3);
	assert_int_equal(list.selected, 5);
	list_resize(&list, 0);
	list_turn(&list, true, id, ids);
	assert_int_equal(list.selected, 6);
}

static void test_scroll(void **state)
{
	(void)state;
	const uint64_t ids[] = {1, 2, 3, 4, 5, 6, 7};
	struct list list = {0};
	list_resize(&list, 3);
	list_sync(&list, 7, id, ids);
	list_scroll(&list, 2, id, ids);
	assert_int_equal(list.top, 2);
	assert_int_equal(list.selected, 2);
	list_scroll(&list, 100, id, ids);
	assert_int_equal(list.top, 4);
	list_scroll(&list, -100, id, ids);
	assert_int_equal(list.top, 0);
	assert_int_equal(list.selected, 2);
	list_resize(&list, 0);
	list_move(&list, 100, id, ids);
	assert_int_equal(list.selected, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_follows), cmocka_unit_test(test_stays_first_until_moved),
		cmocka_unit_test(test_gone),    cmocka_unit_test(test_turn),
		cmocka_unit_test(test_scroll),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
