#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render/diff.h"
#include "render/diff_name.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- names */

static void check_name(const char *func, const char *numbered, const char *bare)
{
	for (int numbers = 0; numbers < 2; numbers++) {
		struct strbuf text = {0};
		diff_name(func, numbers, &text);
		assert_string_equal(text.s ? text.s : "", numbers ? numbered : bare);
		strbuf_deinit(&text);
	}
}

static void test_names(void **state)
{
	(void)state;
	check_name("main.main", "main.main", "main.main");
	check_name("main.(*Store).Get", "main.(*Store).Get", "main.(*Store).Get");
	// Type arguments, nested and not closed.
	check_name("main.F[...]", "main.F", "main.F");
	check_name("main.(*T[go.shape.map[string]int]).F[...].func1", "main.(*T).F.func1",
		   "main.F.func");
	check_name("main.F[", "main.F", "main.F");
	// Closures, those in them, and the bodies of loops.
	check_name("main.main.func1", "main.main.func1", "main.main.func");
	check_name("main.main.func1.2.3", "main.main.func1.2.3", "main.main.func");
	check_name("main.f.func2-range1", "main.f.func2-range1", "main.f.func-range");
	check_name("main.f-range12", "main.f-range12", "main.f-range");
	// One that was inlined into another function: Go 1.21 names both.
	check_name("main.main.run.func2", "main.main.run.func2", "main.run.func");
	check_name("main.(*T).run.func1", "main.(*T).run.func1", "main.run.func");
	// What the compiler makes.
	check_name("main.(*T).f-fm", "main.(*T).f", "main.(*T).f");
	check_name("main.main.gowrap1", "main.main", "main.main");
	check_name("main.main.func1.deferwrap2", "main.main.func1", "main.main.func");
	check_name("main.main\xc2\xb7"
		   "dwrap\xc2\xb7"
		   "3",
		   "main.main", "main.main");
	check_name("main.glob..func4", "main.init.func4", "main.init.func");
	check_name("main.init.func4", "main.init.func4", "main.init.func");
	// What only looks so.
	check_name("main.func1x", "main.func1x", "main.func1x");
	check_name("main.gowrapper", "main.gowrapper", "main.gowrapper");
	check_name("example.com/a.1/func1.f", "example.com/a.1/func1.f", "example.com/a.1/func1.f");
	check_name("gopkg.in/yaml%2ev3.f.func1", "gopkg.in/yaml%2ev3.f.func1",
		   "gopkg.in/yaml%2ev3.f.func");
	check_name("", "", "");
	check_name("memmove", "memmove", "memmove");
	check_name(".func1", ".func1", ".func");
	check_name("a/.1", "a/.1", "a/");
}

static void test_kinds_of_names(void **state)
{
	(void)state;
	assert_true(diff_name_is_wrapper("main.main.gowrap1"));
	assert_true(diff_name_is_wrapper("main.main.func1.deferwrap2"));
	assert_false(diff_name_is_wrapper("main.main.gowrap1.func1"));
	assert_false(diff_name_is_wrapper("main.gowrap"));
	assert_true(diff_name_is_waiting("sync.(*Mutex).Lock"));
	assert_true(diff_name_is_waiting("internal/sync.(*Mutex).lockSlow"));
	assert_true(diff_name_is_waiting("internal/poll.(*FD).Read"));
	assert_false(diff_name_is_waiting("net.(*netFD).Read"));
	assert_false(diff_name_is_waiting("example.com/sync.(*Mutex).Lock"));
	assert_false(diff_name_is_waiting("synch.f"));
	assert_string_equal(diff_wait("sync.Mutex.Lock"), diff_wait("semacquire"));
	assert_string_equal(diff_wait("select (durable)"), "select");
	assert_string_equal(diff_wait("select (no cases)"), "select (no cases)");
	assert_string_equal(diff_wait("made up"), "made up");
}

/* ---- keys */

enum { FRAMES_MAX = 80 };

/* A goroutine and its stack. */
struct made {
	struct gospy_goroutine g;
	struct gospy_location start, creator;
	struct gospy_frame frames[FRAMES_MAX];
	enum gospy_origin origins[FRAMES_MAX];
	uint32_t start_lines[FRAMES_MAX];
	struct gospy_stack stack;
};

static struct made *make(const char *reason, const char *creator)
{
	struct made *made = calloc(1, sizeof(*made));
	assert_non_null(made);
	made->g = (struct gospy_goroutine){
		.status = reason ? GOSPY_STATUS_WAITING : GOSPY_STATUS_RUNNABLE,
		.wait_reason = reason,
		.start = &made->start,
		.creator = &made->creator,
	};
	made->creator = (struct gospy_location){.func = creator, .line = 7};
	made->stack = (struct gospy_stack){
		.frames = made->frames,
		.origins = made->origins,
		.start_lines = made->start_lines,
	};
	return made;
}

/* One more call, further out. The outermost is the start. */
static struct gospy_frame *call(struct made *made, enum gospy_origin origin, const char *func)
{
	size_t i = made->stack.frame_count++;
	assert_true(i < FRAMES_MAX);
	made->frames[i] =
		(struct gospy_frame){.func = func, .line = 12, .pc = 0x401010, .entry = 0x401000};
	made->origins[i] = origin;
	made->start_lines[i] = 10;
	made->start = (struct gospy_location){.func = func, .line = 10};
	return &made->frames[i];
}

static struct diff_names names;

static struct diff_key key_of(struct made *made, enum diff_level level)
{
	struct diff_key key;
	assert_true(diff_key(&names, level, &made->g, &made->stack, &key));
	return key;
}

/* The finest level at which two are the same. */
static enum diff_level same_from(struct made *a, struct made *b)
{
	enum diff_level level = DIFF_EXACT;
	while (level < DIFF_LEVELS && key_of(a, level).hash != key_of(b, level).hash)
		level++;
	for (enum diff_level l = level; l < DIFF_LEVELS; l++)
		assert_int_equal(key_of(a, l).hash, key_of(b, l).hash);
	free(a);
	free(b);
	return level;
}

static struct made *one_call(const char *func)
{
	struct made *made = make("chan receive", "main.main");
	call(made, GOSPY_ORIGIN_OWN, func);
	return made;
}

static int teardown(void **state)
{
	(void)state;
	diff_names_deinit(&names);
	names = (struct diff_names){0};
	return 0;
}

static void test_levels(void **state)
{
	(void)state;
	struct made *a = one_call("main.f"), *b = one_call("main.f");
	// Loaded elsewhere.
	b->frames[0].pc += 0x555500000000;
	b->frames[0].entry += 0x555500000000;
	assert_int_equal(same_from(a, b), DIFF_EXACT);
	// Another place of the same line, say.
	a = one_call("main.f"), b = one_call("main.f");
	b->frames[0].pc += 4;
	assert_int_equal(same_from(a, b), DIFF_LINE);
	// The function has moved in its file, and its code is another.
	a = one_call("main.f"), b = one_call("main.f");
	b->frames[0].pc += 4;
	b->frames[0].line += 100;
	b->start_lines[0] += 100;
	assert_int_equal(same_from(a, b), DIFF_LINE);
	// It was edited.
	a = one_call("main.f"), b = one_call("main.f");
	b->frames[0].pc += 4;
	b->frames[0].line++;
	assert_int_equal(same_from(a, b), DIFF_FUNCTION);
	// It waits for something else.
	a = one_call("main.f"), b = one_call("main.f");
	b->g.wait_reason = "select";
	assert_int_equal(same_from(a, b), DIFF_START);
	// Another go statement.
	a = one_call("main.f"), b = one_call("main.f");
	b->creator.func = "main.other";
	assert_int_equal(same_from(a, b), DIFF_START);
	a = one_call("main.f"), b = one_call("main.f");
	b->creator.line++;
	assert_int_equal(same_from(a, b), DIFF_LINE);
	a = one_call("main.f"), b = one_call("main.g");
	assert_int_equal(same_from(a, b), DIFF_LEVELS);
}

/* Where one that runs happens to be says nothing. */
static void test_one_that_runs(void **state)
{
	(void)state;
	struct made *a = one_call("main.f"), *b = one_call("main.f");
	a->g.wait_reason = b->g.wait_reason = NULL;
	a->g.status = GOSPY_STATUS_RUNNING;
	b->g.status = GOSPY_STATUS_RUNNABLE;
	b->frames[0].pc += 4;
	assert_int_equal(same_from(a, b), DIFF_EXACT);
	a = one_call("main.f"), b = one_call("main.f");
	a->g.wait_reason = b->g.wait_reason = NULL;
	a->g.status = b->g.status = GOSPY_STATUS_SYSCALL;
	b->frames[0].pc += 4;
	assert_int_equal(same_from(a, b), DIFF_LINE);
}

static struct made *mutex_of_go_1_18(void)
{
	struct made *made = make("semacquire", "main.main");
	call(made, GOSPY_ORIGIN_RUNTIME, "runtime.gopark");
	call(made, GOSPY_ORIGIN_RUNTIME, "sync.runtime_SemacquireMutex");
	call(made, GOSPY_ORIGIN_STANDARD, "sync.(*Mutex).lockSlow");
	call(made, GOSPY_ORIGIN_STANDARD, "sync.(*Mutex).Lock");
	call(made, GOSPY_ORIGIN_OWN, "main.f");
	return made;
}

static struct made *mutex_of_go_1_26(void)
{
	struct made *made = make("sync.Mutex.Lock", "main.main");
	call(made, GOSPY_ORIGIN_RUNTIME, "runtime.gopark");
	call(made, GOSPY_ORIGIN_RUNTIME, "internal/sync.runtime_SemacquireMutex");
	call(made, GOSPY_ORIGIN_STANDARD, "internal/sync.(*Mutex).lockSlow");
	call(made, GOSPY_ORIGIN_STANDARD, "internal/sync.(*Mutex).Lock");
	call(made, GOSPY_ORIGIN_STANDARD, "sync.(*Mutex).Lock");
	call(made, GOSPY_ORIGIN_OWN, "main.f");
	return made;
}

static void test_versions_of_go(void **state)
{
	(void)state;
	assert_int_equal(same_from(mutex_of_go_1_18(), mutex_of_go_1_26()), DIFF_LINE);
	// A read lock is another thing, though the reason was the same.
	struct made *a = mutex_of_go_1_18(), *b = make("semacquire", "main.main");
	call(b, GOSPY_ORIGIN_STANDARD, "sync.(*RWMutex).RLock");
	call(b, GOSPY_ORIGIN_OWN, "main.f");
	assert_int_equal(same_from(a, b), DIFF_START);
	// Some versions make a wrapper of `go f(x)`, and that is where it starts.
	a = one_call("main.f"), b = one_call("main.f");
	call(b, GOSPY_ORIGIN_OWN, "main.main.gowrap1")->hidden = true;
	assert_int_equal(same_from(a, b), DIFF_LINE);
	a = one_call("main.f"), b = one_call("main.f");
	call(b, GOSPY_ORIGIN_OWN, "main.main.func7")->hidden = true;
	assert_int_equal(same_from(a, b), DIFF_LINE);
	// Packages of one's own may be called sync.
	a = make("select", "main.main"), b = make("select", "main.main");
	call(a, GOSPY_ORIGIN_DEPENDENCY, "sync.inner");
	call(a, GOSPY_ORIGIN_OWN, "main.f");
	call(b, GOSPY_ORIGIN_OWN, "main.f");
	assert_int_equal(same_from(a, b), DIFF_START);
}

static void test_recursion(void **state)
{
	(void)state;
	struct made *a = make("select", "main.main"), *b = make("select", "main.main");
	for (int i = 0; i < 5; i++)
		call(a, GOSPY_ORIGIN_OWN, "main.f");
	for (int i = 0; i < FRAMES_MAX; i++)
		call(b, GOSPY_ORIGIN_OWN, "main.f");
	assert_int_equal(same_from(a, b), DIFF_LINE);
}

static void test_no_stack(void **state)
{
	(void)state;
	struct diff_key a, b;
	struct gospy_goroutine nothing = {.status = GOSPY_STATUS_RUNNING};
	for (enum diff_level level = DIFF_EXACT; level < DIFF_LEVELS; level++) {
		assert_true(diff_key(&names, level, &nothing, NULL, &a));
		assert_true(diff_key(&names, level, &nothing, &(struct gospy_stack){0}, &b));
		assert_int_equal(a.hash, b.hash);
		assert_int_equal(a.start, 0);
		assert_int_equal(a.call_count, 0);
	}
}

static void test_unknown_calls(void **state)
{
	(void)state;
	struct made *a = make("select", NULL), *b = make("select", NULL);
	call(a, GOSPY_ORIGIN_UNKNOWN, NULL);
	call(b, GOSPY_ORIGIN_UNKNOWN, NULL)->pc = 0x7f0000001234;
	assert_int_equal(same_from(a, b), DIFF_EXACT);
}

static void test_alike(void **state)
{
	(void)state;
	const uint32_t a[] = {1, 2, 3, 4}, b[] = {1, 2, 9, 3, 4}, c[] = {4, 3, 2, 1};
	uint32_t deep[3 * DIFF_CALLS_MAX] = {0};
	assert_true(diff_alike(a, 4, a, 4) == 1);
	assert_true(diff_alike(a, 4, b, 5) == 8.0 / 9);
	assert_true(diff_alike(a, 4, c, 4) == 0.25);
	assert_true(diff_alike(a, 4, NULL, 0) == 0);
	assert_true(diff_alike(NULL, 0, NULL, 0) == 1);
	assert_true(diff_alike(deep, COUNT(deep), deep, COUNT(deep)) == 1);
}

/* ---- pairs */

static void add(struct diff_side *side, struct made *made, uint64_t count, uint32_t line)
{
	static struct gospy_location places[64];
	static size_t used;
	struct diff_key key = key_of(made, DIFF_FUNCTION);
	uint32_t index = diff_side_group(side, &key);
	assert_int_not_equal(index, DIFF_NONE);
	struct gospy_location *place = &places[used++ % COUNT(places)];
	*place = (struct gospy_location){.func = made->start.func, .line = line};
	side->groups.at[index].count += count;
	side->groups.at[index].begin = place;
	side->goroutines += count;
	free(made);
}

static struct made *closure(const char *func)
{
	struct made *made = make("chan receive", "main.main");
	call(made, GOSPY_ORIGIN_OWN, func);
	return made;
}

static struct made *chain(const char *const *funcs)
{
	struct made *made = make("chan receive", "main.main");
	for (; *funcs; funcs++)
		call(made, GOSPY_ORIGIN_OWN, *funcs);
	return made;
}

/* "before-after:match" of each pair, in the order of the counts. */
static char *pairs_text(struct diff_side *before, struct diff_side *after, bool same_build)
{
	diff_pairs pairs = {0};
	uint64_t old_sum = 0, new_sum = 0;
	assert_true(diff_pair(before, after, same_build, &pairs));
	struct strbuf text = {0};
	for (uint64_t count = 0; count < 100; count++) {
		for (size_t i = 0; i < pairs.len; i++) {
			const struct diff_pair *pair = &pairs.at[i];
			uint64_t x = pair->before == DIFF_NONE
					     ? 0
					     : before->groups.at[pair->before].count;
			uint64_t y =
				pair->after == DIFF_NONE ? 0 : after->groups.at[pair->after].count;
			if ((x ? x : y) != count)
				continue;
			strbuf_printf(&text, "%s%lu-%lu:%s", text.len ? " " : "", x, y,
				      diff_match_name(pair->match));
			old_sum += x;
			new_sum += y;
		}
	}
	// Each goroutine once.
	assert_int_equal(old_sum, before->goroutines);
	assert_int_equal(new_sum, after->goroutines);
	vec_free(&pairs);
	diff_side_deinit(before);
	diff_side_deinit(after);
	return text.s;
}

static void check_pairs(struct diff_side *before, struct diff_side *after, bool same_build,
			const char *expected)
{
	char *text = pairs_text(before, after, same_build);
	assert_string_equal(text, expected);
	free(text);
}

static void test_pairs(void **state)
{
	(void)state;
	struct diff_side a = {0}, b = {0};
	add(&a, one_call("main.f"), 1, 1);
	add(&a, one_call("main.g"), 2, 1);
	add(&b, one_call("main.h"), 3, 1);
	add(&b, one_call("main.g"), 4, 1);
	check_pairs(&a, &b, false, "1-0:same 2-4:same 0-3:same");
}

/* A closure was written before two others. */
static void test_renumbered(void **state)
{
	(void)state;
	struct diff_side a = {0}, b = {0};
	add(&a, closure("main.f.func1"), 1, 10);
	add(&a, closure("main.f.func2"), 2, 20);
	add(&b, closure("main.f.func3"), 4, 125);
	add(&b, closure("main.f.func2"), 3, 115);
	check_pairs(&a, &b, false, "1-3:renumbered 2-4:renumbered");
	// In one build the numbers are what they are.
	add(&a, closure("main.f.func1"), 1, 10);
	add(&a, closure("main.f.func2"), 2, 20);
	add(&b, closure("main.f.func3"), 4, 125);
	add(&b, closure("main.f.func2"), 3, 115);
	check_pairs(&a, &b, true, "1-0:same 2-3:same 0-4:same");
	// Both have the same numbers, and wherever they are now, these tell.
	add(&a, closure("main.f.func1"), 1, 10);
	add(&a, closure("main.f.func2"), 2, 20);
	add(&b, closure("main.f.func2"), 4, 10);
	add(&b, closure("main.f.func1"), 3, 20);
	check_pairs(&a, &b, false, "1-3:same 2-4:same");
	// There is one more of them: only the numbers tell.
	add(&a, closure("main.f.func1"), 1, 10);
	add(&b, closure("main.f.func1"), 2, 10);
	add(&b, closure("main.f.func2"), 3, 20);
	check_pairs(&a, &b, false, "1-2:same 0-3:same");
	// Two of the same name from different go statements stay apart.
	struct made *other = closure("main.f.func1");
	other->creator.func = "main.other";
	add(&a, closure("main.f.func1"), 1, 10);
	add(&a, other, 2, 10);
	other = closure("main.f.func1");
	other->creator.func = "main.other";
	add(&b, other, 4, 10);
	add(&b, closure("main.f.func1"), 3, 10);
	check_pairs(&a, &b, false, "1-3:same 2-4:same");
	// The compiler has inlined the function with the go statement.
	add(&a, closure("main.run.func1"), 1, 10);
	other = closure("main.main.run.func2");
	other->creator.func = "main.elsewhere";
	add(&b, other, 2, 10);
	check_pairs(&a, &b, false, "1-2:renumbered");
}

static void test_similar(void **state)
{
	(void)state;
	static const char *const old[] = {"main.d", "main.c", "main.b", "main.a", NULL};
	static const char *const new[] = {"main.d", "main.x", "main.c", "main.b", "main.a", NULL};
	static const char *const far[] = {"main.z", "main.y", "main.x", "main.a", NULL};
	static const char *const start[] = {"main.d", "main.c", "main.b", "main.o", NULL};
	struct diff_side a = {0}, b = {0};
	add(&a, chain(old), 1, 1);
	add(&b, chain(far), 3, 1);
	add(&b, chain(new), 2, 1);
	check_pairs(&a, &b, false, "1-2:similar 0-3:same");
	// The start has to be the same.
	add(&a, chain(old), 1, 1);
	add(&b, chain(start), 2, 1);
	check_pairs(&a, &b, false, "1-0:same 0-2:same");
	// In one build it has gone on, if it is as many.
	add(&a, chain(old), 1, 1);
	add(&b, chain(new), 2, 1);
	check_pairs(&a, &b, true, "1-0:same 0-2:same");
	add(&a, chain(old), 2, 1);
	add(&b, chain(new), 2, 1);
	check_pairs(&a, &b, true, "2-2:similar");
}

static void test_no_groups(void **state)
{
	(void)state;
	diff_pairs pairs = {0};
	struct diff_side none = {0}, one = {0};
	assert_true(diff_pair(&none, &none, false, &pairs));
	assert_int_equal(pairs.len, 0);
	add(&one, one_call("main.f"), 1, 1);
	assert_true(diff_pair(&none, &one, false, &pairs));
	assert_int_equal(pairs.len, 1);
	vec_free(&pairs);
	diff_side_deinit(&one);
}

/* As many groups as there can be, none of which has a partner, all of them with the same start and
 * deep stacks: what is held against each other has a limit. */
static void test_many_left_over(void **state)
{
	(void)state;
	struct diff_side sides[2];
	struct diff_key key = {.start = 1, .call_count = DIFF_CALLS_MAX};
	memset(sides, 0, sizeof(sides));
	for (size_t s = 0; s < 2; s++) {
		for (uint64_t i = 0; i < DIFF_GROUPS_MAX; i++) {
			key.hash = key.unnumbered = key.loose = 2 * i + s;
			for (size_t c = 0; c < DIFF_CALLS_MAX; c++)
				key.calls[c] = (uint32_t)(key.hash * DIFF_CALLS_MAX + c);
			uint32_t index = diff_side_group(&sides[s], &key);
			assert_int_equal(index, i);
			sides[s].groups.at[index].count = 1;
		}
	}
	diff_pairs pairs = {0};
	assert_true(diff_pair(&sides[0], &sides[1], false, &pairs));
	assert_int_equal(pairs.len, 2 * DIFF_GROUPS_MAX);
	vec_free(&pairs);
	diff_side_deinit(&sides[0]);
	diff_side_deinit(&sides[1]);
}

/* ---- limits, builds, rates */

static void test_limits(void **state)
{
	(void)state;
	const struct diff_limit none = {0};
	const struct diff_limit count = {.has_count = true, .count = 10};
	const struct diff_limit percent = {.has_percent = true, .percent = 50};
	const struct diff_limit both = {
		.has_count = true, .count = 10, .has_percent = true, .percent = 50};
	assert_false(diff_is_over(&none, 0, 1000000));
	assert_false(diff_is_over(&count, 5, 15));
	assert_true(diff_is_over(&count, 5, 16));
	assert_false(diff_is_over(&count, 16, 5));
	assert_false(diff_is_over(&percent, 10, 15));
	assert_true(diff_is_over(&percent, 10, 16));
	assert_true(diff_is_over(&percent, 0, 1));
	assert_false(diff_is_over(&both, 0, 10));
	assert_true(diff_is_over(&both, 0, 11));
	assert_false(diff_is_over(&both, 100, 120));
	assert_true(diff_is_over(&both, 100, 151));
	const struct diff_limit zero = {.has_count = true};
	assert_false(diff_is_over(&zero, 7, 7));
	assert_true(diff_is_over(&zero, 7, 8));
	assert_false(diff_is_over(&zero, UINT64_MAX, 0));
}

static void test_builds(void **state)
{
	(void)state;
	struct gospy_target_info a = {.build_id = "01", .go_build_id = "a/b"};
	struct gospy_target_info b = {.build_id = "02", .go_build_id = "a/c"};
	struct gospy_target_info none = {0};
	assert_true(diff_same_build(&a, &a));
	assert_false(diff_same_build(&a, &b));
	assert_false(diff_same_build(&a, &none));
	assert_false(diff_same_build(&none, &none));
	a.build_id = b.build_id = NULL;
	assert_true(diff_same_build(&a, &a));
	// Set by hand they say nothing.
	a.build_id = "01";
	a.go_build_id = "redacted";
	assert_false(diff_same_build(&a, &a));
}

static void test_rates(void **state)
{
	(void)state;
	double rate;
	struct diff diff = {.elapsed_ns = 10000000000};
	assert_true(diff_rate(&diff, -5, &rate));
	assert_true(rate == -30);
	diff.elapsed_ns = 10000000;
	assert_false(diff_rate(&diff, 5, &rate));
	diff.elapsed_ns = GOSPY_UNKNOWN;
	assert_false(diff_rate(&diff, 5, &rate));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_kinds_of_names),
		cmocka_unit_test_teardown(test_levels, teardown),
		cmocka_unit_test_teardown(test_one_that_runs, teardown),
		cmocka_unit_test_teardown(test_versions_of_go, teardown),
		cmocka_unit_test_teardown(test_recursion, teardown),
		cmocka_unit_test_teardown(test_no_stack, teardown),
		cmocka_unit_test_teardown(test_unknown_calls, teardown),
		cmocka_unit_test(test_alike),
		cmocka_unit_test_teardown(test_pairs, teardown),
		cmocka_unit_test_teardown(test_renumbered, teardown),
		cmocka_unit_test_teardown(test_similar, teardown),
		cmocka_unit_test_teardown(test_no_groups, teardown),
		cmocka_unit_test(test_many_left_over),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_builds),
		cmocka_unit_test(test_rates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
