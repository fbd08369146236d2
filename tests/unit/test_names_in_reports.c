/* All functions of Go programs, two by two, in what summary and stack show of them. */
#include "render/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <locale.h>

#include "base/cleanup.h"
#include "go_names.h"
#include "output.h"
#include "render/goroutine_line.h"
#include "render/report_goroutine.h"
#include "render/width.h"

enum { PAGE = 24, INDENT = 6 };

static const int widths[] = {40, 80, 120};

typedef VEC(struct gospy_location) location_vec;

static void add(void *ctx, const char *func)
{
	location_vec *at = ctx;
	struct gospy_location place = {.func = strdup(func),
				       .file = "/src/kubernetes/pkg/types.go",
				       .line = (uint32_t)(1000 + at->len % 2000)};
	assert_true(place.func && vec_push(at, place));
}

/* No line is wider, and no name that a line has room for has lost its type or its method. */
static void check(char *text, int cols, const struct gospy_location *const *places, size_t n)
{
	char *lines = strdup(text), *rest = lines;
	for (const char *line; (line = strsep(&rest, "\n"));)
		if (width_text(line, strlen(line), false) > cols)
			fail_msg("wider than %d columns: %s", cols, line);
	free(lines);
	bool all = true;
	for (size_t i = 0; i < n; i++) {
		char method[4096];
		struct name name = name_place(places[i]);
		struct name_size size = name_size(&name, false);
		all &= size.core + INDENT <= cols;
		if (size.least + INDENT <= cols && strlen(places[i]->func) < sizeof(method) &&
		    go_names_method(places[i]->func, method, sizeof(method)) &&
		    !strstr(text, method))
			fail_msg("%d columns: %s has lost '%s':\n%s", cols, places[i]->func, method,
				 text);
	}
	if (all && (strstr(text, " ~.") || strstr(text, "\n~.")))
		fail_msg("%d columns: a type is missing:\n%s", cols, text);
	free(text);
}

static const struct table_column columns[] = {
	{.gap = "", .title = "COUNT", .right = true},
	{.gap = "  ", .title = "STATES", .good = 20, .enough = 8, .rank = 1},
	{.gap = "  ", .title = "LOCATION", .good = 38},
	{.gap = "  ", .title = "WAITS AT", .good = 38, .enough = 18, .rank = 2, .below = "at "},
};

/* As groups are shown. A narrow terminal has no room for the last column. */
static void check_table(const struct gospy_location *at, size_t n, int cols)
{
	enum { COLUMNS = 4, NARROW = 60 };
	size_t count = cols < NARROW ? COLUMNS - 1 : COLUMNS;
	CLEANUP(table_deinit) struct table table = {.columns = columns, .column_count = count};
	CLEANUP(strbuf_deinit) struct strbuf states = {0};
	const struct gospy_location *places[2 * PAGE];
	size_t shown = 0;
	strbuf_puts(&states, "12 chan recv, 7 select");
	table_titles(&table);
	for (size_t i = 0; i + 1 < n && i < PAGE; i++) {
		table_cell_u64(&table, 4711);
		table_name_buf(&table, NAME_STATES, &states);
		for (size_t k = 0; k < count - 2; k++) {
			struct name name = name_place(places[shown++] = &at[i + k]);
			table_name(&table, &name);
		}
	}
	struct out *out = output_open();
	out->cols = cols;
	table_print(&table, out);
	check(output_close(out), cols, places, shown);
}

static void check_line(const struct gospy_location *at, int cols)
{
	const struct gospy_goroutine g = {
		.goid = 4711,
		.status = GOSPY_STATUS_WAITING,
		.wait_reason = "sync.Mutex.Lock",
		.wait_ns = UINT64_C(725000000000),
		.wait_kind = GOSPY_WAIT_MUTEX,
		.wait_addr = 0xc000012348,
	};
	const struct gospy_location *places[] = {at, at + 1};
	struct out *out = output_open();
	out->cols = cols;
	goroutine_line(out, &(struct goroutine_line){.g = &g, .place = at, .user = at + 1});
	check(output_close(out), cols, places, 2);
}

/* All but blanks. */
static void squeeze(char *text)
{
	char *end = text;
	for (; *text; text++) {
		if (!strchr(" \n", *text))
			*end++ = *text;
	}
	*end = '\0';
}

/* In text that goes on in other lines nothing is ever missing that has to stay. */
static void check_sentence(const struct gospy_location *at, int cols)
{
	CLEANUP(strbuf_deinit) struct strbuf core = {0};
	struct name name = name_place(at);
	struct out *out = output_open();
	out->cols = cols;
	const struct out_mark mark = out_mark(out);
	out_puts(out, "  goroutines 4711, 4712 and 17 more receive at ");
	report_name_text(out, &name);
	out_puts(out, ", 42s\n");
	out_wrap(out, mark);
	char *text = output_close(out);
	for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		// A name without a place to be broken is broken by the terminal.
		if (width_text(line, (size_t)(end - line), false) > cols && strchr(line, ' ') &&
		    name_size(&name, false).lined + INDENT <= cols)
			fail_msg("wider than %d columns: %s", cols, text);
	}
	squeeze(text);
	int lined = name_size(&name, false).lined, width = lined > cols ? lined : cols;
	bool found = false;
	for (; width >= lined && !found; width--) {
		strbuf_clear(&core);
		name_fit(&name, width, false, &core);
		strbuf_putc(&core, '\0');
		assert_false(core.failed);
		squeeze(core.s);
		found = strstr(text, core.s);
	}
	if (!found)
		fail_msg("%d columns: '%s' is not in '%s'", cols, core.s, text);
	free(text);
}

static void check_program(const char *path)
{
	location_vec at = {0};
	go_names_of(path, add, &at);
	for (size_t w = 0; w < sizeof(widths) / sizeof(widths[0]); w++) {
		for (size_t i = 0; i + 1 < at.len; i++) {
			if (i % PAGE == 0)
				check_table(&at.at[i], at.len - i, widths[w]);
			check_line(&at.at[i], widths[w]);
			if (i % (sizeof(widths) / sizeof(widths[0])) == w)
				check_sentence(&at.at[i], widths[w]);
		}
	}
	for (size_t i = 0; i < at.len; i++)
		free((void *)(uintptr_t)at.at[i].func);
	if (at.len)
		print_message("%s: %zu names\n", path, at.len);
	vec_free(&at);
}

static void test_fixtures(void **state)
{
	(void)state;
	const char *dir = getenv("GOSPY_FIXTURES");
	char pattern[4096];
	glob_t paths;
	snprintf(pattern, sizeof(pattern), "%s/1.2*/default/generics", dir ? dir : "");
	if (!dir || glob(pattern, 0, NULL, &paths) != 0)
		skip();
	check_program(paths.gl_pathv[paths.gl_pathc - 1]);
	globfree(&paths);
}

/* GOSPY_NAMES_OF: programs, with colons between them. */
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
