/* Typing a line, and the table of keys. */
#include "tui/line_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tui/keys.h"

enum { CTRL_A = 1, CTRL_K = 11, CTRL_U = 21, CTRL_W = 23 };

static void type(struct line_edit *line, const int *codes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		line_edit_key(line, codes[i]);
}

#define TYPE(line, ...)                                                                            \
	do {                                                                                       \
		const int codes_[] = {__VA_ARGS__};                                                \
		type(line, codes_, sizeof(codes_) / sizeof(codes_[0]));                            \
	} while (0)

static void test_editing(void **state)
{
	(void)state;
	struct line_edit line = {0};
	TYPE(&line, 'a', 'c', KEY_ARROW_LEFT, 'b', KEY_LINE_END, 'd');
	assert_string_equal(line.text, "abcd");
	TYPE(&line, KEY_LINE_HOME, KEY_REMOVE, KEY_ARROW_RIGHT, KEY_ERASE);
	assert_string_equal(line.text, "cd");
	TYPE(&line, KEY_LINE_HOME, KEY_ERASE, KEY_LINE_END, KEY_REMOVE);
	assert_string_equal(line.text, "cd");
	TYPE(&line, ' ', 'x', 'y', CTRL_W);
	assert_string_equal(line.text, "cd ");
	TYPE(&line, CTRL_A, KEY_ARROW_RIGHT, CTRL_K);
	assert_string_equal(line.text, "c");
	TYPE(&line, CTRL_U);
	assert_string_equal(line.text, "");
}

static void test_utf8(void **state)
{
	(void)state;
	struct line_edit line = {0};
	TYPE(&line, 0xe9, 0x4e2d, 0x1f600, 'x');
	assert_string_equal(line.text, "\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80x");
	TYPE(&line, KEY_ARROW_LEFT, KEY_ARROW_LEFT, KEY_ERASE);
	assert_string_equal(line.text, "\xc3\xa9\xf0\x9f\x98\x80x");
	TYPE(&line, KEY_REMOVE);
	assert_string_equal(line.text, "\xc3\xa9x");
	assert_int_equal(line.cursor, 2);
}

static void test_ignored(void **state)
{
	(void)state;
	struct line_edit line = {0};
	assert_false(line_edit_key(&line, KEY_PAGE_UP));
	assert_false(line_edit_key(&line, KEY_ESCAPE));
	assert_false(line_edit_key(&line, 3));
	assert_false(line_edit_key(&line, KEY_UNKNOWN));
	assert_int_equal(line.len, 0);
}

static void test_full(void **state)
{
	(void)state;
	struct line_edit line = {0};
	for (int i = 0; i < 2 * LINE_EDIT_MAX; i++)
		line_edit_key(&line, 0x4e2d);
	assert_true(line.len < LINE_EDIT_MAX);
	assert_int_equal(line.len % 3, 0);
	assert_int_equal(strlen(line.text), line.len);
}

static void test_keys_once(void **state)
{
	(void)state;
	size_t n;
	const struct binding *bindings = keys_all(&n);
	for (size_t i = 0; i < n; i++) {
		struct strbuf names = {0};
		binding_names(&bindings[i], &names);
		assert_true(names.len > 0);
		strbuf_deinit(&names);
		// The first binding that has a key says what the key does.
		for (int k = 0; k < BINDING_CODES && bindings[i].codes[k]; k++)
			assert_int_equal(keys_action(bindings[i].codes[k]), bindings[i].action);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_editing),   cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_ignored),   cmocka_unit_test(test_full),
		cmocka_unit_test(test_keys_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
