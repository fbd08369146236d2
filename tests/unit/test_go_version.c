#include "dwarf/go/go_version.h"

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
		{"go1.24.4", {.minor = 24, .patch = 4}},
		{"go1.12", {.minor = 12}},
		{"go1.21rc2", {.minor = 21, .prerelease = true}},
		{"go1.26beta1", {.minor = 26, .prerelease = true}},
		{"go1.21.0rcx", {.minor = 21, .vendor = true}},
		{"go1.24.4 X:nospinbitmutex", {.minor = 24, .patch = 4, .experiments = true}},
		{"go1.26.1-X:nogreenteagc", {.minor = 26, .patch = 1, .experiments = true}},
		{"go1.26rc1-X:a", {.minor = 26, .experiments = true, .prerelease = true}},
		{"go1.22.5-vendor X:arenas",
		 {.minor = 22, .patch = 5, .experiments = true, .vendor = true}},
		{"go1.19.8 (Red Hat 1.19.8-1.el9)", {.minor = 19, .patch = 8, .vendor = true}},
		{"devel go1.25-ab12cd34 Thu Jul 1 2025", {.minor = 25, .devel = true}},
		{"go1.27-devel_ab12cd34 Thu Jul 1 2026", {.minor = 27, .devel = true}},
		{"go1.x go1.20.3", {.minor = 20, .patch = 3, .vendor = true}},
		{"microsoft_go1.23.1", {.minor = 23, .patch = 1, .vendor = true}},
		{"go1.21.123456", {.minor = 21, .vendor = true}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct go_version version;
		assert_true(go_version_parse(cases[i].text, &version));
		assert_int_equal(version.minor, cases[i].expect.minor);
		assert_int_equal(version.patch, cases[i].expect.patch);
		assert_int_equal(version.devel, cases[i].expect.devel);
		assert_int_equal(version.experiments, cases[i].expect.experiments);
		assert_int_equal(version.prerelease, cases[i].expect.prerelease);
		assert_int_equal(version.vendor, cases[i].expect.vendor);
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
