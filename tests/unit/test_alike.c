/* Command lines that begin alike, in a narrow column. */
#include "render/alike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render/name.h"

enum { MAX = 8 };

/* What is shown of each, a line each. */
static void expect(int width, const char *const *texts, const char *expected)
{
	struct alike_text of[MAX] = {0};
	struct strbuf all = {0}, text = {0};
	size_t n = 0;
	for (; n < MAX && texts[n]; n++)
		of[n] = (struct alike_text){.s = texts[n], .len = strlen(texts[n])};
	assert_true(alike_find(of, n, width, false));
	for (size_t i = 0; i < n; i++) {
		strbuf_clear(&text);
		alike_show(&of[i], width, false, &text);
		struct name name = {.kind = NAME_TEXT, .text = text.s ? text.s : ""};
		name_fit(&name, width, false, &all);
		strbuf_putc(&all, '\n');
	}
	assert_string_equal(all.s ? all.s : "", expected);
	strbuf_deinit(&all);
	strbuf_deinit(&text);
}

static void test_nothing_is_left_out(void **state)
{
	(void)state;
	static const char *const differ[] = {"parked -n 1 -kind mutex", "parked -n 2 -kind mutex",
					     "etcd", NULL};
	expect(13, differ, "parked -n 1 ~\nparked -n 2 ~\netcd\n");
	// They are the same: there is nothing to tell.
	static const char *const same[] = {"parked -n 1", "parked -n 1", NULL};
	expect(8, same, "parked ~\nparked ~\n");
	static const char *const none[] = {NULL};
	expect(8, none, "");
}

static void test_what_differs_is_shown(void **state)
{
	(void)state;
	static const char *const configs[] = {
		"etcd --config-file /etc/etcd/first.yml --name first",
		"etcd --config-file /etc/etcd/second.yml --name second",
		"caddy run",
		"etcd --config-file /etc/etcd/second.yml --name third",
		NULL,
	};
	expect(24, configs,
	       "etcd ~first.yml --name ~\n"
	       "etcd ~--name second\n"
	       "caddy run\n"
	       "etcd ~--name third\n");
	// Where all that follows has room there is room for some of what is the same, too.
	expect(40, configs,
	       "etcd --config-file /etc/etcd/first.yml ~\n"
	       "etcd ~/etc/etcd/second.yml --name second\n"
	       "caddy run\n"
	       "etcd ~/etc/etcd/second.yml --name third\n");
}

/* What differs lies within a word, or its first word has no room. */
static void test_words_are_long(void **state)
{
	(void)state;
	static const char *const long_words[] = {
		"abcdefghijklmnopqrstuvwxyz1 rest",
		"abcdefghijklmnopqrstuvwxyz2 rest",
		NULL,
	};
	expect(12, long_words, "~1 rest\n~2 rest\n");
	static const char *const ends[] = {"shop --replicas=1", "shop --replicas=10", NULL};
	expect(15, ends, "shop ~1\nshop ~10\n");
	// Of a first word that is long its beginning stays.
	static const char *const servers[] = {"prometheus --config.file=a.yml",
					      "prometheus --config.file=b.yml", NULL};
	expect(14, servers, "prometh~a.yml\nprometh~b.yml\n");
	static const char *const umlauts[] = {
		"abcdefghijklmnopqrst\xc3\xa4",
		"abcdefghijklmnopqrst\xc3\xb6",
		NULL,
	};
	struct alike_text of[2] = {{.s = umlauts[0], .len = 22}, {.s = umlauts[1], .len = 22}};
	assert_true(alike_find(of, 2, 8, true));
	assert_int_equal(of[0].skip, 20);
}

/* Each of many differs from the next one further behind. */
static void test_hostile(void **state)
{
	(void)state;
	enum { N = 2000 };
	char *big = malloc(N + 1);
	struct alike_text *of = calloc(N, sizeof(*of));
	assert_true(big && of);
	memset(big, 'a', N);
	for (size_t i = 0; i < N; i++)
		of[i] = (struct alike_text){.s = big, .len = i};
	assert_true(alike_find(of, N, 20, true));
	for (size_t i = 0; i < N; i++)
		assert_true(of[i].skip <= of[i].len);
	for (int width = 0; width < 4; width++)
		assert_true(alike_find(of, N, width, true));
	free(big);
	free(of);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_left_out),
		cmocka_unit_test(test_what_differs_is_shown),
		cmocka_unit_test(test_words_are_long),
		cmocka_unit_test(test_hostile),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
