/* thread_words.c over hand-made threads: what counts of the registers and system stacks of those
 * that run, that are in system calls, that wait for work, that nothing is known of. */
#include "heap/thread_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "target/mem_bytes.h"

enum {
	TID = 7,
	G0 = 0x10000,
	GSIGNAL = 0x10100,
	CURG = 0x10200,
	STACK_LEN = 256,
	G0_LO = 0x20000,
	SIGNAL_LO = 0x21000,
	CURG_LO = 0x22000,
	ON_G0 = 0xaaaa0000,
	ON_SIGNAL = 0xbbbb0000,
	ON_CURG = 0xcccc0000,
	IN_REGISTER = 0xdddd0000,
	IN_VECTOR = 0xeeee0000,
	IN_ARGUMENT = 0xffff0000,
};

static uint8_t gs[0x300], stacks[3][STACK_LEN];
static struct image image;
static struct capture capture;
static struct moment moment;
static uint64_t seen, seen_vectors;
static pid_t late_tid;

/* A bit for each kind of word: that of its first digit. */
static uint64_t bit(uint64_t word)
{
	return word >> 16 && word >> 32 == 0 ? UINT64_C(1) << (word >> 28) : 0;
}

static int take(void *ctx, uint64_t word)
{
	(void)ctx;
	seen |= bit(word);
	return 0;
}

static int take_vector(void *ctx, uint64_t word)
{
	(void)ctx;
	seen_vectors |= bit(word);
	return 0;
}

static void take_late(void *ctx, pid_t tid)
{
	(void)ctx;
	late_tid = tid;
}

static const struct thread_words words = {take, take_vector, take_late, NULL};

static void put_g(size_t at, uint64_t lo)
{
	const uint64_t bounds[] = {lo, lo + STACK_LEN};
	memcpy(gs + at, bounds, sizeof(bounds));
}

static struct m_rec *m_of(void)
{
	return &capture.sched.ms.at[0];
}

static struct moment_thread *thread_of(void)
{
	return &moment.threads.at[0];
}

/* A thread that runs on the stack of its goroutine. */
static int begin(void **state)
{
	(void)state;
	const uint64_t on[] = {ON_G0, ON_SIGNAL, ON_CURG}, vector[] = {1, IN_VECTOR};
	memset(stacks, 0, sizeof(stacks));
	// Below the stack pointer, and above it.
	for (size_t i = 0; i < 3; i++)
		memcpy(stacks[i] + 128, &on[i], sizeof(on[i]));
	put_g(0, G0_LO);
	put_g(GSIGNAL - G0, SIGNAL_LO);
	put_g(CURG - G0, CURG_LO);
	const struct mem_bytes_range ranges[] = {
		{G0, {gs, sizeof(gs)}},
		{G0_LO, {stacks[0], STACK_LEN}},
		{SIGNAL_LO, {stacks[1], STACK_LEN}},
		{CURG_LO, {stacks[2], STACK_LEN}},
	};
	image = (struct image){0};
	assert_int_equal(mem_bytes_create(ranges, 4, &image.mem, NULL), GOSPY_OK);
	image.layout.g.stack_lo = (struct field){0, 8};
	image.layout.g.stack_hi = (struct field){8, 8};
	const struct m_rec m = {.tid = TID, .g0 = G0, .gsignal = GSIGNAL, .curg = CURG};
	assert_true(vec_push(&capture.sched.ms, m));
	struct moment_thread thread = {.tid = TID, .state = MOMENT_STOPPED, .has_regs = true};
	thread.regs.rsp = CURG_LO + 64;
	thread.regs.orig_rax = (unsigned long long)-1;
	thread.regs.r12 = IN_REGISTER;
	thread.regs.rdi = IN_ARGUMENT;
	thread.vectors = malloc(sizeof(vector));
	assert_non_null(thread.vectors);
	thread.vector_bytes = sizeof(vector);
	memcpy(thread.vectors, vector, sizeof(vector));
	assert_true(vec_push(&moment.threads, thread));
	seen = seen_vectors = 0;
	late_tid = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	mem_destroy(image.mem);
	vec_free(&capture.sched.ms);
	moment_deinit(&moment);
	return 0;
}

static const char *look(void)
{
	return thread_words_each(&image, &capture, &moment, &words);
}

static void test_running(void **state)
{
	(void)state;
	// Its goroutine's stack is a root as such.
	assert_null(look());
	assert_int_equal(seen, bit(IN_REGISTER) | bit(IN_ARGUMENT));
	assert_int_equal(seen_vectors, bit(IN_VECTOR));
}

static void test_on_system_stack(void **state)
{
	(void)state;
	thread_of()->regs.rsp = G0_LO + 64;
	assert_null(look());
	assert_int_equal(seen, bit(IN_REGISTER) | bit(IN_ARGUMENT) | bit(ON_G0));
	// What is below the stack pointer is over.
	seen = 0;
	thread_of()->regs.rsp = G0_LO + 192;
	assert_null(look());
	assert_int_equal(seen, bit(IN_REGISTER) | bit(IN_ARGUMENT));
}

/* Which of the others it has interrupted, and where, is not known. */
static void test_in_signal_handler(void **state)
{
	(void)state;
	thread_of()->regs.rsp = SIGNAL_LO + 64;
	assert_null(look());
	assert_int_equal(seen, bit(IN_REGISTER) | bit(IN_ARGUMENT) | bit(ON_G0) | bit(ON_SIGNAL) |
				       bit(ON_CURG));
}

static void test_in_system_call(void **state)
{
	(void)state;
	thread_of()->regs.orig_rax = SYS_read;
	assert_null(look());
	assert_int_equal(seen, bit(IN_ARGUMENT));
	assert_int_equal(seen_vectors, 0);
}

/* An M that waits for work acts for nobody; one that waits for a lock of the runtime may. */
static void test_idle(void **state)
{
	(void)state;
	thread_of()->regs.orig_rax = SYS_futex;
	thread_of()->regs.rsp = G0_LO + 64;
	m_of()->curg = 0;
	m_of()->blocked = true;
	assert_null(look());
	assert_int_equal(seen, bit(IN_ARGUMENT));
	m_of()->blocked = false;
	assert_null(look());
	assert_int_equal(seen, bit(IN_ARGUMENT) | bit(ON_G0));
	seen = 0;
	thread_of()->regs.orig_rax = SYS_epoll_pwait;
	assert_null(look());
	assert_int_equal(seen, bit(IN_ARGUMENT));
	m_of()->curg = CURG;
	assert_null(look());
	assert_int_equal(seen, bit(IN_ARGUMENT) | bit(ON_G0));
}

/* The kernel tells where it sleeps. */
static void test_asleep(void **state)
{
	(void)state;
	struct moment_thread *thread = thread_of();
	thread->has_regs = false;
	thread->state = MOMENT_STILL;
	thread->place = (struct place){.syscall = SYS_read, .arg1 = IN_ARGUMENT, .sp = G0_LO + 64};
	assert_null(look());
	assert_int_equal(seen, bit(IN_ARGUMENT) | bit(ON_G0));
	thread->place.syscall = -1; // a page fault: any register may hold anything
	assert_non_null(look());
}

/* What is not known is said. */
static void test_unknown(void **state)
{
	(void)state;
	struct moment_thread *thread = thread_of();
	thread->regs.rsp = 0x50000; // on no stack that it has
	assert_non_null(look());
	m_of()->incgo = true;
	assert_null(look());
	thread->regs.rsp = CURG_LO + 64;
	free(thread->vectors);
	thread->vectors = NULL;
	assert_non_null(look());
	thread->state = MOMENT_MOVED;
	thread->has_regs = false;
	assert_non_null(look());
	thread->state = MOMENT_ENDED;
	assert_null(look());
}

/* Of one that has not reported yet, each word of its system stack. */
static void test_late(void **state)
{
	(void)state;
	thread_of()->state = MOMENT_WAITS;
	thread_of()->has_regs = false;
	assert_null(look());
	assert_int_equal(late_tid, TID);
	assert_int_equal(seen, bit(ON_G0));
	m_of()->g0 = 0xdead0000;
	assert_non_null(look());
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_running),
		TEST(test_on_system_stack),
		TEST(test_in_signal_handler),
		TEST(test_in_system_call),
		TEST(test_idle),
		TEST(test_asleep),
		TEST(test_unknown),
		TEST(test_late),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
