/* Where the calls of a tree stand, and how one goes about in it. */
#include "tui/flame_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "tui/flame_place.h"

static void add(struct flame *flame, const char *stack, int64_t value)
{
	char text[80], *rest = text;
	uint32_t node = FLAME_ROOT, name;
	snprintf(text, sizeof(text), "%s", stack);
	for (char *call; (call = strtok_r(rest, ";", &rest));) {
		assert_true(flame_name(flame, call, &name));
		assert_true(flame_call(flame, node, name, &node));
	}
	flame_add(flame, node, 0, value);
}

/* "f 3, g;h 2" */
static void make(struct flame *flame, const char *stacks)
{
	char text[4096], *rest = text, stack[80];
	long value;
	snprintf(text, sizeof(text), "%s", stacks);
	assert_true(flame_init(flame, 1));
	for (char *one; (one = strtok_r(rest, ",", &rest));) {
		assert_int_equal(sscanf(one, " %79s %ld", stack, &value), 2);
		add(flame, stack, value);
	}
	assert_true(flame_end(flame));
}

static const char *name_of(const struct flame *flame, uint32_t node)
{
	return node == FLAME_ROOT ? "" : flame->names.all.at[flame->nodes.at[node].name];
}

/* The node that the calls lead to. */
static uint32_t find(const struct flame *flame, const char *stack)
{
	char text[80], *rest = text;
	uint32_t node = FLAME_ROOT;
	snprintf(text, sizeof(text), "%s", stack);
	for (char *call; (call = strtok_r(rest, ";", &rest));) {
		node = flame->nodes.at[node].child;
		while (node && strcmp(name_of(flame, node), call) != 0)
			node = flame->nodes.at[node].next;
		assert_int_not_equal(node, 0);
	}
	return node;
}

/* "0+10 f, 10+2 …3" of a row. */
static const char *row_text(const struct flame_layout *layout, const struct flame *flame,
			    size_t row)
{
	static char text[1024];
	size_t n, len = 0;
	const struct flame_cell *cells = flame_layout_row(layout, row, &n);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%d+%d ", i ? ", " : "",
					cells[i].x, cells[i].width);
		if (cells[i].merged)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "...%u",
						cells[i].merged);
		else
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
						name_of(flame, cells[i].node));
	}
	return text;
}

static struct flame_sight sight_of(const struct flame *flame, int width)
{
	return (struct flame_sight){.flame = flame, .width = width};
}

static void test_widths_are_shares(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame;
	CLEANUP(flame_layout_deinit) struct flame_layout layout = {0};
	make(&flame, "f;a 25, f;b 25, g 50, f 20");
	struct flame_sight sight = sight_of(&flame, 60);
	assert_true(flame_layout(&layout, &sight));
	assert_int_equal(layout.rows.len, 3);
	assert_string_equal(row_text(&layout, &flame, 0), "0+60 ");
	assert_string_equal(row_text(&layout, &flame, 1), "0+35 f, 35+25 g");
	// What ends in f has its columns, too.
	assert_string_equal(row_text(&layout, &flame, 2), "0+13 a, 13+12 b");
}

static void test_what_is_too_narrow_is_merged(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame;
	CLEANUP(flame_layout_deinit) struct flame_layout layout = {0};
	make(&flame, "a 1, b 1000, c 2, d 3");
	struct flame_sight sight = sight_of(&flame, 40);
	assert_true(flame_layout(&layout, &sight));
	assert_string_equal(row_text(&layout, &flame, 1), "0+38 b, 38+2 ...3");
	// What somebody looks at has room.
	sight.selected = find(&flame, "c");
	assert_true(flame_layout(&layout, &sight));
	assert_string_equal(row_text(&layout, &flame, 1), "0+34 b, 34+4 c, 38+2 ...2");
	// And so has what leads there.
	sight.zoom = find(&flame, "c");
	assert_true(flame_layout(&layout, &sight));
	assert_string_equal(row_text(&layout, &flame, 1), "0+40 c");
}

static void test_many_narrow_ones(void **state)
{
	(void)state;
	char stacks[4096] = "";
	CLEANUP(flame_deinit) struct flame flame;
	CLEANUP(flame_layout_deinit) struct flame_layout layout = {0};
	for (int i = 0; i < 100; i++)
		snprintf(stacks + strlen(stacks), sizeof(stacks) - strlen(stacks), "f%02d 1, ", i);
	snprintf(stacks + strlen(stacks), sizeof(stacks) - strlen(stacks), "z 100");
	make(&flame, stacks);
	struct flame_sight sight = sight_of(&flame, 80);
	assert_true(flame_layout(&layout, &sight));
	assert_string_equal(row_text(&layout, &flame, 1), "0+40 z, 40+40 ...100");
}

/* The largest of them have room, as long as they have some of it themselves. */
static void test_half_of_the_room(void **state)
{
	(void)state;
	char stacks[4096] = "";
	CLEANUP(flame_deinit) struct flame flame;
	CLEANUP(flame_layout_deinit) struct flame_layout layout = {0};
	for (int i = 0; i < 10; i++)
		snprintf(stacks + strlen(stacks), sizeof(stacks) - strlen(stacks), "f%d %d, ", i,
			 i == 7 ? 11 : 10);
	snprintf(stacks + strlen(stacks), sizeof(stacks) - strlen(stacks), "z 99");
	make(&flame, stacks);
	struct flame_sight sight = sight_of(&flame, 60);
	assert_true(flame_layout(&layout, &sight));
	assert_string_equal(
		row_text(&layout, &flame, 1),
		"0+30 z, 30+4 f7, 34+4 f0, 38+4 f1, 42+4 f2, 46+4 f3, 50+4 f4, 54+4 f5, 58+2 ...3");
	sight.selected = find(&flame, "f9");
	assert_true(flame_layout(&layout, &sight));
	assert_string_equal(
		row_text(&layout, &flame, 1),
		"0+26 z, 26+4 f7, 30+4 f0, 34+4 f1, 38+4 f2, 42+4 f3, 46+4 f4, 50+4 f5, 54+4 f9, "
		"58+2 ...2");
}

/* Whatever the shares: rows lie within their callers, nothing overlaps, no cell is too narrow for a
 * letter, and what is selected is there. */
static void check_row(const struct flame_layout *layout, const struct flame_sight *sight,
		      size_t row)
{
	size_t n, above_n;
	const struct flame_cell *cells = flame_layout_row(layout, row, &n);
	const struct flame_cell *above = flame_layout_row(layout, row - 1, &above_n);
	int end = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t parent = cells[i].merged ? cells[i].node
						  : sight->flame->nodes.at[cells[i].node].parent;
		size_t k = 0;
		while (k < above_n && (above[k].merged || above[k].node != parent))
			k++;
		assert_true(k < above_n);
		assert_in_range(cells[i].x, end, sight->width);
		assert_true(cells[i].width > 0);
		assert_true(cells[i].x >= above[k].x);
		end = cells[i].x + cells[i].width;
		assert_true(end <= above[k].x + above[k].width);
	}
}

static void test_random_trees(void **state)
{
	(void)state;
	srand(1);
	for (int round = 0; round < 200; round++) {
		CLEANUP(flame_deinit) struct flame flame;
		CLEANUP(flame_layout_deinit) struct flame_layout layout = {0};
		assert_true(flame_init(&flame, 1));
		for (int i = 0; i < 60; i++) {
			char stack[32];
			snprintf(stack, sizeof(stack), "%d;%d;%d", rand() % 7, rand() % 5,
				 rand() % 3);
			add(&flame, stack, rand() % 4 ? rand() % 10 : rand() % 1000 - 100);
		}
		assert_true(flame_end(&flame));
		struct flame_sight sight = sight_of(&flame, 1 + rand() % 200);
		sight.selected = (uint32_t)rand() % (uint32_t)flame.nodes.len;
		assert_true(flame_layout(&layout, &sight));
		for (size_t row = 1; row < layout.rows.len; row++)
			check_row(&layout, &sight, row);
		size_t row;
		int64_t total = flame_value(&flame, sight.selected, 0)->total;
		if (total > 0 && sight.width >= 3 * FLAME_CELL_MIN &&
		    flame_depth(&flame, sight.selected) == 1)
			assert_non_null(flame_layout_find(&layout, sight.selected, &row));
	}
}

/* A target may claim that callees have more than their caller. */
static void test_impossible_sums(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame;
	CLEANUP(flame_layout_deinit) struct flame_layout layout = {0};
	make(&flame, "f;a 100, f;b 100, f -150, g -5");
	struct flame_sight sight = sight_of(&flame, 40);
	assert_true(flame_layout(&layout, &sight));
	assert_string_equal(row_text(&layout, &flame, 1), "0+40 f");
	assert_string_equal(row_text(&layout, &flame, 2), "0+20 a, 20+20 b");
}

static void test_siblings(void **state)
{
	(void)state;
	flame_nodes siblings = {0};
	char text[32] = "";
	CLEANUP(flame_deinit) struct flame flame;
	make(&flame, "a 1, b 500, c 2, d 400, e 3");
	struct flame_sight sight = sight_of(&flame, 40);
	assert_true(flame_siblings(&sight, FLAME_ROOT, 40, &siblings));
	for (size_t i = 0; i < siblings.len; i++)
		strcat(text, name_of(&flame, siblings.at[i]));
	assert_string_equal(text, "bdeca");
	vec_free(&siblings);
}

/* ---- what is selected */

static const char *selected(const struct flame_place *place, const struct flame *flame,
			    struct flame_sight *sight)
{
	*sight = sight_of(flame, 40);
	flame_place_find(place, sight);
	return name_of(flame, sight->selected);
}

static void test_selection_by_path(void **state)
{
	(void)state;
	CLEANUP(flame_place_deinit) struct flame_place place = {0};
	CLEANUP(flame_deinit) struct flame before, without, after;
	make(&before, "f;a 1, f;b 2, g;b 3");
	make(&without, "e;b 4, f;a 1");
	make(&after, "e;b 4, f;a;x 1, f;b;y 7, g 1");
	struct flame_sight sight = sight_of(&before, 40);
	flame_place_select(&place, &sight, find(&before, "f;b"));
	flame_place_zoom(&place, &sight);
	assert_string_equal(selected(&place, &before, &sight), "b");
	// It is gone for a moment: what called it is there.
	assert_string_equal(selected(&place, &without, &sight), "f");
	assert_int_equal(sight.zoom, find(&without, "f"));
	assert_string_equal(selected(&place, &after, &sight), "b");
	assert_int_equal(sight.selected, find(&after, "f;b"));
	assert_int_equal(sight.zoom, find(&after, "f;b"));
	assert_true(flame_place_back(&place, &sight));
	assert_int_equal(sight.zoom, FLAME_ROOT);
	assert_int_equal(sight.selected, find(&after, "f;b"));
	assert_false(flame_place_back(&place, &sight));
}

static const char *move(struct flame_place *place, const struct flame *flame, enum action action)
{
	CLEANUP(flame_layout_deinit) struct flame_layout layout = {0};
	struct flame_sight sight = sight_of(flame, 40);
	flame_place_find(place, &sight);
	assert_true(flame_layout(&layout, &sight));
	assert_true(flame_place_move(place, &sight, &layout, action, 10));
	return name_of(flame, sight.selected);
}

static void test_moves(void **state)
{
	(void)state;
	CLEANUP(flame_place_deinit) struct flame_place place = {0};
	CLEANUP(flame_deinit) struct flame flame;
	make(&flame, "f;a 20, f;b;c;d 30, f;tiny 1, g;h 30");
	assert_string_equal(move(&place, &flame, ACT_UP), "");
	assert_string_equal(move(&place, &flame, ACT_DOWN), "f");
	assert_string_equal(move(&place, &flame, ACT_RIGHT), "g");
	assert_string_equal(move(&place, &flame, ACT_RIGHT), "g");
	assert_string_equal(move(&place, &flame, ACT_LEFT), "f");
	assert_string_equal(move(&place, &flame, ACT_DOWN), "b");
	assert_string_equal(move(&place, &flame, ACT_LEFT), "a");
	assert_string_equal(move(&place, &flame, ACT_RIGHT), "b");
	// One that has no room of its own, then what is beside it in the row.
	assert_string_equal(move(&place, &flame, ACT_RIGHT), "tiny");
	assert_string_equal(move(&place, &flame, ACT_RIGHT), "h");
	assert_string_equal(move(&place, &flame, ACT_UP), "g");
	assert_string_equal(move(&place, &flame, ACT_HOME), "");
	assert_string_equal(move(&place, &flame, ACT_END), "d");
	assert_string_equal(move(&place, &flame, ACT_PAGE_UP), "");
	assert_string_equal(move(&place, &flame, ACT_PAGE_DOWN), "d");
}

static void test_zooms(void **state)
{
	(void)state;
	CLEANUP(flame_place_deinit) struct flame_place place = {0};
	CLEANUP(flame_deinit) struct flame flame;
	make(&flame, "f;a;b;c 20, g;h 30");
	struct flame_sight sight = sight_of(&flame, 40);
	static const char *const steps[] = {"f", "f;a;b", "f;a;b;c"};
	for (size_t i = 0; i < 3; i++) {
		flame_place_select(&place, &sight, find(&flame, steps[i]));
		flame_place_zoom(&place, &sight);
		assert_int_equal(sight.zoom, find(&flame, steps[i]));
	}
	// A caller of what is zoomed to may be zoomed to; the way back leads outwards.
	flame_place_select(&place, &sight, find(&flame, "f;a"));
	assert_int_equal(sight.zoom, find(&flame, "f;a;b;c"));
	flame_place_zoom(&place, &sight);
	assert_int_equal(sight.zoom, find(&flame, "f;a"));
	assert_true(flame_place_back(&place, &sight));
	assert_int_equal(sight.zoom, find(&flame, "f"));
	// What is elsewhere ends the zoom.
	flame_place_select(&place, &sight, find(&flame, "g;h"));
	assert_int_equal(sight.zoom, FLAME_ROOT);
	assert_false(flame_place_back(&place, &sight));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths_are_shares),
		cmocka_unit_test(test_what_is_too_narrow_is_merged),
		cmocka_unit_test(test_many_narrow_ones),
		cmocka_unit_test(test_half_of_the_room),
		cmocka_unit_test(test_random_trees),
		cmocka_unit_test(test_impossible_sums),
		cmocka_unit_test(test_siblings),
		cmocka_unit_test(test_selection_by_path),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_zooms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
