/* All functions of Go programs, and what can be known of goroutines, in the table of top. */
#include "tui/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <locale.h>
#include <stdlib.h>

#include "go_names.h"
#include "tui/view_groups.h"

struct names_view {
	struct view view;
	VEC(struct gospy_location) at;
};

static size_t total(const struct view *view)
{
	return ((const struct names_view *)view)->at.len;
}

static void cell(struct view *view, const struct ui *ui, size_t row, size_t column,
		 struct cell_value *value)
{
	(void)ui;
	switch (view_groups.columns[column].sort) {
	case COLUMN_COUNT:
		strbuf_puts(&value->text, "1234567");
		break;
	case COLUMN_STATE:
		cell_name(value, NAME_STATE, "chan receive (nil chan)");
		break;
	case COLUMN_LOCATION:
		cell_location(value, &((struct names_view *)view)->at.at[row]);
		break;
	case COLUMN_UNSORTED:
		// A mark, and where a group differs that is like another one.
		break;
	default:
		strbuf_puts(&value->text, "+12.3");
		break;
	}
}

static void add(void *ctx, const char *func)
{
	struct names_view *names = ctx;
	struct gospy_location place = {
		.func = strdup(func), .file = "/src/kubernetes/pkg/types.go", .line = 1234};
	assert_true(place.func && vec_push(&names->at, place));
}

static void check_line(const struct gospy_location *place, const char *line)
{
	enum { LONGEST = 66 }; // of 80 columns, without the count and the mark
	char method[4096];
	struct name name = name_place(place);
	if (go_names_method(place->func, method, sizeof(method)) &&
	    name_size(&name, true).least <= LONGEST && !strstr(line, method))
		fail_msg("%s: '%s' has lost '%s'", place->func, line, method);
}

static void check_page(struct names_view *names, struct ui *ui)
{
	struct strbuf text = {0};
	canvas_clear(&ui->canvas);
	table_draw(&names->view, ui, 0, ui->canvas.rows);
	canvas_dump(&ui->canvas, &text);
	assert_false(text.failed);
	char *rest = text.s;
	strsep(&rest, "\n"); // titles
	for (size_t i = 0; i < names->view.list.page; i++) {
		size_t at = names->view.list.top + i;
		if (at < names->at.len)
			check_line(&names->at.at[at], strsep(&rest, "\n"));
	}
	strbuf_deinit(&text);
}

static void check_program(const char *path)
{
	struct view_ops ops = view_groups;
	ops.size = sizeof(struct names_view);
	ops.presorted = false;
	ops.id = NULL;
	ops.update = NULL;
	ops.act = NULL;
	ops.close = NULL;
	ops.column_title = NULL;
	ops.arranged = NULL;
	ops.total = total;
	ops.cell = cell;
	struct ui ui = {.canvas.utf8 = true};
	struct names_view *names = view_open(&ops);
	canvas_resize(&ui.canvas, 200, 80);
	go_names_of(path, add, names);
	view_update(&names->view, &ui);
	for (size_t shown = 0; shown < names->at.len; shown += 198) {
		names->view.list.top = names->view.list.selected = shown;
		check_page(names, &ui);
	}
	for (size_t i = 0; i < names->at.len; i++)
		free((void *)(uintptr_t)names->at.at[i].func);
	if (names->at.len)
		print_message("%s: %zu names\n", path, names->at.len);
	vec_free(&names->at);
	view_close(&names->view);
	canvas_deinit(&ui.canvas);
}

static void test_fixtures(void **state)
{
	(void)state;
	const char *dir = getenv("GOSPY_FIXTURES");
	char pattern[4096];
	glob_t paths;
	snprintf(pattern, sizeof(pattern), "%s/1.*/default/{generics,server}", dir ? dir : "");
	if (!dir || glob(pattern, GLOB_BRACE, NULL, &paths) != 0)
		skip();
	for (size_t i = 0; i < paths.gl_pathc; i++)
		check_program(paths.gl_pathv[i]);
	globfree(&paths);
}

static void test_named_programs(void **state)
{
	(void)state;
	const char *names = getenv("GOSPY_NAMES_OF");
	if (!names)
		skip();
	char *copy = strdup(names), *rest = copy;
	for (char *path; (path = strsep(&rest, ":"));)
		check_program(path);
	free(copy);
}

int main(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_named_programs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
