#include "tui/theme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render/out.h"

/* The least contrast of text for WCAG 2.2, level AA. */
static const double enough = 4.5;

struct palette {
	const char *name;
	uint32_t colors[8];
	uint32_t bold[8]; /* where bold brings a lighter shade */
};

static const struct palette xterm = {
	"xterm",
	{0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5},
	{0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff},
};

/* The same without lighter shades, as most terminals have it today. */
static const struct palette xterm_same = {
	"xterm, bold as it is",
	{0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5},
	{0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5},
};

static const struct palette vga = {
	"VGA",
	{0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa},
	{0x555555, 0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff},
};

/* x to the 2.4th power: its square, by the fifth root of its square. */
static double power(double x)
{
	double square = x * x, root = 1;
	for (int i = 0; i < 100; i++)
		root = (4 * root + square / (root * root * root * root)) / 5;
	return square * root;
}

static double linear(uint32_t byte)
{
	double part = byte / 255.0;
	return part <= 0.04045 ? part / 12.92 : power((part + 0.055) / 1.055);
}

static double luminance(uint32_t rgb)
{
	return 0.2126 * linear(rgb >> 16 & 255) + 0.7152 * linear(rgb >> 8 & 255) +
	       0.0722 * linear(rgb & 255);
}

static double contrast(uint32_t a, uint32_t b)
{
	double x = luminance(a) + 0.05, y = luminance(b) + 0.05;
	return x > y ? x / y : y / x;
}

static void test_contrast(void **state)
{
	(void)state;
	assert_true(contrast(0, 0xffffff) > 20.99 && contrast(0, 0xffffff) < 21.01);
	// The example that began it: yellow on white.
	assert_true(contrast(0xcdcd00, 0xffffff) < 1.8);
}

/* A number as theme_appearance has it. */
static uint32_t color_of(const struct palette *palette, int number, bool bold, uint32_t own)
{
	if (number < 0)
		return own;
	if (number < 8)
		return bold ? palette->bold[number] : palette->colors[number];
	assert_in_range(number, 232, 255);
	uint32_t grey = (uint32_t)(8 + 10 * (number - 232));
	return grey << 16 | grey << 8 | grey;
}

static void check(const struct palette *palette, enum term_theme theme, uint32_t background,
		  uint32_t text)
{
	static const int terminals[] = {8, 16, 256, 1 << 24};
	for (size_t t = 0; t < sizeof(terminals) / sizeof(terminals[0]); t++) {
		for (int style = 0; style < STYLES; style++) {
			struct appearance look =
				theme_appearance(theme, terminals[t], (enum style)style);
			uint32_t fg = color_of(palette, look.fg, look.bold, text);
			uint32_t bg = color_of(palette, look.bg, false, background);
			double is = contrast(fg, bg);
			if (is < enough)
				fail_msg("%s, theme %d, style %d on #%06x: %.2f", palette->name,
					 (int)theme, style, background, is);
		}
	}
}

static void check_all(enum term_theme theme, uint32_t background, uint32_t text)
{
	check(&xterm, theme, background, text);
	check(&xterm_same, theme, background, text);
}

static void test_styles(void **state)
{
	// Black and white, and grounds of well-known themes: VS Code, Dracula, Solarized, Ubuntu.
	static const uint32_t dark[] = {0x000000, 0x1e1e1e, 0x282a36, 0x002b36, 0x300a24};
	static const uint32_t light[] = {0xffffff, 0xf5f5f5, 0xfdf6e3, 0xeeeeec};
	(void)state;
	for (size_t i = 0; i < sizeof(dark) / sizeof(dark[0]); i++) {
		check_all(TERM_THEME_DARK, dark[i], 0xffffff);
		check_all(TERM_THEME_ANY, dark[i], 0xffffff);
		check_all(TERM_THEME_PLAIN, dark[i], 0xffffff);
	}
	for (size_t i = 0; i < sizeof(light) / sizeof(light[0]); i++) {
		check_all(TERM_THEME_LIGHT, light[i], 0x000000);
		check_all(TERM_THEME_ANY, light[i], 0x000000);
		check_all(TERM_THEME_PLAIN, light[i], 0x000000);
	}
	check(&vga, TERM_THEME_DARK, 0, 0xaaaaaa);
	check(&vga, TERM_THEME_LIGHT, 0xffffff, 0);
}

/* The numbers of an SGR sequence, as an appearance. */
static struct appearance appearance_of(const char *sequence)
{
	struct appearance look = {.fg = -1, .bg = -1};
	char *s = strdup(sequence);
	char *const text = s;
	assert_non_null(s);
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			continue;
		long n = strtol(s, &s, 10);
		if (n == 38) {
			assert_memory_equal(s, ";5;", 3);
			look.fg = (int)strtol(s + 3, &s, 10);
		}
		look.bold |= n == 1;
		look.fg = n >= 30 && n <= 37 ? (int)n - 30 : look.fg;
		look.bg = n >= 40 && n <= 47 ? (int)n - 40 : look.bg;
		s--;
	}
	free(text);
	return look;
}

static void test_reports(void **state)
{
	(void)state;
	for (int style = 0; style < OUT_STYLES; style++) {
		for (int greys = 0; greys < 2; greys++) {
			struct appearance dark = appearance_of(
				out_sequence(TERM_THEME_DARK, (enum out_style)style, greys));
			struct appearance light = appearance_of(
				out_sequence(TERM_THEME_LIGHT, (enum out_style)style, greys));
			struct appearance any = appearance_of(
				out_sequence(TERM_THEME_ANY, (enum out_style)style, greys));
			struct appearance plain = appearance_of(
				out_sequence(TERM_THEME_PLAIN, (enum out_style)style, greys));
			assert_true(plain.fg < 0 && plain.bg < 0);
			assert_true(any.fg < 0 || any.bg >= 0);
			const struct palette *const all[] = {&xterm, &xterm_same, &vga};
			for (size_t i = 0; i < 3; i++) {
				uint32_t bg = color_of(all[i], dark.bg, false, 0);
				assert_true(contrast(color_of(all[i], dark.fg, dark.bold, 0xffffff),
						     bg) >= enough);
				bg = color_of(all[i], light.bg, false, 0xffffff);
				assert_true(contrast(color_of(all[i], light.fg, light.bold, 0),
						     bg) >= enough);
			}
		}
	}
}

/* Where colours are not to be seen, attributes tell apart what colours do. */
static void test_plain(void **state)
{
	(void)state;
	for (int style = 0; style < STYLES; style++) {
		struct appearance few = theme_appearance(TERM_THEME_DARK, 0, (enum style)style);
		struct appearance plain =
			theme_appearance(TERM_THEME_PLAIN, 256, (enum style)style);
		assert_memory_equal(&few, &plain, sizeof(few));
		assert_true(plain.fg == -1 && plain.bg == -1);
	}
	assert_true(theme_appearance(TERM_THEME_PLAIN, 0, STYLE_SELECTED).reverse);
	assert_true(theme_appearance(TERM_THEME_PLAIN, 0, STYLE_BAD).bold);
}

static void test_backgrounds(void **state)
{
	(void)state;
	assert_int_equal(term_theme_on(0, 0, 0), TERM_THEME_DARK);
	assert_int_equal(term_theme_on(0, 0x2b / 255.0, 0x36 / 255.0), TERM_THEME_DARK);
	assert_int_equal(term_theme_on(1, 1, 1), TERM_THEME_LIGHT);
	assert_int_equal(term_theme_on(0xfd / 255.0, 0xf6 / 255.0, 0xe3 / 255.0), TERM_THEME_LIGHT);
	// On a grey in between neither is legible.
	assert_int_equal(term_theme_on(0.5, 0.5, 0.5), TERM_THEME_ANY);
}

static void test_environment(void **state)
{
	static const struct {
		const char *pair;
		enum term_theme theme;
	} pairs[] = {
		{"15;0", TERM_THEME_DARK},          {"0;15", TERM_THEME_LIGHT},
		{"7;8", TERM_THEME_DARK},           {"0;7", TERM_THEME_LIGHT},
		{"0;default;15", TERM_THEME_LIGHT}, {"15;default", TERM_THEME_ANY},
		{"15;99", TERM_THEME_ANY},          {"", TERM_THEME_ANY},
	};
	(void)state;
	setenv("TERM", "xterm", 1);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		setenv("COLORFGBG", pairs[i].pair, 1);
		assert_int_equal(term_theme(TERM_THEME_AUTO), pairs[i].theme);
		assert_int_equal(term_theme(TERM_THEME_LIGHT), TERM_THEME_LIGHT);
	}
	unsetenv("COLORFGBG");
	assert_int_equal(term_theme(TERM_THEME_AUTO), TERM_THEME_ANY);
	setenv("TERM", "linux", 1);
	assert_int_equal(term_theme(TERM_THEME_AUTO), TERM_THEME_DARK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contrast),    cmocka_unit_test(test_styles),
		cmocka_unit_test(test_reports),     cmocka_unit_test(test_plain),
		cmocka_unit_test(test_backgrounds), cmocka_unit_test(test_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
