#include "cli/opts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct values {
	pid_t pid;
	const char *bin;
	bool quiet, verbose;
	uint64_t for_ns, pause_ns, limit;
	enum color color;
};

#define AT(member) .offset = offsetof(struct values, member)

static const struct opt_choice colors[] = {
	{"auto", COLOR_AUTO}, {"always", COLOR_ALWAYS}, {"never", COLOR_NEVER}, {0}};

static const struct opt opts[] = {
	{"pid", .letter = 'p', .type = OPT_PID, AT(pid), .arg = "PID"},
	{"bin", .type = OPT_STRING, AT(bin), .arg = "FILE"},
	{"max-pause", .type = OPT_DURATION, AT(pause_ns), .arg = "D"},
	{"for", .type = OPT_DURATION, AT(for_ns), .arg = "D", .above_zero = true},
	{"limit", .type = OPT_NUMBER, AT(limit), .arg = "N"},
	{0},
};

static const struct opt more_opts[] = {
	{"quiet", .letter = 'q', .type = OPT_FLAG, AT(quiet)},
	{"verbose", .letter = 'v', .type = OPT_FLAG, AT(verbose)},
	{"color", .type = OPT_CHOICE, AT(color), .choices = colors},
	{"colour", .type = OPT_BARE, AT(color), .choices = colors, .bare = COLOR_ALWAYS},
	{"no-color", .type = OPT_BARE, AT(color), .bare = COLOR_NEVER},
	{0},
};

static const struct opt_group group = {"Some", opts}, more_group = {"More", more_opts};
static const struct opt_group *const groups[] = {&group, &more_group, NULL};

/* Up to fifteen words, separated by blanks. */
struct line {
	char text[256];
	char *args[16];
	struct values values;
	size_t count;
	struct gospy_error err;
};

static void split(struct line *line, const char *text)
{
	memset(line, 0, sizeof(*line));
	strncpy(line->text, text, sizeof(line->text) - 1);
	size_t n = 0;
	char *rest = line->text;
	while (n < 15 && (line->args[n] = strsep(&rest, " ")))
		n++;
}

static enum gospy_code parse(struct line *line, const char *text)
{
	split(line, text);
	return opts_parse(groups, line->args, &line->values, &line->count, &line->err);
}

static void expect_error(const char *text, const char *message)
{
	struct line line;
	assert_int_equal(parse(&line, text), GOSPY_E_USAGE);
	assert_string_equal(line.err.msg, message);
}

static void test_forms(void **state)
{
	(void)state;
	struct line line;
	assert_int_equal(parse(&line, "12 --bin=x=y -qv --max-pause 1.5s word -p 7"), GOSPY_OK);
	assert_int_equal(line.count, 2);
	assert_string_equal(line.args[0], "12");
	assert_string_equal(line.args[1], "word");
	assert_null(line.args[2]);
	assert_string_equal(line.values.bin, "x=y");
	assert_true(line.values.quiet && line.values.verbose);
	assert_int_equal(line.values.pause_ns, 1500000000);
	assert_int_equal(line.values.pid, 7);
	assert_int_equal(parse(&line, "-qp123 --limit 9"), GOSPY_OK);
	assert_int_equal(line.values.pid, 123);
	assert_int_equal(line.values.limit, 9);
	assert_int_equal(line.count, 0);
}

static void test_end_of_options(void **state)
{
	(void)state;
	struct line line;
	assert_int_equal(parse(&line, "- -- -q --bin"), GOSPY_OK);
	assert_int_equal(line.count, 3);
	assert_string_equal(line.args[0], "-");
	assert_string_equal(line.args[1], "-q");
	assert_string_equal(line.args[2], "--bin");
	assert_false(line.values.quiet);
}

static void test_choices(void **state)
{
	(void)state;
	struct line line;
	assert_int_equal(parse(&line, "--color always"), GOSPY_OK);
	assert_int_equal(line.values.color, COLOR_ALWAYS);
	assert_int_equal(parse(&line, "--colour word"), GOSPY_OK);
	assert_int_equal(line.values.color, COLOR_ALWAYS);
	assert_int_equal(line.count, 1);
	assert_int_equal(parse(&line, "--colour=never"), GOSPY_OK);
	assert_int_equal(line.values.color, COLOR_NEVER);
	assert_int_equal(parse(&line, "--no-color"), GOSPY_OK);
	assert_int_equal(line.values.color, COLOR_NEVER);
	expect_error("--color blue", "--color takes auto, always or never, not 'blue'");
	expect_error("--no-color=x", "--no-color takes no argument: leave out what follows the =");
}

static void test_errors(void **state)
{
	(void)state;
	expect_error("--pid", "--pid needs an argument: --pid PID");
	expect_error("-p", "-p needs an argument: -p PID");
	expect_error("-qx", "unknown option '-x'; --help lists those there are");
	expect_error("--limt 3", "unknown option '--limt' (did you mean '--limit'?)");
	expect_error("--something", "unknown option '--something'; --help lists those there are");
	expect_error("--quiet=1", "--quiet takes no argument: leave out what follows the =");
	expect_error("-p 0", "--pid takes a process id (other words go without it), not '0'");
	expect_error("-p 99999999999",
		     "--pid takes a process id (other words go without it), not '99999999999'");
	expect_error("--for 0", "--for takes a duration above zero, such as 1s, not '0'");
	expect_error("--for=0ms", "--for takes a duration above zero, such as 1s, not '0ms'");
	expect_error("--limit -1", "--limit takes a number, not '-1'");
	expect_error("--max-pause 5x",
		     "--max-pause takes a duration such as 500ms, 2s or 1m30s, not '5x'");
}

static void test_durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{"2", 2000000000},
		{"0", 0},
		{"0.5", 500000000},
		{"500ms", 500000000},
		{"2s", 2000000000},
		{"1m", 60000000000},
		{"3h", 10800000000000},
		{"1m30s", 90000000000},
		{"1.5h", 5400000000000},
		{"10us", 10000},
		{"7ns", 7},
		{".5s", 500000000},
		{"1.0000000001s", 1000000000},
	};
	static const char *const bad[] = {"",
					  "s",
					  "-1s",
					  "1x",
					  "1s2",
					  ".",
					  "1.s.",
					  " 1s",
					  "1 s",
					  "99999999999999999999s",
					  "18446744073s9999999999s"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t ns = 1;
		assert_true(opts_duration(good[i].text, &ns));
		assert_int_equal(ns, good[i].ns);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t ns = 1;
		assert_false(opts_duration(bad[i], &ns));
		assert_int_equal(ns, 1);
	}
}

static size_t first_word(const char *text)
{
	struct line line;
	split(&line, text);
	return opts_first_word(groups, line.args);
}

static void test_first_word(void **state)
{
	(void)state;
	assert_int_equal(first_word("--bin x -q -p 7 summary 8"), 5);
	assert_int_equal(first_word("--bin=x -p7 summary"), 2);
	assert_int_equal(first_word("--unknown summary"), 1);
	assert_int_equal(first_word("-q --bin"), 2);
}

static const char *nearest(const char *word)
{
	struct suggestion suggestion = {.word = word};
	static const char *const words[] = {"list",    "ls", "tree",   "process",
					    "summary", "s",  "version"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		suggestion_offer(&suggestion, words[i]);
	return suggestion.best;
}

static void test_suggestions(void **state)
{
	(void)state;
	assert_string_equal(nearest("sumary"), "summary");
	assert_string_equal(nearest("lst"), "list");
	assert_string_equal(nearest("vesrion"), "version");
	assert_null(nearest(""));
	assert_null(nearest("x"));
	assert_null(nearest("frobnicate"));
	assert_null(nearest("a word that is longer than any option is"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),       cmocka_unit_test(test_end_of_options),
		cmocka_unit_test(test_choices),     cmocka_unit_test(test_errors),
		cmocka_unit_test(test_durations),   cmocka_unit_test(test_first_word),
		cmocka_unit_test(test_suggestions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
