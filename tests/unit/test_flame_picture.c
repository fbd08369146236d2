/* flame_picture.c, flame_html.c, flame_svg.c: what is drawn, how large it is, what text of a target
 * becomes. That a page works is tested in e2e/test_flame.py. */
#include "render/flame_picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "output.h"
#include "render/flame_html.h"
#include "render/flame_page.h"
#include "render/flame_svg.h"

static const struct gospy_profile_value_type types[] = {{"inuse_objects", "count"},
							{"inuse_space", "bytes"}};

static uint32_t add(struct flame *flame, const char *stack, size_t column, int64_t value)
{
	CLEANUP_FREE char *text = strdup(stack);
	char *rest = text;
	uint32_t node = FLAME_ROOT, name;
	for (const char *call; (call = strsep(&rest, ";"));) {
		assert_true(flame_name(flame, call, &name));
		assert_true(flame_call(flame, node, name, &node));
	}
	flame_add(flame, node, column, value);
	return node;
}

static struct flame_picture picture_of(const struct flame *flame, bool diff)
{
	return (struct flame_picture){.flame = flame,
				      .diff = diff,
				      .title = "heap of shop (1)",
				      .types = types,
				      .type_count = 2,
				      .type = 1};
}

typedef bool (*writer)(struct out *out, const struct flame_picture *picture);

/* To be freed. */
static char *written(writer write, const struct flame_picture *picture)
{
	struct out *out = output_open();
	assert_true(write(out, picture));
	return output_close(out);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;
	while ((text = strstr(text, what))) {
		text += strlen(what);
		n++;
	}
	return n;
}

static bool same(struct flame_color a, struct flame_color b)
{
	return a.hue == b.hue && a.saturation == b.saturation && a.lightness == b.lightness;
}

static void test_colors(void **state)
{
	(void)state;
	static const char *const http[] = {"net/http.(*conn).serve", "net/http.Get",
					   "net/http.HandlerFunc.ServeHTTP",
					   "net/http.Do[go.shape.struct { gopkg.in/a.B int }]",
					   "net/http.(*pool[...]).get.func1"};
	static const char *const runtime[] = {"runtime.main",
					      "runtime/debug.FreeOSMemory",
					      "internal/runtime/maps.(*Map).Get",
					      "clock_nanosleep",
					      "0x401000",
					      ""};
	for (size_t i = 0; i < sizeof(http) / sizeof(http[0]); i++) {
		struct flame_color color = flame_color_of(http[i]);
		assert_int_equal(color.hue, flame_color_of("net/http.X").hue);
		assert_int_equal(color.saturation, flame_color_of("net/http.X").saturation);
	}
	for (size_t i = 0; i < sizeof(runtime) / sizeof(runtime[0]); i++)
		assert_true(flame_color_of(runtime[i]).saturation < 10);
	assert_true(flame_color_of("runtimes.F").saturation >= 40);
	assert_int_not_equal(flame_color_of("net.Dial").hue, flame_color_of("net/http.Get").hue);
	// A picture of yesterday has the same.
	assert_true(same(flame_color_of("main.main"), (struct flame_color){25, 59, 70}));
}

static void test_change(void **state)
{
	(void)state;
	assert_true(flame_change(5, 0) == 1);
	assert_true(flame_change(0, 5) == -1);
	assert_true(flame_change(0, 0) == 0);
	assert_true(flame_change(4, 8) == -0.5);
	assert_true(flame_change(-5, 5) == -1);
	assert_true(flame_change(INT64_MAX, INT64_MIN) == 1);
	assert_int_equal(flame_color_of_change(0).saturation, 0);
	assert_int_not_equal(flame_color_of_change(1).hue, flame_color_of_change(-1).hue);
}

/* What is below zero takes no width, not even from its callers. */
static void test_widths(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame;
	flame_widths widths = {0};
	assert_true(flame_init(&flame, 4));
	uint32_t less = add(&flame, "main;less", 1, -50);
	uint32_t more = add(&flame, "main;more", 1, 20);
	add(&flame, "main;more", 3, 5);
	uint32_t gone = add(&flame, "main;gone", 3, 7);
	add(&flame, "main;less", 3, INT64_MIN);
	assert_true(flame_end(&flame));
	struct flame_picture picture = picture_of(&flame, true);
	assert_true(flame_picture_widths(&picture, 1, &widths));
	assert_true(widths.at[less] == 0 && widths.at[more] == 25 && widths.at[gone] == 7);
	assert_true(widths.at[FLAME_ROOT] == 32);
	struct flame_below below = flame_picture_below(&picture, 1);
	assert_int_equal(below.stacks, 2);
	assert_true(below.sum == (int64_t)((uint64_t)INT64_MIN - 50));
	picture.diff = false;
	assert_true(flame_picture_widths(&picture, 1, &widths));
	assert_true(widths.at[more] == 20 && widths.at[gone] == 0 && widths.at[FLAME_ROOT] == 20);
	assert_int_equal(flame_picture_below(&picture, 1).stacks, 1);
	assert_true(flame_picture_below(&picture, 1).sum == -50);
	assert_int_equal(flame_picture_below(&picture, 0).stacks, 0);
	assert_true(flame_picture_widths(&picture, 0, &widths));
	assert_true(widths.at[FLAME_ROOT] == 0);
	vec_free(&widths);
}

static const char *const hostile[] = {
	"<img src=x onerror=alert(1)>",
	"</script><script>alert(1)</script>",
	"<!--<script>",
	"\"';}alert(1)//",
	"\xe2\x80\xa8\xe2\x80\xa9",
	"\xff\xfe\x01",
	FLAME_PAGE_DATA,
	"]]>&amp;",
	"\xef\xbf\xbf",
};

static void test_hostile(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame, none;
	CLEANUP_FREE char *giant = malloc(27001);
	assert_true(flame_init(&flame, 2) && flame_init(&none, 2) && flame_end(&none));
	memset(giant, '<', 27000);
	giant[27000] = '\0';
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
		add(&flame, hostile[i], 1, 5);
	add(&flame, giant, 1, 5);
	assert_true(flame_end(&flame));
	struct flame_picture picture = picture_of(&none, false);
	char *clean = written(flame_html, &picture);
	picture = picture_of(&flame, false);
	picture.title = hostile[1];
	picture.facts = hostile;
	picture.fact_count = sizeof(hostile) / sizeof(hostile[0]);
	picture.note = hostile[0];
	char *page = written(flame_html, &picture);
	// There is no more markup in it than in one without any text.
	assert_int_equal(count(page, "<"), count(clean, "<"));
	assert_int_equal(count(page, "\xe2\x80\xa8"), 0);
	assert_int_equal(count(page, "\xff"), 0);
	assert_non_null(strstr(page, "<title>&lt;/script&gt;&lt;script&gt;"));
	char *svg = written(flame_svg, &picture);
	assert_int_equal(count(svg, "<img"), 0);
	assert_int_equal(count(svg, "script>"), 0);
	assert_int_equal(count(svg, "\xef\xbf\xbf"), 0);
	assert_int_equal(count(svg, "]]>"), 0);
	assert_non_null(strstr(svg, "&lt;img"));
	assert_true(strlen(svg) < 20000); // the longest name is cut
	free(clean);
	free(page);
	free(svg);
}

/* A profile of 50,000 stacks, 30 calls deep, of 3,000 functions in packages as there are. */
static void add_many(struct flame *flame, uint32_t stacks)
{
	enum { FUNCTIONS = 3000, DEPTH = 30 };
	uint32_t names[FUNCTIONS], seed = 1;
	char text[100];
	for (uint32_t i = 0; i < FUNCTIONS; i++) {
		snprintf(text, sizeof(text), "github.com/example/shop/internal/%u.(*Server).Do%u",
			 i / 40, i);
		assert_true(flame_name(flame, text, &names[i]));
	}
	for (uint32_t i = 0; i < stacks; i++) {
		uint32_t node = FLAME_ROOT;
		for (uint32_t depth = 0; depth < DEPTH; depth++) {
			// Stacks have more in common the closer to their root.
			uint32_t ways = depth < 20 ? 0 : 1 + depth % 3 * 3;
			seed = seed * 1664525 + 1013904223;
			uint32_t which = (depth * 97 + (ways ? (seed >> 8) % ways : 0)) % FUNCTIONS;
			assert_true(flame_call(flame, node, names[which], &node));
		}
		// The last call is of this stack alone.
		snprintf(text, sizeof(text), "main.handle%u", i % 2000);
		uint32_t name;
		assert_true(flame_name(flame, text, &name) &&
			    flame_call(flame, node, name, &node) &&
			    flame_call(flame, node, names[i / 2000], &node));
		flame_add(flame, node, 0, 1 + seed % 1000);
		flame_add(flame, node, 1, 4096 + seed % 100000000);
	}
	assert_true(flame_end(flame));
}

static void test_size(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame;
	assert_true(flame_init(&flame, 2));
	add_many(&flame, 50000);
	assert_true(flame.nodes.len > 100000);
	struct flame_picture picture = picture_of(&flame, false);
	char *page = written(flame_html, &picture);
	assert_true(strlen(page) < 3 << 20);
	free(page);
}

/* More calls than a browser can take: the small ones are merged, and nothing gets lost. */
static void test_too_many(void **state)
{
	(void)state;
	enum { CALLS = FLAME_HTML_CALLS + 1000 };
	CLEANUP(flame_deinit) struct flame flame;
	uint32_t name, parent, node;
	assert_true(flame_init(&flame, 2));
	add(&flame, "main.large", 1, INT64_C(1) << 40);
	assert_true(flame_name(&flame, "main.many", &name));
	assert_true(flame_call(&flame, FLAME_ROOT, name, &parent));
	for (uint32_t i = 0; i < CALLS; i++) {
		char text[20];
		snprintf(text, sizeof(text), "f%u", i);
		assert_true(flame_name(&flame, text, &name) &&
			    flame_call(&flame, parent, name, &node));
		flame_add(&flame, node, 1, 1000);
	}
	assert_true(flame_end(&flame));
	struct flame_picture picture = picture_of(&flame, false);
	char *page = written(flame_html, &picture);
	// The root, both of its calls, and what is merged in the second.
	assert_non_null(strstr(page, "\"nodes\":4,"));
	assert_non_null(strstr(page, "\"merged\":true,"));
	assert_non_null(strstr(page, "(smaller calls)"));
	assert_null(strstr(page, "f17"));
	free(page);
}

static size_t boxes_of(struct flame *flame, bool diff)
{
	struct flame_picture picture = picture_of(flame, diff);
	char *svg = written(flame_svg, &picture);
	size_t n = count(svg, "<g>");
	assert_int_equal(count(svg, "</g>"), n);
	free(svg);
	return n;
}

static void test_svg(void **state)
{
	(void)state;
	CLEANUP(flame_deinit) struct flame flame, small, none;
	assert_true(flame_init(&flame, 4) && flame_init(&small, 2) && flame_init(&none, 2));
	add(&flame, "main;work", 1, 3 << 20);
	add(&flame, "main;work", 3, 1 << 20);
	add(&flame, "main;gone", 3, 2 << 20);
	assert_true(flame_end(&flame));
	struct flame_picture picture = picture_of(&flame, true);
	char *svg = written(flame_svg, &picture);
	assert_int_equal(count(svg, "<g>"), 4);
	assert_non_null(
		strstr(svg, "<title>work\nnow 3MB, 100%\nbefore 1MB\n+2MB\nself 3MB, 100%"));
	assert_non_null(strstr(svg, "<title>gone\nnow 0, 0%\nbefore 2MB\n-2MB</title>"));
	assert_non_null(strstr(svg, "inuse_space: 3MB now, 3MB before"));
	free(svg);
	// A thousand are half a pixel, and ten times as many are less.
	for (int i = 0; i < 10000; i++) {
		char text[20];
		snprintf(text, sizeof(text), "f%d;g", i);
		add(&small, text, 1, 1);
	}
	add(&small, "large", 1, 10000);
	assert_true(flame_end(&small) && flame_end(&none));
	assert_int_equal(boxes_of(&small, false), 2);
	assert_int_equal(boxes_of(&none, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_colors), cmocka_unit_test(test_change),
		cmocka_unit_test(test_widths), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_size),   cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_svg),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
