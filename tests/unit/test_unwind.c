/* unwind.c and stacks.c over hand-made stacks: whole, cut off, looping, lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/stacks.h"
#include "go_image.h"

enum {
	OLDEST = 12,
	NEWEST = 27,
	FRAME = 32,     /* of main.main from its 4th byte on: 24 bytes and the return address */
	CALL = 0x11,    /* a return address in main.main, by its offset */
	GOEXIT = 0x41,  /* one in runtime.goexit */
	SP = 0xc000000, /* where stacks begin */
};

struct fixture {
	struct go_image im;
	struct paged paged;
	struct moduledata md;
	struct pclntab pcln;
	struct symbolizer symbolizer;
	struct symbols *symbols;
	struct stacks stacks;
	struct stack_table table;
	struct budget budget;
	struct unwinder *u;
	uint8_t *bytes;
	struct unwind_bytes stack;
};

static struct fixture f;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct origins no_origins;

static void open_fixture(int minor, size_t stack_len)
{
	struct gospy_error err = {0};
	go_image_init(&f.im, minor);
	f.paged = go_image_paged(&f.im);
	assert_int_equal(moduledata_read(&f.paged, f.im.moduledata, &f.md, &err), GOSPY_OK);
	assert_int_equal(pcln_init(&f.pcln, &f.paged, &f.md, minor, &err), GOSPY_OK);
	symbolizer_init(&f.symbolizer, &table_lock, &f.pcln, 0, 0, &no_origins);
	f.symbols = symbolizer_hold(&f.symbolizer);
	assert_non_null(f.symbols);
	budget_init(&f.budget, 64 << 20, 0);
	stacks_init(&f.stacks, &f.table, f.symbols, true, &f.budget, 1);
	f.u = &f.stacks.workers[0].unwinder;
	f.u->frames_max = SIZE_MAX;
	f.bytes = calloc(1, stack_len);
	assert_non_null(f.bytes);
	f.stack = (struct unwind_bytes){
		.addr = SP, .bytes = f.bytes, .len = stack_len, .hi = SP + stack_len};
}

static void close_fixture(void)
{
	stacks_deinit(&f.stacks);
	stack_table_deinit(&f.table);
	symbols_release(f.symbols);
	symbolizer_deinit(&f.symbolizer);
	free(f.bytes);
}

static void put(size_t off, uint64_t value)
{
	memcpy(f.bytes + off, &value, sizeof(value));
}

/* `n` calls of main.main by itself, the outermost from goexit. */
static void put_calls(size_t n)
{
	for (size_t i = 0; i < n; i++)
		put(i * FRAME + FRAME - 8, f.im.text + (i == n - 1 ? GOEXIT : CALL));
}

static void walk(void)
{
	struct unwind_start start = {.pc = f.im.text + CALL, .sp = SP};
	assert_true(unwind(f.u, &f.stack, &start));
}

static void test_whole(void **state)
{
	(void)state;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		open_fixture(minor, 10 * FRAME);
		put_calls(4);
		put(FRAME, 0x1234); // the first argument of the innermost call
		walk();
		assert_int_equal(f.u->end, UNWIND_DONE);
		assert_int_equal(f.u->pcs.len, 5);
		assert_int_equal(f.u->pcs.at[3], f.im.text + CALL);
		assert_int_equal(f.u->pcs.at[4], f.im.text + GOEXIT);
		// Up to Go 1.16 each argument word is printed, then what ArgInfo says: the same.
		assert_int_equal(f.u->values.len, 8);
		assert_int_equal(f.u->values.at[0], 0x1234);
		close_fixture();
	}
}

static void check_end(enum unwind_end end, uint64_t addr, size_t frames)
{
	walk();
	assert_int_equal(f.u->end, end);
	assert_int_equal(f.u->end_addr, addr);
	assert_int_equal(f.u->pcs.len + f.u->gap.frames, frames);
	close_fixture();
}

static void test_unknown_pc(void **state)
{
	(void)state;
	open_fixture(NEWEST, 10 * FRAME);
	put_calls(4);
	put(2 * FRAME - 8, 0xdeadbeef);
	check_end(UNWIND_UNKNOWN_PC, 0xdeadbeef, 2);
}

/* Behind the second call there is foreign code with a frame at SP + 80, called from main.main. */
static void open_foreign(uint64_t bp)
{
	open_fixture(NEWEST, 10 * FRAME);
	put_calls(2);
	put(2 * FRAME - 8, 0xdeadbeef);
	put(2 * FRAME - 16, bp); // which the second call has saved
	put(88, f.im.text + CALL);
	put(96 + FRAME - 8, f.im.text + GOEXIT);
}

static void test_frame_pointers(void **state)
{
	(void)state;
	open_foreign(SP + 80);
	walk();
	assert_int_equal(f.u->end, UNWIND_DONE);
	assert_int_equal(f.u->end_addr, 0xdeadbeef);
	assert_int_equal(f.u->certain, 2);
	assert_int_equal(f.u->pcs.len, 4);
	assert_int_equal(f.u->pcs.at[2], f.im.text + CALL);
	assert_int_equal(f.u->pcs.at[3], f.im.text + GOEXIT);
	close_fixture();
}

static void test_frame_pointer_register(void **state)
{
	(void)state;
	open_foreign(0);
	struct unwind_start start = {
		.pc = 0xdeadbeef, .sp = SP + 72, .bp = SP + 80, .interrupted = true};
	assert_true(unwind(f.u, &f.stack, &start));
	assert_int_equal(f.u->end, UNWIND_DONE);
	assert_int_equal(f.u->certain, 0);
	assert_int_equal(f.u->pcs.len, 2);
	assert_false(f.u->interrupted);
	close_fixture();
}

static void test_frame_pointers_that_lead_nowhere(void **state)
{
	static const uint64_t bad[] = {0,       SP + 56, SP + 81,   SP + 10 * FRAME - 8,
				       SP + 72, 1 << 20, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_foreign(bad[i]);
		check_end(UNWIND_UNKNOWN_PC, 0xdeadbeef, 2);
	}
	open_foreign(SP + 80); // to Go code, but not to the end of the stack
	put(96 + FRAME - 8, 0xdeadbeef);
	check_end(UNWIND_UNKNOWN_PC, 0xdeadbeef, 2);
	open_foreign(SP + 80); // in a circle
	put(80, SP + 80);
	put(88, 0xdeadbeef);
	check_end(UNWIND_UNKNOWN_PC, 0xdeadbeef, 2);
}

static void test_bottom(void **state)
{
	(void)state;
	open_fixture(NEWEST, 10 * FRAME);
	put_calls(4);
	put(2 * FRAME - 8, 0); // "do not unwind past the bottom of the stack"
	check_end(UNWIND_DONE, 0, 2);
}

static void test_beyond_the_stack(void **state)
{
	(void)state;
	open_fixture(NEWEST, 10 * FRAME);
	put_calls(4);
	f.stack.hi = SP + 2 * FRAME + 8;
	check_end(UNWIND_OUTSIDE, SP + 3 * FRAME, 3);
}

static void test_cut_off(void **state)
{
	(void)state;
	open_fixture(NEWEST, 10 * FRAME);
	put_calls(4);
	f.stack.len = 2 * FRAME + 28; // half of a return address
	check_end(UNWIND_UNREADABLE, SP + 3 * FRAME - 8, 3);
}

static void test_no_frame_size(void **state)
{
	(void)state;
	open_fixture(NEWEST, 10 * FRAME);
	struct pcln_func func;
	assert_true(pcln_find_func(&f.pcln, f.im.text, &func));
	// The table of main.main ends behind the first byte.
	go_image_set(&f.im, f.md.pctab + func.pcsp, 0x000102, 3);
	put_calls(4);
	check_end(UNWIND_BAD_FRAME, f.im.text + CALL, 1);
}

/* Every word of the stack is the same return address: it ends with the stack. */
static void test_endless(void **state)
{
	(void)state;
	enum { FRAMES = 1 << 15 };
	open_fixture(NEWEST, (size_t)FRAMES * FRAME);
	for (size_t off = 0; off < f.stack.len; off += 8)
		put(off, f.im.text + CALL);
	check_end(UNWIND_OUTSIDE, SP + (uint64_t)(FRAMES + 1) * FRAME, FRAMES + 1);
}

static void test_too_deep(void **state)
{
	(void)state;
	enum { MAX = 1 << 16 };
	open_fixture(NEWEST, ((size_t)MAX + 8) * FRAME);
	f.u->frames_max = MAX;
	for (size_t off = 0; off < f.stack.len; off += 8)
		put(off, f.im.text + CALL);
	check_end(UNWIND_TOO_DEEP, SP + (uint64_t)MAX * FRAME, MAX);
}

/* All frames that fit are kept. If there are more, the innermost and the outermost are kept, and
 * the others counted. */
static void test_gap(void **state)
{
	(void)state;
	enum { KEPT = UNWIND_INNER + UNWIND_OUTER, MORE = 1000 };
	for (size_t more = 0; more <= MORE; more += MORE) {
		size_t calls = KEPT - 1 + more; // of main.main by itself; goexit comes on top
		open_fixture(NEWEST, (size_t)(KEPT + MORE + 8) * FRAME);
		put_calls(calls);
		put(UNWIND_INNER * FRAME, 0x1234); // the first argument of the last inner call
		put((calls - 1) * FRAME, 0x5678);  // of the outermost but one
		walk();
		assert_int_equal(f.u->end, UNWIND_DONE);
		assert_int_equal(f.u->pcs.len, KEPT);
		assert_int_equal(f.u->certain, KEPT);
		assert_int_equal(f.u->pcs.at[KEPT - 1], f.im.text + GOEXIT);
		assert_int_equal(f.u->gap.frames, more);
		assert_int_equal(f.u->gap.calls, 2 * more); // one is inlined there
		assert_int_equal(f.u->gap.shown, 2 * more);
		if (more) {
			assert_int_equal(f.u->gap.bytes, (UNWIND_INNER + more) * FRAME);
			assert_int_equal(f.u->gap.callee, f.im.text + CALL);
		}
		assert_int_equal(f.u->values.len, 2 * (KEPT - 1));
		assert_int_equal(f.u->values.at[2 * (UNWIND_INNER - 1)], 0x1234);
		assert_int_equal(f.u->values.at[2 * (KEPT - 3)], 0x5678);
		close_fixture();
	}
}

static void test_nil_func(void **state)
{
	(void)state;
	open_fixture(NEWEST, 10 * FRAME);
	put_calls(4);
	memmove(f.bytes + 8, f.bytes, 4 * FRAME);
	put(0, f.im.text + CALL);
	struct unwind_start start = {.pc = 0, .sp = SP, .interrupted = true};
	assert_true(unwind(f.u, &f.stack, &start));
	assert_int_equal(f.u->end, UNWIND_DONE);
	assert_int_equal(f.u->pcs.len, 5);
	close_fixture();
}

/* A function that writes SP is stepped over where it cannot have done so. */
static void test_switches_stacks(void **state)
{
	(void)state;
	enum { FLAG = 41, SP_WRITE = 2 }; // in _func
	open_fixture(NEWEST, 10 * FRAME);
	struct pcln_func func;
	assert_true(pcln_find_func(&f.pcln, f.im.text, &func));
	go_image_set(&f.im, func.addr + FLAG, SP_WRITE, 1);
	put_calls(4);
	struct unwind_start start = {.pc = f.im.text + CALL, .sp = SP};
	assert_true(unwind(f.u, &f.stack, &start));
	assert_int_equal(f.u->pcs.len, 1);
	start.on_stack = true;
	assert_true(unwind(f.u, &f.stack, &start));
	assert_int_equal(f.u->pcs.len, 3);
	assert_int_equal(f.u->end, UNWIND_DONE);
	close_fixture();
}

static void test_start_outside(void **state)
{
	(void)state;
	static const uint64_t bad[] = {
		0, 8, SP - FRAME, SP + 11 * FRAME, UINT64_MAX, UINT64_MAX - FRAME + 1};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		open_fixture(16, 10 * FRAME);
		put_calls(4);
		struct unwind_start start = {.pc = f.im.text + CALL, .sp = bad[i]};
		assert_true(unwind(f.u, &f.stack, &start));
		assert_int_not_equal(f.u->end, UNWIND_DONE);
		assert_int_equal(f.u->pcs.len, 1);
		close_fixture();
	}
}

static void add(unsigned worker, size_t calls, struct g_rec *rec)
{
	struct unwind_start start = {.pc = f.im.text + CALL, .sp = SP};
	put_calls(calls);
	assert_true(stacks_walk(&f.stacks, worker, &f.stack, &start, rec));
	assert_int_not_equal(rec->stack, 0);
}

static void test_interned(void **state)
{
	(void)state;
	struct g_rec recs[5] = {0};
	open_fixture(16, 10 * FRAME);
	add(0, 4, &recs[0]);
	add(0, 5, &recs[1]);
	add(1, 5, &recs[2]);
	add(1, 3, &recs[3]);
	assert_true(stacks_merge(&f.stacks));
	for (size_t i = 0; i < 5; i++)
		recs[i].stack = stacks_number(&f.stacks, recs[i].stack);
	assert_int_equal(stacks_count(&f.stacks), 3);
	assert_int_equal(recs[1].stack, recs[2].stack);
	assert_int_not_equal(recs[0].stack, recs[1].stack);
	assert_int_not_equal(recs[3].stack, recs[0].stack);
	assert_int_equal(recs[4].stack, 0);
	const uint64_t *pcs;
	const struct stack_rec *stack = stacks_get(&f.stacks, recs[3].stack, &pcs);
	assert_int_equal(stack->count, 4);
	assert_int_equal(pcs[3], f.im.text + GOEXIT);
	size_t count;
	assert_non_null(stacks_values(&f.stacks, recs[2].values, &count));
	assert_int_equal(count, 10);
	assert_null(stacks_values(&f.stacks, recs[4].values, &count));
	close_fixture();
}

static uint8_t end_of(const struct g_rec *rec)
{
	const uint64_t *pcs;
	return stacks_get(&f.stacks, stacks_number(&f.stacks, rec->stack), &pcs)->end;
}

/* A stack that the budget does not hold is marked; one that is known already needs nothing of it.
 */
static void test_budget(void **state)
{
	(void)state;
	struct g_rec recs[6] = {0};
	size_t count;
	open_fixture(16, 10 * FRAME);
	add(0, 4, &recs[0]);
	budget_init(&f.budget, 0, 0);
	f.stacks.workers[0].values.cap = f.stacks.workers[0].values.len;
	f.table.pcs.cap = f.table.pcs.len;
	add(0, 5, &recs[1]);
	add(0, 4, &recs[2]);
	add(1, 4, &recs[3]);
	budget_init(&f.budget, 1 << 20, 0);
	stacks_spend(&f.stacks, 1, SIZE_MAX);
	add(1, 5, &recs[4]);
	add(0, 5, &recs[5]);
	assert_true(stacks_merge(&f.stacks));
	static const uint8_t ends[] = {UNWIND_DONE,      UNWIND_NO_MEMORY, UNWIND_DONE,
				       UNWIND_NO_MEMORY, UNWIND_NO_MEMORY, UNWIND_DONE};
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(end_of(&recs[i]), ends[i]);
	assert_non_null(stacks_values(&f.stacks, recs[0].values, &count));
	assert_int_equal(recs[1].values, 0);
	assert_int_equal(recs[2].values, STACKS_NO_VALUES);
	assert_null(stacks_values(&f.stacks, recs[2].values, &count));
	assert_int_equal(count, 0);
	close_fixture();
}

/* A stack costs a record and its pcs: where the budget holds only one of them, nothing is used. */
static void test_budget_of_half(void **state)
{
	(void)state;
	struct g_rec rec = {0};
	open_fixture(16, 10 * FRAME);
	add(0, 4, &rec);
	const size_t before = 64 << 20, left = atomic_load(&f.budget.bytes);
	const size_t values = (f.stacks.workers[0].values.len) * sizeof(uint64_t);
	const size_t stack = before - left - values;
	budget_init(&f.budget, stack - 1, 0);
	add(1, 4, &rec);
	assert_int_equal(atomic_load(&f.budget.bytes), stack - 1);
	assert_true(stacks_merge(&f.stacks));
	assert_int_equal(end_of(&rec), UNWIND_NO_MEMORY);
	close_fixture();
}

static void test_interned_gaps(void **state)
{
	(void)state;
	enum { DEEP = UNWIND_INNER + UNWIND_OUTER + 10 };
	struct g_rec recs[4] = {0};
	open_fixture(NEWEST, (DEEP + 10) * FRAME);
	add(0, DEEP, &recs[0]);
	add(0, DEEP + 1, &recs[1]);
	add(1, DEEP + 1, &recs[2]);
	add(1, DEEP, &recs[3]);
	assert_true(stacks_merge(&f.stacks));
	for (size_t i = 0; i < 4; i++)
		recs[i].stack = stacks_number(&f.stacks, recs[i].stack);
	assert_int_equal(stacks_count(&f.stacks), 2);
	assert_int_equal(recs[0].stack, recs[3].stack);
	assert_int_equal(recs[1].stack, recs[2].stack);
	for (size_t i = 0; i < 2; i++) {
		const uint64_t *pcs;
		const struct stack_rec *stack = stacks_get(&f.stacks, recs[i].stack, &pcs);
		assert_true(stack->gap);
		assert_int_equal(stacks_gap(&f.stacks, stack).frames, 11 + i);
	}
	close_fixture();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_unknown_pc),
		cmocka_unit_test(test_bottom),
		cmocka_unit_test(test_beyond_the_stack),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_no_frame_size),
		cmocka_unit_test(test_endless),
		cmocka_unit_test(test_too_deep),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_interned_gaps),
		cmocka_unit_test(test_nil_func),
		cmocka_unit_test(test_start_outside),
		cmocka_unit_test(test_interned),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_budget_of_half),
		cmocka_unit_test(test_switches_stacks),
		cmocka_unit_test(test_frame_pointers),
		cmocka_unit_test(test_frame_pointer_register),
		cmocka_unit_test(test_frame_pointers_that_lead_nowhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
