/* What is read through a recording is in its pages afterwards, as it was when it counted. */
#include "core/recording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "target/mem_bytes.h"

static const uint64_t BASE = UINT64_C(0xc000000000);

static uint8_t memory[PAGE_BYTES];
static struct source below;
static struct recording *recording;

static enum gospy_code no_mappings(struct source *source, struct mappings *ret,
				   struct gospy_error *err)
{
	(void)source, (void)err;
	*ret = (struct mappings){0};
	return GOSPY_OK;
}

static uint64_t no_clock(const struct source *source, enum source_clock clock)
{
	(void)source, (void)clock;
	return GOSPY_UNKNOWN;
}

enum { FIRST = 100, ENDED = 101, BORN = 102, GONE = 103, MOMENT_THREADS = 4 };

/* What is listed before the moment, and after it. */
static const pid_t listed_first[] = {FIRST, ENDED}, listed_then[] = {FIRST, BORN};
static bool moment_was;

static enum gospy_code list(struct source *source, struct source_kept **kept, struct tasks *ret,
			    struct gospy_error *err)
{
	(void)source, (void)kept, (void)err;
	*ret = (struct tasks){0};
	for (size_t i = 0; i < 2; i++) {
		const pid_t tid = (moment_was ? listed_then : listed_first)[i];
		struct task task = {.tid = tid, .nstid = tid, .state = 'S', .comm = "worker"};
		assert_true(vec_push(&ret->tasks, task));
	}
	return GOSPY_OK;
}

static uint64_t born_at; /* where a thread is in the moment */

static const struct place somewhere = {.syscall = 202, .sp = 0x1000, .pc = 0x2000};

static enum gospy_code stop(struct source *source, uint64_t max_pause_ns,
			    const struct moment_work *work, struct moment *ret,
			    struct gospy_error *err)
{
	const struct moment_thread threads[MOMENT_THREADS] = {
		{.tid = FIRST, .state = MOMENT_STILL},
		{.tid = ENDED, .state = MOMENT_ENDED},
		{.tid = BORN, .state = MOMENT_STILL, .place = {.sp = 0x3000, .pc = born_at}},
		{.tid = GONE, .state = MOMENT_STILL, .place = {.sp = 0x5000, .pc = 0x6000}},
	};
	(void)source, (void)max_pause_ns;
	*ret = (struct moment){.reached = true};
	for (size_t i = 0; i < MOMENT_THREADS; i++)
		assert_true(vec_push(&ret->threads, threads[i]));
	moment_was = true;
	return work->visit(work->ctx, ret, err);
}

static bool watch_thread(struct source *source, pid_t tid,
			 bool (*look)(void *ctx, const struct place *place), void *ctx)
{
	(void)source, (void)tid;
	return look(ctx, &somewhere);
}

static enum gospy_code exe_path(struct source *source, struct arena *arena, const char **ret,
				bool *deleted_ret, struct gospy_error *err)
{
	(void)source, (void)arena, (void)err;
	*ret = "/program";
	*deleted_ret = false;
	return GOSPY_OK;
}

static uint64_t no_bytes(struct source *source)
{
	(void)source;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	static const struct source_ops ops = {
		.mappings = no_mappings,
		.clock_ns = no_clock,
		.tasks = list,
		.stop = stop,
		.watch_thread = watch_thread,
		.exe_path = exe_path,
		.private_bytes = no_bytes,
	};
	moment_was = false;
	born_at = 0x4000;
	const struct mem_bytes_range range = {BASE, {memory, sizeof(memory)}};
	const struct recording_also also = {0};
	memset(memory, 1, sizeof(memory));
	below = (struct source){.ops = &ops};
	if (mem_bytes_create(&range, 1, &below.mem, NULL))
		return -1;
	return recording_create(&below, (struct span){0}, REDACT_NONE, &also, &recording, NULL);
}

static int teardown(void **state)
{
	(void)state;
	recording_destroy(recording);
	mem_destroy(below.mem);
	return 0;
}

static struct mem *mem(void)
{
	return recording_source(recording)->mem;
}

static void read_at(uint64_t off, size_t len)
{
	uint8_t bytes[PAGE_BYTES];
	assert_int_equal(mem_read(mem(), BASE + off, bytes, len, NULL), GOSPY_OK);
}

/* The page that was recorded. */
static struct span page(void)
{
	struct span span;
	struct page_store *pages = recording_pages(recording);
	assert_int_equal(recording_check(recording, NULL), GOSPY_OK);
	assert_int_equal(page_store_seal(pages, NULL), GOSPY_OK);
	assert_int_equal(page_store_count(pages), 1);
	assert_int_equal(page_store_pages(pages, 0, &span, NULL), GOSPY_OK);
	assert_int_equal(span.len, PAGE_BYTES);
	return span;
}

/* What was fixed stays, and what is around it is what was read last. */
static void test_fix(void **state)
{
	(void)state;
	static const struct mem_range ranges[] = {
		{BASE + 64, 8}, {BASE + 8, 16}, {BASE + 16, 16}, {BASE + 24, 0}, {UINT64_MAX, 9}};
	uint8_t expected[PAGE_BYTES] = {0};
	read_at(0, 256);
	mem_fix(mem(), ranges, 3);
	mem_fix(mem(), ranges + 3, 2);
	memset(memory, 2, sizeof(memory));
	read_at(0, 128);   // over all of them
	read_at(12, 4);    // in the midst of one
	read_at(30, 40);   // from one to the next
	read_at(300, 100); // behind all
	memset(expected, 1, 256);
	memset(expected, 2, 128);
	memset(expected + 8, 1, 24);
	memset(expected + 64, 1, 8);
	memset(expected + 300, 2, 100);
	assert_memory_equal(page().ptr, expected, PAGE_BYTES);
}

/* What is only looked at is not recorded, but for what its reader keeps. */
static void test_record(void **state)
{
	(void)state;
	uint8_t bytes[16], expected[PAGE_BYTES] = {0};
	mem_record(mem(), false);
	read_at(0, 64);
	assert_int_equal(mem_read_once(mem(), BASE + 128, bytes, sizeof(bytes), NULL), GOSPY_OK);
	mem_record(mem(), true);
	read_at(256, 64);
	memset(expected + 128, 1, sizeof(bytes));
	memset(expected + 256, 1, 64);
	assert_memory_equal(page().ptr, expected, PAGE_BYTES);
}

/* While other recording is put off, what nothing will prove is recorded, and stays. */
static void test_keep(void **state)
{
	(void)state;
	uint8_t told[16], expected[PAGE_BYTES] = {0};
	memset(told, 3, sizeof(told));
	assert_true(mem_record_later(mem(), true));
	mem_want(mem(), BASE, 64, MEM_DATA);
	mem_keep(mem(), true);
	mem_seen(mem(), BASE + 16, told, sizeof(told), MEM_DATA);
	mem_keep(mem(), false);
	mem_seen(mem(), BASE + 48, told, sizeof(told), MEM_DATA);
	memset(memory, 2, sizeof(memory));
	assert_int_equal(mem_record_now(mem(), NULL, NULL), GOSPY_OK);
	memset(expected, 2, 64);
	memset(expected + 16, 3, sizeof(told));
	assert_memory_equal(page().ptr, expected, PAGE_BYTES);
}

static enum gospy_code see_nothing(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	(void)ctx, (void)moment, (void)err;
	return GOSPY_OK;
}

static void expect_thread(const struct bundle_facts *facts, pid_t tid, enum moment_state state,
			  uint64_t pc, const char *comm)
{
	for (size_t i = 0; i < facts->threads.len; i++) {
		const struct bundle_thread *thread = &facts->threads.at[i];
		if (thread->task.tid != tid)
			continue;
		assert_int_equal(thread->state, state);
		assert_int_equal(thread->place.pc, pc);
		assert_string_equal(thread->task.comm, comm);
		return;
	}
	fail_msg("there is no thread %d", (int)tid);
}

static void list_before(void)
{
	struct tasks tasks;
	assert_int_equal(source_tasks(recording_source(recording), NULL, &tasks, NULL), GOSPY_OK);
	tasks_deinit(&tasks);
}

/* Threads that began after they were listed are known, with where they were in the moment. */
static void test_threads_of_the_moment(void **state)
{
	(void)state;
	const struct moment_work work = {.visit = see_nothing};
	struct moment moment;
	struct bundle_facts facts;
	list_before();
	assert_int_equal(source_stop(recording_source(recording), 0, &work, &moment, NULL),
			 GOSPY_OK);
	moment_deinit(&moment);
	assert_int_equal(recording_facts(recording, &facts, NULL), GOSPY_OK);
	assert_int_equal(facts.threads.len, MOMENT_THREADS);
	expect_thread(&facts, FIRST, MOMENT_STILL, 0, "worker");
	expect_thread(&facts, ENDED, MOMENT_ENDED, 0, "worker");
	expect_thread(&facts, BORN, MOMENT_STILL, 0x4000, "worker");
	expect_thread(&facts, GONE, MOMENT_STILL, 0x6000, "");
	bundle_facts_deinit(&facts);
}

static bool is_right(void *ctx, const struct place *place)
{
	const bool *right = ctx;
	assert_int_equal(place->pc, somewhere.pc);
	return *right;
}

/* What stands still after that, for figures that were not steady, say, is another moment. */
static void test_moment_that_was_told(void **state)
{
	(void)state;
	struct source *source = recording_source(recording);
	const struct moment_work work = {.visit = see_nothing};
	struct moment moment;
	struct bundle_facts facts;
	bool right = true;
	list_before();
	assert_int_equal(source_stop(source, 0, &work, &moment, NULL), GOSPY_OK);
	moment_deinit(&moment);
	assert_int_equal(recording_facts(recording, &facts, NULL), GOSPY_OK);
	bundle_facts_deinit(&facts);
	born_at = 0x7000;
	assert_int_equal(source_stop(source, 0, &work, &moment, NULL), GOSPY_OK);
	assert_int_equal(moment_find(&moment, BORN)->place.pc, born_at);
	moment_deinit(&moment);
	assert_true(source_watch_thread(source, BORN, is_right, &right));
	assert_int_equal(recording_moment(recording)->threads.len, MOMENT_THREADS);
	assert_int_equal(moment_find(recording_moment(recording), BORN)->place.pc, 0x4000);
}

/* Without a moment it is kept where a thread was that was looked at alone. */
static void test_thread_alone(void **state)
{
	(void)state;
	struct source *source = recording_source(recording);
	struct bundle_facts facts;
	bool right = true, wrong = false;
	list_before();
	assert_true(source_watch_thread(source, ENDED, is_right, &right));
	assert_false(source_watch_thread(source, FIRST, is_right, &wrong));
	assert_true(source_watch_thread(source, ENDED, is_right, &right));
	assert_int_equal(recording_facts(recording, &facts, NULL), GOSPY_OK);
	assert_int_equal(facts.threads.len, 2);
	expect_thread(&facts, FIRST, MOMENT_MOVED, 0, "worker");
	expect_thread(&facts, ENDED, MOMENT_STILL, somewhere.pc, "worker");
	bundle_facts_deinit(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads_of_the_moment, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moment_that_was_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_thread_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keep, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
