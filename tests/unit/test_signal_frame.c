/* The frame that the kernel leaves on a signal stack: found in a handler of this very program. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <cmocka.h>

#include "capture/signal_frame.h"

enum { STACK_LEN = 64 << 10 };

static uint8_t *stack;
static uint64_t lo, hi;

/* What the handler saw. */
static uint8_t copy[STACK_LEN];
static size_t copy_len;
static greg_t expected[NGREG];

static void handle(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	const uint8_t *sp = __builtin_frame_address(0);
	(void)signal;
	(void)info;
	memcpy(expected, uc->uc_mcontext.gregs, sizeof(expected));
	copy_len = (size_t)(stack + STACK_LEN - sp);
	memcpy(copy, sp, copy_len);
}

static int set_up(void **state)
{
	(void)state;
	stack = aligned_alloc(4096, STACK_LEN);
	if (!stack)
		return -1;
	lo = (uint64_t)(uintptr_t)stack;
	hi = lo + STACK_LEN;
	const stack_t alternative = {.ss_sp = stack, .ss_size = STACK_LEN};
	struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	return sigaltstack(&alternative, NULL) || sigaction(SIGUSR1, &action, NULL) ||
	       raise(SIGUSR1) || !copy_len;
}

static int tear_down(void **state)
{
	const stack_t none = {.ss_flags = SS_DISABLE};
	(void)state;
	sigaltstack(&none, NULL);
	free(stack);
	return 0;
}

static void test_what_was_interrupted(void **state)
{
	(void)state;
	struct signal_frame frame;
	assert_true(signal_frame_find((struct span){copy, copy_len}, lo, hi, &frame));
	assert_int_equal(frame.rip, expected[REG_RIP]);
	assert_int_equal(frame.rsp, expected[REG_RSP]);
	assert_int_equal(frame.rbp, expected[REG_RBP]);
	assert_int_equal(frame.rbx, expected[REG_RBX]);
	assert_int_equal(frame.r12, expected[REG_R12]);
	assert_int_equal(frame.r13, expected[REG_R13]);
	assert_int_equal(frame.r14, expected[REG_R14]);
	assert_int_equal(frame.r15, expected[REG_R15]);
}

static void test_of_another_stack(void **state)
{
	(void)state;
	struct signal_frame frame;
	struct span bytes = {copy, copy_len};
	assert_false(signal_frame_find(bytes, lo - 16, hi, &frame));
	assert_false(signal_frame_find(bytes, lo, hi + 16, &frame));
}

/* Of a stack whose ends are not known: it is the same frame, and has to be of that stack. */
static void test_above(void **state)
{
	(void)state;
	struct signal_frame frame, same;
	uint64_t addr = hi - copy_len;
	assert_true(signal_frame_find((struct span){copy, copy_len}, lo, hi, &frame));
	assert_true(signal_frame_find_above((struct span){copy, copy_len}, addr, &same));
	assert_memory_equal(&frame, &same, sizeof(frame));
	assert_false(signal_frame_find_above((struct span){copy, copy_len}, lo - 4096, &same));
	assert_false(signal_frame_find_above((struct span){copy, copy_len}, hi, &same));
}

/* Wherever the bytes end, nothing behind them is read. */
static void test_cut_off(void **state)
{
	(void)state;
	struct signal_frame frame;
	for (size_t len = 0; len < 2048 && len < copy_len; len++) {
		uint8_t *bytes = malloc(len + 1);
		assert_non_null(bytes);
		memcpy(bytes, copy + copy_len - len, len);
		signal_frame_find((struct span){bytes, len}, lo, hi, &frame);
		signal_frame_find_above((struct span){bytes, len}, hi - len, &frame);
		free(bytes);
	}
}

/* Two that look alike are none: the same one again, 1 KiB further down. */
static void test_ambiguous(void **state)
{
	enum { FURTHER = 1024 };
	(void)state;
	struct signal_frame frame;
	size_t len = copy_len + FURTHER;
	uint8_t *bytes = malloc(len);
	assert_non_null(bytes);
	memcpy(bytes, copy, copy_len);
	memcpy(bytes + FURTHER, copy, copy_len);
	assert_false(signal_frame_find((struct span){bytes, len}, lo, hi, &frame));
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_interrupted),
		cmocka_unit_test(test_of_another_stack),
		cmocka_unit_test(test_above),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_ambiguous),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
