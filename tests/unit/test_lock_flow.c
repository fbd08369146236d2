/* lock_flow.c: what code that was made by hand holds where it calls. */
#include "dwarf/go/lock_flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The function begins at BASE; what it calls lies behind it. */
enum {
	BASE = 0x400000,
	LOCK = BASE + 0x1000,
	UNLOCK = LOCK + 0x100,
	SLOW = UNLOCK + 0x80, /* what Unlock calls if others wait */
	RLOCK = UNLOCK + 0x100,
	RUNLOCK = RLOCK + 0x80,
	WAIT = RLOCK + 0xc0, /* what a reader calls if a writer is there */
	TRY = RLOCK + 0x100,
	WORK = TRY + 0x100,
	HELPER = WORK + 0x100,    /* it takes the lock at 8 from its argument */
	DROPPER = HELPER + 0x100, /* it releases that */
	PANIC = DROPPER + 0x100,
	SLOT = -0x10, /* below the return address and the frame pointer */
};

static uint8_t code[512];
static size_t len;
static struct lock_flow flow;

static const struct lock_summary takes = {
	.taken = {{.kind = EFFECT_ARG, .reg = INSN_RAX, .off = 8, .certain = true}},
	.taken_count = 1,
};
static const struct lock_summary drops = {
	.released = {{.kind = EFFECT_ARG, .reg = INSN_RAX, .off = 8, .certain = true}},
	.released_count = 1,
};

static void find_callee(void *ctx, uint64_t target, struct lock_callee *ret)
{
	(void)ctx;
	ret->is_func = true;
	ret->args = 0;
	ret->kind = target == LOCK                       ? CALLEE_LOCK
		    : target == UNLOCK || target == SLOW ? CALLEE_UNLOCK
		    : target == RUNLOCK                  ? CALLEE_RUNLOCK
		    : target == WAIT                     ? CALLEE_WAIT
		    : target == RLOCK                    ? CALLEE_RLOCK
		    : target == TRY                      ? CALLEE_TRY_LOCK
		    : target == PANIC                    ? CALLEE_NO_RETURN
							 : CALLEE_OTHER;
	ret->summary = target == HELPER ? &takes : target == DROPPER ? &drops : NULL;
}

static bool read_word(void *ctx, uint64_t addr, uint64_t *ret)
{
	(void)ctx;
	(void)addr;
	(void)ret;
	return false;
}

static void bytes(const char *hex)
{
	for (; *hex; hex += 2) {
		while (*hex == ' ')
			hex++;
		char two[3] = {hex[0], hex[1], '\0'};
		code[len++] = (uint8_t)strtoul(two, NULL, 16);
	}
}

/* Returns the offset behind it. */
static uint32_t call(uint64_t target)
{
	int32_t rel = (int32_t)(target - (BASE + len + 5));
	code[len++] = 0xe8;
	memcpy(code + len, &rel, sizeof(rel));
	len += sizeof(rel);
	return (uint32_t)len;
}

/* push rbp; mov rbp,rsp; sub rsp,0x20; the argument goes to SLOT */
static void begin(void)
{
	len = 0;
	bytes("55 4889e5 4883ec20");
	bytes("488945f8"); // mov [rbp-8],rax
}

static void load_arg(void)
{
	bytes("488b45f8"); // mov rax,[rbp-8]
}

static void end(void)
{
	bytes("4883c420 5d c3");
}

static enum gospy_code follow(void)
{
	const struct lock_code input = {
		.code = {code, len},
		.addr = BASE,
		.registers = true,
		.callee = find_callee,
		.word = read_word,
	};
	return lock_flow_read(&input, &flow, NULL);
}

static void expect(uint32_t off, unsigned held, bool certain)
{
	const struct lock_site *site = lock_flow_site(&flow, off, false);
	assert_true(lock_flow_reached(&flow, off));
	assert_int_equal(site ? site->held_count : 0, held);
	if (!held)
		return;
	const struct lock_found *found = &flow.found.at[site->first];
	assert_int_equal(found->certain, certain);
	assert_int_equal(found->at.kind, RECIPE_SLOT);
	assert_int_equal(found->at.slot, SLOT);
}

static int teardown(void **state)
{
	(void)state;
	lock_flow_deinit(&flow);
	return 0;
}

static void test_plain(void **state)
{
	(void)state;
	begin();
	uint32_t before = call(WORK);
	load_arg();
	uint32_t locking = call(LOCK);
	load_arg();
	uint32_t inside = call(WORK);
	load_arg();
	uint32_t unlocking = call(UNLOCK);
	uint32_t after = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	expect(before, 0, false);
	expect(locking, 0, false);
	expect(inside, 1, true);
	// It may have woken up the next one already.
	expect(unlocking, 0, false);
	expect(after, 0, false);
}

static void test_helpers(void **state)
{
	(void)state;
	begin();
	load_arg();
	call(HELPER);
	load_arg();
	uint32_t inside = call(WORK);
	load_arg();
	call(DROPPER);
	uint32_t after = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	expect(inside, 1, true);
	assert_int_equal(flow.found.at[lock_flow_site(&flow, inside, false)->first].at.add[0], 8);
	expect(after, 0, false);
	assert_int_equal(flow.summary.taken_count, 0);
	assert_int_equal(flow.summary.released_count, 0);
}

/* Where only one of two ways takes it, nothing is certain. */
static void test_one_branch(void **state)
{
	(void)state;
	begin();
	bytes("4885db"); // test rbx,rbx
	bytes("7409");   // je over the load and the call
	load_arg();
	call(LOCK);
	uint32_t inside = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	expect(inside, 1, false);
}

/* Where it was not taken it is the lock of a caller that is released. */
static void test_release_of_one_branch(void **state)
{
	(void)state;
	begin();
	bytes("4885db"); // test rbx,rbx
	bytes("7409");   // je over the load and the call
	load_arg();
	call(LOCK);
	load_arg();
	call(UNLOCK);
	uint32_t after = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	expect(after, 0, false);
	const struct lock_site *site = lock_flow_site(&flow, after, false);
	assert_non_null(site);
	assert_int_equal(site->released_count, 1);
	assert_false(flow.found.at[site->first].certain);
	assert_int_equal(flow.summary.released_count, 1);
	assert_false(flow.summary.released[0].certain);
}

/* Unlock that was inlined, with a call for the rest of it: that releases nothing of a caller. */
static void test_rest_of_unlock(void **state)
{
	(void)state;
	begin();
	load_arg();
	call(LOCK);
	load_arg();
	bytes("b9ffffffff"); // mov ecx,-1
	bytes("f00fc108");   // lock xadd [rax],ecx
	bytes("7405");       // je over the call
	call(SLOW);
	uint32_t after = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	const struct lock_site *site = lock_flow_site(&flow, after, false);
	assert_true(!site || (!site->held_count && !site->released_count));
	assert_int_equal(flow.summary.released_count, 0);
}

/* RLock that was inlined, which counts, and then waits if there is a writer. Returns the offset
 * behind the call that waits. */
static uint32_t read_lock(void)
{
	load_arg();
	bytes("b901000000"); // mov ecx,1
	bytes("f00fc14810"); // lock xadd [rax+16],ecx
	bytes("85c9");       // test ecx,ecx
	bytes("7d09");       // jge over what follows
	bytes("4883c00c");   // add rax,12
	return call(WAIT);
}

/* One that reads already has that while it waits to read once more. */
static void test_reads_twice(void **state)
{
	(void)state;
	begin();
	uint32_t first = read_lock();
	uint32_t between = call(WORK);
	uint32_t second = read_lock();
	uint32_t inside = call(WORK);
	load_arg();
	call(RUNLOCK);
	uint32_t once = call(WORK);
	load_arg();
	call(RUNLOCK);
	uint32_t after = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	expect(first, 0, false);
	expect(between, 1, true);
	expect(second, 1, true);
	expect(inside, 1, true);
	expect(once, 1, true);
	expect(after, 0, false);
}

/* But not if it reads already on some ways only. */
static void test_reads_twice_perhaps(void **state)
{
	(void)state;
	begin();
	bytes("4885db"); // test rbx,rbx
	bytes("741b");   // je over the first one
	read_lock();
	uint32_t between = call(WORK);
	uint32_t second = read_lock();
	uint32_t inside = call(WORK);
	load_arg();
	call(RUNLOCK);
	uint32_t after = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	expect(between, 1, false);
	const struct lock_site *site = lock_flow_site(&flow, second, false);
	assert_true(!site || !site->held_count || !flow.found.at[site->first].certain);
	expect(inside, 1, true);
	site = lock_flow_site(&flow, after, false);
	assert_true(!site || !site->held_count || !flow.found.at[site->first].certain);
}

/* A lock that is taken by TryLock is held where that said so. */
static void test_try(void **state)
{
	(void)state;
	begin();
	load_arg();
	call(TRY);
	bytes("84c0"); // test al,al
	bytes("740d"); // je over what follows
	load_arg();
	uint32_t inside = call(WORK);
	bytes("0f1f00 90"); // nop
	size_t rest = len;
	uint32_t after = call(WORK);
	end();
	assert_int_equal(rest, inside + 4);
	assert_int_equal(follow(), GOSPY_OK);
	expect(inside, 1, true);
	expect(after, 1, false);
}

/* What never returns leads nowhere. */
static void test_panic(void **state)
{
	(void)state;
	begin();
	load_arg();
	call(LOCK);
	call(PANIC);
	uint32_t behind = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	assert_false(lock_flow_reached(&flow, behind));
}

/* Somebody else may write to a slot whose address is taken. */
static void test_exposed(void **state)
{
	(void)state;
	begin();
	bytes("488d4df8"); // lea rcx,[rbp-8]
	load_arg();
	call(LOCK);
	load_arg();
	uint32_t inside = call(WORK);
	end();
	assert_int_equal(follow(), GOSPY_OK);
	const struct lock_site *site = lock_flow_site(&flow, inside, false);
	for (unsigned i = 0; site && i < site->held_count; i++)
		assert_true(flow.found.at[site->first + i].at.kind != RECIPE_SLOT);
}

/* A loop that takes one lock after the other: it comes to an end, and claims nothing of them. */
static void test_loop(void **state)
{
	(void)state;
	begin();
	size_t top = len;
	load_arg();
	call(LOCK);
	uint32_t inside = call(WORK);
	bytes("488345f808"); // add qword [rbp-8],8
	bytes("4885db");     // test rbx,rbx
	bytes("75");         // jne top
	code[len] = (uint8_t)(top - (len + 1));
	len++;
	end();
	assert_int_equal(follow(), GOSPY_OK);
	const struct lock_site *site = lock_flow_site(&flow, inside, false);
	assert_non_null(site);
	unsigned certain = 0;
	for (unsigned i = 0; i < site->held_count; i++) {
		const struct lock_found *found = &flow.found.at[site->first + i];
		certain += found->certain && found->at.kind != RECIPE_NONE && !found->at.loads;
	}
	assert_true(certain <= 1);
}

/* Bytes that are no code, and jumps into the middle of instructions. */
static void test_garbage(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 2000; seed++) {
		uint32_t x = seed * 2654435761u + 1;
		len = 64;
		for (size_t i = 0; i < len; i++) {
			x = x * 1664525u + 1013904223u;
			code[i] = (uint8_t)(x >> 24);
		}
		enum gospy_code status = follow();
		assert_true(status == GOSPY_OK || status == GOSPY_E_LIMIT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_plain, teardown),
		cmocka_unit_test_teardown(test_helpers, teardown),
		cmocka_unit_test_teardown(test_one_branch, teardown),
		cmocka_unit_test_teardown(test_release_of_one_branch, teardown),
		cmocka_unit_test_teardown(test_rest_of_unlock, teardown),
		cmocka_unit_test_teardown(test_reads_twice, teardown),
		cmocka_unit_test_teardown(test_reads_twice_perhaps, teardown),
		cmocka_unit_test_teardown(test_try, teardown),
		cmocka_unit_test_teardown(test_panic, teardown),
		cmocka_unit_test_teardown(test_exposed, teardown),
		cmocka_unit_test_teardown(test_loop, teardown),
		cmocka_unit_test_teardown(test_garbage, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
