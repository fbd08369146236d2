/* profile_folded.c, profile_speedscope.c, profile_top.c: a profile made by hand, with what real
 * ones hardly have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "output.h"
#include "render/measure.h"
#include "render/profile_folded.h"
#include "render/profile_speedscope.h"
#include "render/profile_stack.h"
#include "render/profile_top.h"

static const struct gospy_profile_function functions[] = {
	{.name = "main.main", .printed = "main.main", .file = "/main.go", .start_line = 7},
	{.name = "main.F[go.shape.struct { A int; B int }]",
	 .printed = "main.F[...]",
	 .file = "/main.go"},
	{.name = "a;b\nc\xff\x1b", .printed = "a;b\nc\xff\x1b", .file = ""},
	{.name = "", .printed = "", .file = ""},
};

static const struct gospy_profile_line lines[] = {{.function = 0}, {.function = 1}, {.function = 2},
						  {.function = 3}, {.function = 3}, {.function = 1},
						  {.function = 0}};

static const struct gospy_profile_location locations[] = {
	{.addr = 0x1000, .line_count = 1, .lines = &lines[0]},
	{.addr = 0x2000, .line_count = 1, .lines = &lines[1]},
	{.addr = 0x3000, .line_count = 1, .lines = &lines[2]},
	{.addr = 0x4000, .line_count = 1, .lines = &lines[3], .mapping = 1},
	{.addr = UINT64_MAX, .line_count = 1, .lines = &lines[4]},
	{.addr = 0x5000, .line_count = 2, .lines = &lines[5]}, // F in main
};

static const uint32_t stacks[][3] = {{1, 0}, {2, 1, 0}, {3, 0}, {4, 4, 4}, {5}};

static const struct gospy_profile_sample samples[] = {
	{.values = {1, 100}, .locations = stacks[0], .location_count = 2},
	{.values = {2, 2000}, .locations = stacks[1], .location_count = 3},
	{.values = {3, -30}, .locations = stacks[2], .location_count = 2},
	{.values = {4, 0}, .locations = stacks[3], .location_count = 3},
	{.values = {5, 5}, .locations = stacks[4], .location_count = 1},
};

static const struct gospy_profile_mapping mappings[] = {
	{.start = 0x1000, .end = 0x9000, .file = "/bin/shop", .build_id = "ab12"}};

static const struct gospy_profile profile = {
	.kind = GOSPY_PROFILE_BLOCK,
	.name = "block",
	.type_count = 2,
	.types = {{"contentions", "count"}, {"delay", "nanoseconds"}},
	.samples = samples,
	.sample_count = 5,
	.locations = locations,
	.location_count = 6,
	.functions = functions,
	.function_count = 4,
	.mappings = mappings,
	.mapping_count = 1,
};

static void test_folded(void **state)
{
	(void)state;
	struct out *out = output_open();
	assert_true(profile_folded(out, &profile, NULL, 0));
	char *text = output_close(out);
	assert_string_equal(text, "[no stack] 4\n"
				  "main.main;0x4000 3\n"
				  "main.main;main.F[...] 6\n" // inlined or not
				  "main.main;main.F[...];a:b c   2\n");
	free(text);
	out = output_open();
	assert_true(profile_folded(out, &profile, NULL, 1));
	text = output_close(out);
	assert_string_equal(text, "main.main;0x4000 -30\n"
				  "main.main;main.F[...] 105\n"
				  "main.main;main.F[...];a:b c   2000\n");
	free(text);
}

static void test_speedscope(void **state)
{
	(void)state;
	struct out *out = output_open();
	assert_true(profile_speedscope(out, &profile, "a \"title\"", 1));
	char *text = output_close(out);
	const char *rest = strstr(text, "\"name\":");
	assert_non_null(rest);
	assert_string_equal(
		rest,
		"\"name\":\"a \\\"title\\\"\",\"activeProfileIndex\":1,\"shared\":{\"frames\":["
		"{\"name\":\"main.main\",\"file\":\"/main.go\",\"line\":7},"
		"{\"name\":\"main.F[...]\",\"file\":\"/main.go\"},"
		"{\"name\":\"a;b\\u000ac\\ufffd\\u001b\"},{\"name\":\"0x4000\"}]},\"profiles\":["
		"{\"type\":\"sampled\",\"name\":\"contentions\",\"unit\":\"none\",\"startValue\":0,"
		"\"endValue\":15,\"samples\":[[0,1],[0,1,2],[0,3],[],[0,1]],\"weights\":[1,2,3,4,5]"
		"},"
		"{\"type\":\"sampled\",\"name\":\"delay\",\"unit\":\"nanoseconds\",\"startValue\":"
		"0,"
		"\"endValue\":2105,\"samples\":[[0,1],[0,1,2],[0,1]],\"weights\":[100,2000,5]}]}"
		"\n");
	free(text);
}

/* What `go tool pprof -top` of Go 1.26 prints of the same, but for what is escaped here. */
static void test_top(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	struct out *out = output_open();
	assert_true(profile_top(out, &profile, 1, 0));
	char *text = output_close(out);
	assert_string_equal(text,
			    "File: shop\nBuild ID: ab12\nType: delay\n"
			    "Showing nodes accounting for 2075ns, 97.19% of 2135ns total\n"
			    "      flat  flat%   sum%        cum   cum%\n"
			    "    2000ns 93.68% 93.68%     2000ns 93.68%  a;b\\x0ac\\xff\\x1b\n"
			    "     105ns  4.92% 98.59%     2105ns 98.59%  "
			    "main.F[go.shape.struct { A int; B int }]\n"
			    "     -30ns  1.41% 97.19%      -30ns  1.41%  [shop]\n"
			    "         0     0% 97.19%     2075ns 97.19%  main.main\n");
	free(text);
	out = output_open();
	assert_true(profile_top(out, &profile, 0, 1));
	text = output_close(out);
	const char *rest = strstr(text, "Showing");
	assert_non_null(rest);
	assert_string_equal(rest, "Showing nodes accounting for 6, 40.00% of 15 total\n"
				  "Showing top 1 nodes out of 5\n"
				  "      flat  flat%   sum%        cum   cum%\n"
				  "         6 40.00% 40.00%          8 53.33%  "
				  "main.F[go.shape.struct { A int; B int }]\n");
	free(text);
}

static void test_nothing(void **state)
{
	(void)state;
	struct gospy_profile empty = {.name = "block", .type_count = 1, .types = {{"delay", "ns"}}};
	struct out *out = output_open();
	assert_true(profile_folded(out, &empty, NULL, 0));
	assert_true(profile_top(out, &empty, 0, 0));
	assert_true(profile_speedscope(out, &empty, "none", 0));
	free(output_close(out));
}

static void test_type(void **state)
{
	(void)state;
	size_t type;
	struct gospy_error err;
	assert_int_equal(profile_find_type(&profile, NULL, &type, &err), GOSPY_OK);
	assert_int_equal(type, 1);
	assert_int_equal(profile_find_type(&profile, "contentions", &type, &err), GOSPY_OK);
	assert_int_equal(type, 0);
	assert_int_equal(profile_find_type(&profile, "space", &type, &err), GOSPY_E_USAGE);
}

/* What measurement.ScaledLabel and Percentage of pprof say. */
static void test_measure(void **state)
{
	(void)state;
	assert_string_equal(measure_label(1536, "bytes", "minimum").s, "1.50kB");
	assert_string_equal(measure_label(1 << 20, "bytes", "kB").s, "1024kB");
	assert_string_equal(measure_label(-1536, "bytes", "minimum").s, "-1.50kB");
	assert_string_equal(measure_label(1, "bytes", "GB").s, "0");
	assert_string_equal(measure_label(0, "nanoseconds", "minimum").s, "0");
	assert_string_equal(measure_label(7200000000000, "nanoseconds", "minimum").s, "2hrs");
	assert_string_equal(measure_label(1234, "count", "count").s, "1234");
	assert_string_equal(measure_percent(1, 3).s, "33.33%");
	assert_string_equal(measure_percent(1, 300).s, " 0.33%");
	assert_string_equal(measure_percent(1, 30000000).s, "3.3e-06%");
	assert_string_equal(measure_percent(9996, 10000).s, "  100%");
	assert_string_equal(measure_percent(5, 0).s, "    0%");
	measure_label(INT64_MIN, "bytes", "minimum");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folded), cmocka_unit_test(test_speedscope),
		cmocka_unit_test(test_top),    cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_type),   cmocka_unit_test(test_measure),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
