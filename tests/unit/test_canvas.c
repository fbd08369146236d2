/* Drawing on a canvas: what is unfit is escaped, what is wide takes two columns, nothing is drawn
 * outside. */
#include "tui/canvas.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const struct canvas *canvas, const char *expected)
{
	struct strbuf text = {0};
	canvas_dump(canvas, &text);
	assert_string_equal(text.s, expected);
	strbuf_deinit(&text);
}

static struct canvas make(bool utf8, int rows, int cols)
{
	struct canvas canvas = {.utf8 = utf8};
	canvas_resize(&canvas, rows, cols);
	return canvas;
}

static void test_cut(void **state)
{
	(void)state;
	struct canvas canvas = make(false, 2, 10);
	assert_int_equal(canvas_text(&canvas, 0, 2, 5, STYLE_NORMAL, "abcdefgh"), 5);
	canvas_text_right(&canvas, 1, 0, 6, STYLE_NORMAL, "123");
	check(&canvas, "  abcd~\n   123\n");
	canvas_deinit(&canvas);
}

static void test_unfit(void **state)
{
	(void)state;
	struct canvas canvas = make(false, 1, 20);
	canvas_text(&canvas, 0, 0, 20, STYLE_NORMAL, "a\033[2J\xff\xc3\xa9");
	check(&canvas, "a\\x1b[2J\\xff?\n");
	canvas_deinit(&canvas);
}

static void test_wide(void **state)
{
	(void)state;
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	struct canvas canvas = make(true, 1, 7);
	// Two columns each: the third has no room beside the mark of what was cut off.
	canvas_text(&canvas, 0, 0, 6, STYLE_NORMAL, "中文字字");
	check(&canvas, "中文…\n");
	// Half a character does not stay.
	canvas_text(&canvas, 0, 1, 1, STYLE_NORMAL, "x");
	check(&canvas, " x文…\n");
	canvas_text(&canvas, 0, 6, 1, STYLE_NORMAL, "e\xcc\x81");
	check(&canvas, " x文… e\xcc\x81\n");
	assert_int_equal(canvas_width(&canvas, "中e\xcc\x81", 6), 3);
	canvas_deinit(&canvas);
}

static void test_outside(void **state)
{
	(void)state;
	struct canvas canvas = make(false, 2, 4);
	canvas_text(&canvas, -1, 0, 4, STYLE_NORMAL, "no");
	canvas_text(&canvas, 2, 0, 4, STYLE_NORMAL, "no");
	canvas_text(&canvas, 0, 9, 4, STYLE_NORMAL, "no");
	canvas_text(&canvas, 0, 0, 0, STYLE_NORMAL, "no");
	canvas_text(&canvas, 0, 3, 40, STYLE_NORMAL, "yes");
	canvas_style(&canvas, 5, -3, 100, STYLE_BAD);
	canvas_bar(&canvas, 1, -2, 100, 7, STYLE_GOOD);
	check(&canvas, "   ~\n||||\n");
	canvas_deinit(&canvas);
}

static void test_bar_and_plot(void **state)
{
	(void)state;
	struct canvas canvas = make(false, 3, 8);
	const double values[] = {0, 50, 100, -1};
	canvas_bar(&canvas, 0, 0, 8, 0.5, STYLE_GOOD);
	canvas_plot(&canvas, 2, 0, 2, values, 4, 0, 100, STYLE_GOOD);
	check(&canvas, "||||\n _#\n_##\n");
	canvas_deinit(&canvas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),          cmocka_unit_test(test_unfit),
		cmocka_unit_test(test_wide),         cmocka_unit_test(test_outside),
		cmocka_unit_test(test_bar_and_plot),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
