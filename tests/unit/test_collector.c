/* A collector: what it keeps from one snapshot to the next has to be what a snapshot by itself
 * would find. The fixture `turns` attacks it with goroutines that look as if they had not moved. To
 * be run with ThreadSanitizer, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>

#include "go_program.h"
#include "gospy.h"

static const struct gospy_snapshot_options with_stacks = {
	.size = sizeof(struct gospy_snapshot_options),
	.stacks = true,
};

/* A collector of a program. */
struct collection {
	struct go_program program;
	struct gospy_target *target;
	struct gospy_collector *collector;
};

static void begin(struct collection *c, const char *fixture, const char *const *args)
{
	struct gospy_error err = {0};
	go_program_start_newest(&c->program, fixture, args);
	if (gospy_target_open_pid(c->program.pid, NULL, &c->target, &err) ||
	    gospy_collector_create(c->target, &c->collector, &err))
		fail_msg("%s", err.msg);
}

static void end(struct collection *c)
{
	gospy_collector_destroy(c->collector);
	gospy_target_close(c->target);
	go_program_end(&c->program);
}

/* One without a problem. Where gospy stands still meanwhile, more goroutines may start than it has
 * room for: it says so, and is asked again. */
static struct gospy_snapshot *sample(struct collection *c,
				     const struct gospy_snapshot_options *options)
{
	enum { TRIES = 100 };
	struct gospy_error err = {0};
	for (unsigned i = 0;; i++) {
		struct gospy_snapshot *snapshot = NULL;
		if (gospy_collector_take(c->collector, options, &snapshot, &err))
			fail_msg("%s", err.msg);
		const char *problem = gospy_snapshot_info(snapshot)->problem;
		if (!problem)
			return snapshot;
		if (i == TRIES)
			fail_msg("%s", problem);
		gospy_snapshot_destroy(snapshot);
	}
}

static void tell(struct collection *c, const char *command)
{
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0;
	fprintf(c->program.to, "%s\n", command);
	fflush(c->program.to);
	if (getline(&line, &cap, c->program.from) <= 0 || strstr(line, "\"error\""))
		fail_msg("%s: %s", command, line ? line : "no answer");
}

static bool has_function(const struct gospy_stack *stack, const char *func)
{
	for (size_t i = 0; i < stack->frame_count; i++) {
		if (stack->frames[i].func && strcmp(stack->frames[i].func, func) == 0)
			return true;
	}
	return false;
}

/* How many goroutines have the function on their stacks. */
static size_t count_on(struct gospy_snapshot *snapshot, const char *func)
{
	size_t n = 0;
	for (size_t i = 0; i < gospy_snapshot_goroutine_count(snapshot); i++) {
		struct gospy_stack stack;
		enum gospy_code code = gospy_snapshot_stack(snapshot, i, &stack, NULL);
		n += code == GOSPY_OK && has_function(&stack, func);
	}
	return n;
}

/* ---------------------------------------------------------------- all states of the counter -- */

enum { WALKERS = 300 }; /* more than are read in any case: collect.c, ALL_ACTIVE_MAX */

struct attack {
	unsigned collections_before, collections_between; /* of garbage */
	bool non_blocking, exact;
};

static void collect_garbage(struct collection *c, unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		tell(c, "gc");
}

/* Two turns: each time all have been through 256 states, and are where they were by another way. */
static void attack_with(const struct attack *how)
{
	static const char *const sides[] = {"main.sideA", "main.sideB"};
	struct collection c;
	struct gospy_snapshot_options options = with_stacks;
	options.non_blocking = how->non_blocking;
	options.exact = how->exact;
	begin(&c, "turns", NULL);
	collect_garbage(&c, how->collections_before);
	for (unsigned turn = 0; turn < 3; turn++) {
		struct gospy_snapshot *snapshot = sample(&c, &options);
		size_t here = count_on(snapshot, sides[turn % 2]);
		size_t there = count_on(snapshot, sides[1 - turn % 2]);
		if (here != WALKERS || there)
			fail_msg("turn %u, %u and %u collections, %s: %zu and %zu", turn,
				 how->collections_before, how->collections_between,
				 how->non_blocking ? "no stop" : "stop", here, there);
		gospy_snapshot_destroy(snapshot);
		tell(&c, "turn");
		collect_garbage(&c, how->collections_between);
	}
	end(&c);
}

static void all_states_are_gone_through(void **state)
{
	(void)state;
	// With sanitizers some, in which each number of collections and each way to read is.
	for (unsigned i = 0; i < 4 * 4 * 3; i += GO_PROGRAM_SANITIZED ? 7 : 1) {
		const struct attack how = {
			.collections_before = i % 4,
			.collections_between = i / 4 % 4,
			.non_blocking = i / 16 == 1,
			.exact = i / 16 == 2,
		};
		attack_with(&how);
	}
}

/* ------------------------------------------------------------- the same as a snapshot by itself --
 */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_place(const struct gospy_location *a, const struct gospy_location *b)
{
	return a == b || (a && b && a->pc == b->pc && same_text(a->func, b->func));
}

static bool same_stack(struct gospy_snapshot *a, struct gospy_snapshot *b, size_t index)
{
	struct gospy_stack stack_a, stack_b;
	enum gospy_code code = gospy_snapshot_stack(a, index, &stack_a, NULL);
	if (gospy_snapshot_stack(b, index, &stack_b, NULL) != code)
		return false;
	if (code)
		return true;
	bool same = stack_a.frame_count == stack_b.frame_count;
	for (size_t i = 0; same && i < stack_a.frame_count; i++)
		same = stack_a.frames[i].pc == stack_b.frames[i].pc &&
		       same_text(stack_a.frames[i].func, stack_b.frames[i].func);
	return same;
}

static bool same_goroutine(const struct gospy_goroutine *a, const struct gospy_goroutine *b)
{
	return a->addr == b->addr && a->goid == b->goid && a->status == b->status &&
	       a->parent_goid == b->parent_goid && a->soundness == b->soundness && a->sp == b->sp &&
	       a->stack_lo == b->stack_lo && a->stack_hi == b->stack_hi &&
	       (a->wait_ns == GOSPY_UNKNOWN) == (b->wait_ns == GOSPY_UNKNOWN) &&
	       same_text(a->wait_reason, b->wait_reason) && same_place(a->start, b->start) &&
	       same_place(a->creator, b->creator) && same_place(a->current, b->current) &&
	       same_place(a->user, b->user) && a->object == b->object &&
	       a->stack_hash == b->stack_hash;
}

/* Compares in a process in which only the runtime does anything, and the goroutine that has just
 * answered. */
static void expect_same(struct gospy_snapshot *a, struct gospy_snapshot *b, const char *what)
{
	size_t n = gospy_snapshot_goroutine_count(a);
	assert_int_equal(n, gospy_snapshot_goroutine_count(b));
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine ga, gb;
		gospy_snapshot_goroutine(a, i, &ga);
		gospy_snapshot_goroutine(b, i, &gb);
		if (!ga.system && ga.goid != 1 &&
		    (!same_goroutine(&ga, &gb) || !same_stack(a, b, i)))
			fail_msg("%s: goroutine %" PRIu64, what, ga.goid);
	}
	const struct gospy_snapshot_info *ia = gospy_snapshot_info(a), *ib = gospy_snapshot_info(b);
	assert_int_equal(ia->goroutines.total, ib->goroutines.total);
	assert_int_equal(ia->goroutines.waiting, ib->goroutines.waiting);
	assert_int_equal(ia->goroutines.dead, ib->goroutines.dead);
}

static void expect_right(struct collection *c, const struct gospy_snapshot_options *options,
			 const char *what)
{
	struct gospy_error err = {0};
	struct gospy_snapshot *kept = sample(c, options), *alone = NULL;
	if (gospy_snapshot_take(c->target, options, &alone, &err))
		fail_msg("%s", err.msg);
	expect_same(kept, alone, what);
	gospy_snapshot_destroy(alone);
	gospy_snapshot_destroy(kept);
}

static void options_change(void **state)
{
	(void)state;
	struct collection c;
	begin(&c, "turns", NULL);
	tell(&c, "gc");
	for (unsigned i = 0; i < 64; i++) {
		struct gospy_snapshot_options options = {
			.size = sizeof(options),
			.stacks = i & 1 || i & 32,
			.objects = i & 2,
			.non_blocking = i & 4,
			.arguments = i & 32,
			.threads = i & 8,
			.stack_states = i & 16 ? 1 << GOSPY_STATUS_SYSCALL : 0,
		};
		expect_right(&c, &options, "nothing has run");
		tell(&c, i & 16 ? "turn" : "gc");
		expect_right(&c, &options, "something has run");
	}
	end(&c);
}

/* Snapshots that are held share nothing that changes. */
static void snapshots_are_held(void **state)
{
	(void)state;
	enum { HELD = 5 };
	struct collection c;
	struct gospy_snapshot *held[HELD] = {NULL}, *copies[HELD];
	struct gospy_error err = {0};
	begin(&c, "turns", NULL);
	for (unsigned i = 0; i < 4 * HELD; i++) {
		unsigned slot = i * 3 % HELD;
		if (held[slot]) {
			expect_same(held[slot], copies[slot], "a snapshot that was held");
			gospy_snapshot_destroy(held[slot]);
			gospy_snapshot_destroy(copies[slot]);
		}
		held[slot] = sample(&c, &with_stacks);
		if (gospy_snapshot_take(c.target, &with_stacks, &copies[slot], &err))
			fail_msg("%s", err.msg);
		tell(&c, i % 3 ? "turn" : "gc");
	}
	// They outlive all that they came from.
	end(&c);
	for (unsigned slot = 0; slot < HELD; slot++) {
		expect_same(held[slot], copies[slot], "a snapshot that was held to the end");
		gospy_snapshot_destroy(held[slot]);
		gospy_snapshot_destroy(copies[slot]);
	}
}

/* ----------------------------------------------------------------------- goroutines come and go --
 */

static int compare_goids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Each goroutine once, each of them somewhere. */
static size_t check_living(struct gospy_snapshot *snapshot)
{
	size_t n = gospy_snapshot_goroutine_count(snapshot), living = 0;
	CLEANUP_FREE uint64_t *goids = calloc(n + 1, sizeof(*goids));
	assert_non_null(goids);
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		struct gospy_stack stack;
		gospy_snapshot_goroutine(snapshot, i, &g);
		if (g.status == GOSPY_STATUS_DEAD || g.status == GOSPY_STATUS_DEADEXTRA)
			continue;
		goids[living++] = g.goid;
		if (g.status != GOSPY_STATUS_WAITING || g.soundness != GOSPY_SOUND)
			continue;
		if (gospy_snapshot_stack(snapshot, i, &stack, NULL) || stack.problem)
			fail_msg("goroutine %" PRIu64 " has no whole stack", g.goid);
	}
	qsort(goids, living, sizeof(*goids), compare_goids);
	for (size_t i = 1; i < living; i++) {
		if (goids[i] == goids[i - 1])
			fail_msg("goroutine %" PRIu64 " is there twice", goids[i]);
	}
	return living;
}

static void *destroy_snapshot(void *snapshot)
{
	gospy_snapshot_destroy(snapshot);
	return NULL;
}

static void goroutines_come_and_go(void **state)
{
	(void)state;
	static const char *const args[] = {"leak",  "-steady", "2000",    "-rates", "100,1000,3000",
					   "-wave", "500",     "-period", "100ms",  NULL};
	struct collection c;
	struct gospy_snapshot *before = NULL;
	size_t most = 0;
	begin(&c, "leak", args);
	// On a busy machine it may be a while until the program goes on.
	for (unsigned i = 0; i < 40 || most <= 2100; i++) {
		struct gospy_snapshot_options options = with_stacks;
		options.non_blocking = i % 4 == 3;
		struct gospy_snapshot *snapshot = sample(&c, &options);
		size_t living = check_living(snapshot);
		assert_true(living >= 2000);
		most = living > most ? living : most;
		// The snapshot before gives its memory back while the next one is taken.
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, destroy_snapshot, before), 0);
		before = snapshot;
		if (i % 5 == 0)
			gospy_snapshot_destroy(sample(&c, &options));
		pthread_join(thread, NULL);
	}
	gospy_snapshot_destroy(before);
	end(&c);
}

/* ------------------------------------------------------------------------------ those on M's -- */

static bool has_ended(enum gospy_status status)
{
	return status == GOSPY_STATUS_DEAD || status == GOSPY_STATUS_DEADEXTRA;
}

/* Nothing of the program has run between `all` and `few`: each goroutine that an M has there is
 * here, and nobody else. */
static void expect_on_ms(struct gospy_snapshot *few, struct gospy_snapshot *all)
{
	size_t n = gospy_snapshot_goroutine_count(few), found = 0;
	for (size_t i = 0; i < gospy_snapshot_goroutine_count(all); i++) {
		struct gospy_goroutine expected, g;
		gospy_snapshot_goroutine(all, i, &expected);
		if (!expected.m_addr || has_ended(expected.status))
			continue;
		size_t at = 0;
		for (; at < n; at++) {
			gospy_snapshot_goroutine(few, at, &g);
			if (g.addr == expected.addr)
				break;
		}
		if (at == n || !same_goroutine(&g, &expected))
			fail_msg("goroutine %" PRIu64, expected.goid);
		found++;
	}
	assert_int_equal(found, n);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(few);
	assert_int_equal(info->scope, GOSPY_SCOPE_RUNNING);
	assert_true(info->goroutines.total == GOSPY_UNKNOWN);
	assert_true(info->goroutines.waiting == GOSPY_UNKNOWN);
	assert_int_equal(info->goroutines.syscall, gospy_snapshot_info(all)->goroutines.syscall);
}

static bool all_stand_still(pid_t pid)
{
	char path[64], line[256];
	bool still = true;
	snprintf(path, sizeof(path), "/proc/%d/task/*/stat", (int)pid);
	glob_t found = {0};
	assert_int_equal(glob(path, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *file = fopen(found.gl_pathv[i], "re");
		if (file && fgets(line, sizeof(line), file))
			still = still && strstr(line, ") T ");
		if (file)
			fclose(file);
	}
	globfree(&found);
	return still;
}

static void stop(const struct collection *c)
{
	assert_int_equal(kill(c->program.pid, SIGSTOP), 0);
	while (!all_stand_still(c->program.pid))
		usleep(1000);
}

/* Snapshots of the one scope leave what is kept for the other alone. */
static void scopes_take_turns(void **state)
{
	(void)state;
	struct collection c;
	begin(&c, "turns", NULL);
	tell(&c, "gc");
	for (unsigned i = 0; i < 16; i++) {
		struct gospy_snapshot_options options = with_stacks, few_options;
		options.non_blocking = i & 1;
		few_options = options;
		few_options.scope = GOSPY_SCOPE_RUNNING;
		few_options.threads = i & 2;
		few_options.figures = i & 4;
		struct gospy_snapshot *before = sample(&c, &few_options);
		stop(&c);
		struct gospy_snapshot *all = sample(&c, &options);
		struct gospy_snapshot *few = sample(&c, &few_options);
		struct gospy_snapshot *again = sample(&c, &options);
		expect_on_ms(few, all);
		expect_same(all, again, "another scope came in between");
		const struct gospy_snapshot_info *info = gospy_snapshot_info(few);
		assert_int_equal(info->threads.total == GOSPY_UNKNOWN, !few_options.threads);
		if (!few_options.figures)
			assert_true(info->heap.num_gc == GOSPY_UNKNOWN);
		assert_int_equal(kill(c.program.pid, SIGCONT), 0);
		tell(&c, i % 3 ? "turn" : "gc");
		expect_right(&c, &options, "another scope came in between, and something has run");
		gospy_snapshot_destroy(again);
		gospy_snapshot_destroy(few);
		gospy_snapshot_destroy(all);
		gospy_snapshot_destroy(before);
	}
	end(&c);
}

/* Whoever samples hands the snapshot before to another thread, which reads and destroys it. */
static void *read_and_destroy(void *arg)
{
	struct gospy_snapshot *snapshot = arg;
	for (size_t i = 0; snapshot && i < gospy_snapshot_goroutine_count(snapshot); i++) {
		struct gospy_goroutine g;
		struct gospy_stack stack;
		gospy_snapshot_goroutine(snapshot, i, &g);
		assert_false(has_ended(g.status));
		enum gospy_code code = gospy_snapshot_stack(snapshot, i, &stack, NULL);
		assert_true(code == GOSPY_OK || code == GOSPY_E_NOT_FOUND);
	}
	gospy_snapshot_destroy(snapshot);
	return NULL;
}

static void sampled_as_others_read(void **state)
{
	(void)state;
	struct collection c;
	struct gospy_snapshot *before = NULL;
	size_t seen = 0;
	begin(&c, "busy", NULL);
	for (unsigned i = 0; i < 100; i++) {
		struct gospy_snapshot_options options = with_stacks;
		options.scope = GOSPY_SCOPE_RUNNING;
		options.labels = true;
		options.non_blocking = i % 4 == 3;
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, read_and_destroy, before), 0);
		before = sample(&c, &options);
		seen += gospy_snapshot_goroutine_count(before);
		pthread_join(thread, NULL);
	}
	gospy_snapshot_destroy(before);
	assert_true(seen > 0);
	end(&c);
}

/* ---------------------------------------------------------------------------- threads come and go
 * --
 */

/* Each thread once, the one of each M that runs a goroutine among them. */
static void check_threads(struct gospy_snapshot *snapshot)
{
	size_t n, living = gospy_snapshot_goroutine_count(snapshot);
	const struct gospy_thread *threads = gospy_snapshot_threads(snapshot, &n);
	CLEANUP_FREE uint64_t *tids = calloc(n + 1, sizeof(*tids));
	assert_non_null(tids);
	for (size_t i = 0; i < n; i++)
		tids[i] = (uint64_t)threads[i].tid;
	qsort(tids, n, sizeof(*tids), compare_goids);
	for (size_t i = 1; i < n; i++)
		assert_int_not_equal(tids[i], tids[i - 1]);
	for (size_t i = 0; i < living && gospy_snapshot_info(snapshot)->instant; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		uint64_t tid = (uint64_t)g.tid;
		if (g.soundness == GOSPY_SOUND && g.status == GOSPY_STATUS_RUNNING && g.tid)
			assert_non_null(bsearch(&tid, tids, n, sizeof(*tids), compare_goids));
	}
}

static void threads_come_and_go(void **state)
{
	(void)state;
	static const char *const args[] = {"threads", "-rate", "300", "-asleep", "20", NULL};
	struct collection c;
	begin(&c, "threads", args);
	for (unsigned i = 0; i < 60; i++) {
		struct gospy_snapshot_options options = with_stacks;
		options.threads = true;
		options.non_blocking = i % 4 == 3;
		struct gospy_snapshot *snapshot = sample(&c, &options);
		check_threads(snapshot);
		check_living(snapshot);
		gospy_snapshot_destroy(snapshot);
	}
	end(&c);
}

/* ------------------------------------------------------------------------------- the target ends
 * --
 */

static const char *const few_parked[] = {"parked", "-n", "10", NULL};

static bool ends_with(struct collection *c, unsigned how, enum gospy_code code)
{
	struct gospy_snapshot_options options = with_stacks;
	struct gospy_snapshot *snapshot = NULL;
	struct gospy_error err = {0};
	options.non_blocking = how & 1;
	options.stacks = how & 2;
	enum gospy_code got = gospy_collector_take(c->collector, &options, &snapshot, &err);
	gospy_snapshot_destroy(snapshot);
	if (got && got != code)
		fail_msg("%s", err.msg);
	return got == code;
}

/* The same program, with the same threads as far as one can tell from their number. */
static void an_exec_is_noticed(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct collection c;
		begin(&c, "parked", few_parked);
		for (unsigned i = 0; i < 4; i++)
			assert_true(ends_with(&c, how, GOSPY_OK));
		tell(&c, "exec");
		assert_true(ends_with(&c, how, GOSPY_E_GONE));
		assert_true(ends_with(&c, how, GOSPY_E_GONE));
		end(&c);
	}
}

static void its_end_is_noticed(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		struct collection c;
		siginfo_t info;
		begin(&c, "parked", few_parked);
		for (unsigned i = 0; i < 4; i++)
			assert_true(ends_with(&c, how, GOSPY_OK));
		kill(c.program.pid, SIGKILL);
		waitid(P_PID, (id_t)c.program.pid, &info, WEXITED | WNOWAIT);
		assert_true(ends_with(&c, how, GOSPY_E_GONE));
		waitid(P_PID, (id_t)c.program.pid, &info, WEXITED);
		assert_true(ends_with(&c, how, GOSPY_E_GONE));
		end(&c);
	}
}

static void arguments_are_checked(void **state)
{
	(void)state;
	struct gospy_collector *collector;
	struct gospy_snapshot *snapshot;
	assert_int_equal(gospy_collector_create(NULL, &collector, NULL), GOSPY_E_USAGE);
	assert_int_equal(gospy_collector_take(NULL, NULL, &snapshot, NULL), GOSPY_E_USAGE);
	gospy_collector_destroy(NULL);
	struct collection c;
	struct gospy_snapshot_options options = with_stacks;
	options.scope = (enum gospy_scope)2;
	begin(&c, "turns", NULL);
	assert_int_equal(gospy_collector_take(c.collector, &options, &snapshot, NULL),
			 GOSPY_E_USAGE);
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_are_checked),
		cmocka_unit_test(all_states_are_gone_through),
		cmocka_unit_test(options_change),
		cmocka_unit_test(snapshots_are_held),
		cmocka_unit_test(goroutines_come_and_go),
		cmocka_unit_test(scopes_take_turns),
		cmocka_unit_test(sampled_as_others_read),
		cmocka_unit_test(threads_come_and_go),
		cmocka_unit_test(an_exec_is_noticed),
		cmocka_unit_test(its_end_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
