/* args.c: how lists of arguments are decoded and printed. */
#include "dwarf/go/args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "go_image.h"

static void check_print(const struct args_item *items, size_t count, const uint64_t *values,
			const char *expected)
{
	struct strbuf text = {0};
	strbuf_puts(&text, "");
	args_print(items, count, values, &text);
	assert_string_equal(text.s ? text.s : "", expected);
	strbuf_deinit(&text);
}

static void test_print(void **state)
{
	(void)state;
	static const struct args_item value = {ARGS_VALUE, 0, 8, false},
				      dead = {ARGS_VALUE, 8, 8, true}, open = {.kind = ARGS_OPEN},
				      close = {.kind = ARGS_CLOSE}, more = {.kind = ARGS_MORE},
				      far = {.kind = ARGS_TOO_FAR};
	static const uint64_t values[] = {0, 0xff, 1, 2};
	check_print(NULL, 0, NULL, "");
	check_print((struct args_item[]){value, dead}, 2, values, "0x0, 0xff?");
	check_print((struct args_item[]){open, value, value, close, value}, 5, values,
		    "{0x0, 0xff}, 0x1");
	check_print((struct args_item[]){open, close, open, open, more, close, close}, 7, values,
		    "{}, {{...}}");
	check_print((struct args_item[]){value, far, more}, 3, values, "0x0, _, ...");
}

static void test_words(void **state)
{
	(void)state;
	static const struct {
		int32_t size;
		uint8_t values, count;
	} cases[] = {{0, 0, 0},    {7, 0, 0},    {8, 1, 1},
		     {80, 10, 10}, {88, 10, 11}, {INT32_MIN, 10, 11}};
	struct pclntab pcln = {.minor = 16};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct pcln_func func = {.args = cases[i].size, .table = &pcln};
		struct args args;
		assert_true(args_decode(&func, 0, &args));
		assert_int_equal(args.values, cases[i].values);
		assert_int_equal(args.count, cases[i].count);
	}
}

static void test_info(void **state)
{
	(void)state;
	static struct go_image im;
	static const uint64_t values[] = {1, 2};
	for (int minor = 17; minor <= 27; minor++) {
		go_image_init(&im, minor);
		struct paged p = go_image_paged(&im);
		struct moduledata md;
		struct pclntab pcln;
		struct pcln_func func;
		struct args args;
		assert_int_equal(moduledata_read(&p, im.moduledata, &md, NULL), GOSPY_OK);
		assert_int_equal(pcln_init(&pcln, &p, &md, minor, NULL), GOSPY_OK);
		assert_true(pcln_find_func(&pcln, im.text, &func));
		assert_true(args_decode(&func, im.text + 4, &args));
		check_print(args.items, args.count, values, "0x1, {0x2}");
		assert_true(args_decode(&func, im.text + 0x20, &args));
		check_print(args.items, args.count, values,
			    minor < 18 ? "0x1, {0x2}" : "0x1, {0x2?}");
		go_image_set(&im, im.arg_info + 1, 9, 1); // a value of nine bytes
		assert_false(args_decode(&func, im.text, &args));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_info),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
