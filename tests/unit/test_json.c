#include "render/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gospy.h"
#include "output.h"

static void expect_json(const char *in, const char *expected)
{
	struct out *out = output_open();
	struct json json = {.out = out};
	json_str(&json, NULL, in);
	char *text = output_close(out);
	assert_string_equal(text, expected);
	free(text);
}

static void test_strings(void **state)
{
	(void)state;
	expect_json("", "\"\"");
	expect_json("main.main", "\"main.main\"");
	expect_json("a\"b\\c", "\"a\\\"b\\\\c\"");
	expect_json("\n\033\x7f", "\"\\u000a\\u001b\\u007f\"");
	expect_json("\xc2\x9b\xe2\x80\xae", "\"\\u009b\\u202e\"");
	expect_json("·日", "\"·日\"");
	expect_json("a\xff\xc3", "\"a\\ufffd\\ufffd\"");
}

static void test_in_html(void **state)
{
	(void)state;
	struct out *out = output_open();
	struct json json = {.out = out, .in_html = true};
	json_str(&json, NULL, "<</script>\"<!--");
	char *text = output_close(out);
	assert_string_equal(text, "\"\\u003c\\u003c/script>\\\"\\u003c!--\"");
	free(text);
	expect_json("<b>", "\"<b>\"");
}

static void test_structure(void **state)
{
	(void)state;
	struct out *out = output_open();
	struct json json = {.out = out};
	json_object(&json, NULL);
	json_array(&json, "empty");
	json_array_end(&json);
	json_array(&json, "list");
	json_u64(&json, NULL, 0);
	json_object(&json, NULL);
	json_object_end(&json);
	json_object(&json, NULL);
	json_bool(&json, "yes", true);
	json_bool(&json, "no", false);
	json_object_end(&json);
	json_array_end(&json);
	json_addr(&json, "addr", 0xc000012340);
	json_addr(&json, "nil", 0);
	json_u64(&json, "max", UINT64_MAX - 1);
	json_percent(&json, "percent", 12.3456);
	json_object_end(&json);
	json_newline(&json);
	json_object(&json, NULL);
	json_object_end(&json);
	char *text = output_close(out);
	assert_string_equal(text, "{\"empty\":[],\"list\":[0,{},{\"yes\":true,\"no\":false}],"
				  "\"addr\":\"0xc000012340\",\"nil\":\"0x0\","
				  "\"max\":18446744073709551614,\"percent\":12.346}\n{}");
	free(text);
}

static void test_unknown_is_left_out(void **state)
{
	(void)state;
	struct out *out = output_open();
	struct json json = {.out = out};
	json_object(&json, NULL);
	json_u64(&json, "a", GOSPY_UNKNOWN);
	json_addr(&json, "b", GOSPY_UNKNOWN);
	json_str(&json, "c", NULL);
	json_percent(&json, "d", -1);
	json_percent(&json, "e", __builtin_nan(""));
	json_u64(&json, "f", 1);
	json_object_end(&json);
	char *text = output_close(out);
	assert_string_equal(text, "{\"f\":1}");
	free(text);
}

static void test_begin(void **state)
{
	(void)state;
	struct out *out = output_open();
	struct json json = {.out = out};
	json_begin(&json, "summary");
	json_object_end(&json);
	char *text = output_close(out);
	assert_string_equal(text, "{\"schema_version\":1,\"type\":\"summary\"}");
	free(text);
}

/* Strings longer than the buffer, and values that straddle its end. */
static void test_large(void **state)
{
	(void)state;
	enum { LEN = 3 * OUT_BUFFER + 7 };
	char *s = malloc(LEN + 1);
	assert_non_null(s);
	memset(s, 'a', LEN);
	s[LEN] = '\0';
	s[OUT_BUFFER] = '"';
	struct out *out = output_open();
	struct json json = {.out = out};
	json_array(&json, NULL);
	json_str(&json, NULL, s);
	for (unsigned i = 0; i < 50000; i++)
		json_u64(&json, NULL, 12345678);
	json_array_end(&json);
	char *text = output_close(out);
	// brackets, quotes, an escaping backslash
	assert_int_equal(strlen(text), 2 + 2 + LEN + 1 + 50000 * 9);
	assert_memory_equal(text + 2 + OUT_BUFFER, "\\\"a", 3);
	assert_string_equal(text + strlen(text) - 10, ",12345678]");
	free(text);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),   cmocka_unit_test(test_in_html),
		cmocka_unit_test(test_structure), cmocka_unit_test(test_unknown_is_left_out),
		cmocka_unit_test(test_begin),     cmocka_unit_test(test_large),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
