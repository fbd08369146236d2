#include "dwarf/go_version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void understands(void **state)
{
	static const struct {
		const char *text;
		struct go_version expect;
	} cases[] = {
		{"go1.24.4", {24, 4, false, false}},
		{"go1.12", {12, 0, false, false}},
		{"go1.21rc2", {21, 0, false, false}},
		{"go1.26beta1", {26, 0, false, false}},
		{"go1.24.4 X:nospinbitmutex", {24, 4, false, true}},
		{"go1.26.1-X:nogreenteagc", {26, 1, false, true}},
		{"go1.22.5-vendor X:arenas", {22, 5, false, true}},
		{"go1.19.8 (Red Hat 1.19.8-1.el9)", {19, 8, false, false}},
		{"devel go1.25-ab12cd34 Thu Jul 1 2025", {25, 0, true, false}},
		{"go1.27-devel_ab12cd34 Thu Jul 1 2026", {27, 0, true, false}},
		{"go1.x go1.20.3", {20, 3, false, false}},
		{"microsoft_go1.23.1", {23, 1, false, false}},
		{"go1.21.123456", {21, 0, false, false}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct go_version version;
		assert_true(go_version_parse(cases[i].text, &version));
		assert_int_equal(version.minor, cases[i].expect.minor);
		assert_int_equal(version.patch, cases[i].expect.patch);
		assert_int_equal(version.devel, cases[i].expect.devel);
		assert_int_equal(version.experiments, cases[i].expect.experiments);
	}
}

static void does_not_guess(void **state)
{
	static const char *const texts[] = {
		"",          "go",    "go1",
		"go1.",      "go1.0", "go2.3",
		"1.24",      "go1.x", "devel +ab12cd34 Thu Jul 1 2017",
		"go1.12345",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct go_version version = {.minor = 77};
		assert_false(go_version_parse(texts[i], &version));
		assert_int_equal(version.minor, 77);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands),
		cmocka_unit_test(does_not_guess),
	};
	return cmocka_run_group_tests_name("go_version", tests, NULL, NULL);
}
