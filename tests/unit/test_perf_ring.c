/* The records of a ring of perf events, well formed and not; and why the kernel gives none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>

#include "live/perf_refused.h"
#include "live/perf_ring.h"

enum { RING = 4096, REGS = 17, CHAIN_MAX = 4 };

struct writer {
	uint8_t bytes[RING];
	size_t len;
};

static void put(struct writer *w, uint64_t value, size_t len)
{
	assert_true(w->len + len <= sizeof(w->bytes));
	memcpy(w->bytes + w->len, &value, len);
	w->len += len;
}

static size_t begin(struct writer *w, uint32_t type, uint16_t misc)
{
	size_t at = w->len;
	put(w, type, 4);
	put(w, misc, 2);
	put(w, 0, 2);
	return at;
}

static void end(struct writer *w, size_t at)
{
	uint16_t size = (uint16_t)(w->len - at);
	memcpy(w->bytes + at + 6, &size, sizeof(size));
}

/* Registers are 100, 101, ... in the order of their bits; `stack` words of the stack were asked
 * for, of which there are `there` bytes. */
static void put_sample(struct writer *w, uint16_t misc, const uint64_t *chain, size_t n,
		       size_t stack, uint64_t there)
{
	size_t at = begin(w, PERF_RECORD_SAMPLE, misc);
	put(w, 7, 4);
	put(w, 8, 4);
	put(w, 123456789, 8);
	put(w, n, 8);
	for (size_t i = 0; i < n; i++)
		put(w, chain[i], 8);
	put(w, PERF_SAMPLE_REGS_ABI_64, 8);
	for (size_t i = 0; i < REGS; i++)
		put(w, 100 + i, 8);
	put(w, stack * 8, 8);
	for (size_t i = 0; i < stack; i++)
		put(w, 1000 + i, 8);
	if (stack)
		put(w, there, 8);
	end(w, at);
}

/* A ring whose bytes are the writer's, from the `start`th that was ever written on. The caller
 * frees both. */
static struct perf_ring *ring_of(const struct writer *w, uint64_t start)
{
	struct perf_ring *ring = calloc(1, sizeof(*ring));
	uint8_t *data = malloc(RING);
	assert_non_null(ring);
	assert_non_null(data);
	for (size_t i = 0; i < w->len; i++)
		data[(start + i) % RING] = w->bytes[i];
	*ring = (struct perf_ring){
		.data = data, .size = RING, .tail = start, .chain_max = CHAIN_MAX};
	return ring;
}

static void ring_free(struct perf_ring *ring)
{
	free((void *)(uintptr_t)ring->data);
	free(ring);
}

static const uint64_t context_user = (uint64_t)PERF_CONTEXT_USER;
static const uint64_t context_kernel = (uint64_t)PERF_CONTEXT_KERNEL;

static void check_sample(uint64_t start)
{
	struct writer w = {0};
	struct perf_record record;
	const uint64_t chain[] = {context_kernel, 1, context_user, 0x401000, 0x402000};
	put_sample(&w, PERF_RECORD_MISC_USER, chain, 5, 4, 24);
	struct perf_ring *ring = ring_of(&w, start);
	assert_true(perf_ring_next(ring, start + w.len, &record));
	assert_int_equal(record.kind, PERF_A_SAMPLE);
	assert_int_equal(record.pid, 7);
	const struct cpu_sample *s = &record.sample;
	assert_int_equal(s->tid, 8);
	assert_int_equal(s->time_ns, 123456789);
	assert_false(s->kernel);
	assert_true(s->has_regs);
	assert_int_equal(s->regs.ax, 100);
	assert_int_equal(s->regs.bp, 106);
	assert_int_equal(s->regs.sp, 107);
	assert_int_equal(s->regs.ip, 108);
	assert_int_equal(s->regs.r8, 109);
	assert_int_equal(s->regs.r14, 115);
	assert_int_equal(s->chain_len, 2);
	assert_int_equal(s->chain[0], 0x401000);
	assert_int_equal(s->chain[1], 0x402000);
	assert_false(s->chain_full);
	assert_int_equal(s->stack.len, 24);
	uint64_t word;
	memcpy(&word, s->stack.ptr + 16, sizeof(word));
	assert_int_equal(word, 1002);
	assert_false(perf_ring_next(ring, start + w.len, &record));
	ring_free(ring);
}

/* Wherever in the ring it begins, its end too. */
static void test_sample(void **state)
{
	(void)state;
	for (uint64_t start = 0; start < RING; start += 8)
		check_sample(start);
	check_sample(UINT64_MAX - 7 - 8 * 3); // so many bytes that the number begins anew
}

static void test_full_chain(void **state)
{
	(void)state;
	struct writer w = {0};
	struct perf_record record;
	const uint64_t chain[] = {context_user, 1, 2, 3, 4};
	put_sample(&w, PERF_RECORD_MISC_KERNEL, chain, 5, 0, 0);
	struct perf_ring *ring = ring_of(&w, 0);
	assert_true(perf_ring_next(ring, w.len, &record));
	assert_int_equal(record.kind, PERF_A_SAMPLE);
	assert_true(record.sample.kernel);
	assert_true(record.sample.chain_full);
	assert_int_equal(record.sample.stack.len, 0);
	ring_free(ring);
}

static void test_others(void **state)
{
	(void)state;
	struct writer w = {0};
	struct perf_record record;
	size_t at = begin(&w, PERF_RECORD_LOST, 0);
	put(&w, 1, 8);
	put(&w, 42, 8);
	end(&w, at);
	at = begin(&w, PERF_RECORD_FORK, 0);
	put(&w, 7, 4);
	put(&w, 7, 4);
	put(&w, 9, 4);
	put(&w, 8, 4);
	put(&w, 0, 8);
	end(&w, at);
	at = begin(&w, PERF_RECORD_COMM, PERF_RECORD_MISC_COMM_EXEC);
	put(&w, 7, 4);
	put(&w, 7, 4);
	put(&w, 0, 8);
	end(&w, at);
	at = begin(&w, PERF_RECORD_COMM, 0);
	put(&w, 7, 8);
	put(&w, 0, 8);
	end(&w, at);
	at = begin(&w, PERF_RECORD_THROTTLE, 0);
	put(&w, 0, 8);
	end(&w, at);
	static const enum perf_kind kinds[] = {PERF_LOST, PERF_FORK, PERF_EXEC, PERF_OTHER,
					       PERF_THROTTLE};
	struct perf_ring *ring = ring_of(&w, 64);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		assert_true(perf_ring_next(ring, 64 + w.len, &record));
		assert_int_equal(record.kind, kinds[i]);
		if (record.kind == PERF_LOST)
			assert_int_equal(record.count, 42);
		if (record.kind == PERF_FORK)
			assert_int_equal(record.tid, 9);
		if (record.kind == PERF_EXEC)
			assert_int_equal(record.pid, 7);
	}
	assert_false(perf_ring_next(ring, 64 + w.len, &record));
	ring_free(ring);
}

/* What cannot be is skipped, and the ring goes on behind it. */
static void assert_skipped(const struct writer *w, uint64_t head, uint64_t tail)
{
	struct perf_record record;
	struct perf_ring *ring = ring_of(w, 0);
	assert_true(perf_ring_next(ring, head, &record));
	assert_int_equal(record.kind, PERF_BAD);
	assert_int_equal(ring->tail, tail);
	ring_free(ring);
}

static void test_lies(void **state)
{
	(void)state;
	struct writer w = {0};
	const uint64_t chain[] = {context_user, 1};
	put_sample(&w, PERF_RECORD_MISC_USER, chain, 2, 2, 16);
	struct writer good = w;
	// A head that is further on than the ring is long, or before the tail.
	assert_skipped(&w, RING + 8, RING + 8);
	assert_skipped(&w, UINT64_MAX - 7, UINT64_MAX - 7);
	// Sizes: none, of a part of the header, no multiple of a word, beyond the head.
	static const uint16_t sizes[] = {0, 4, 9, 4088};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memcpy(w.bytes + 6, &sizes[i], sizeof(sizes[i]));
		assert_skipped(&w, good.len, good.len);
	}
	// More addresses than the record has room for.
	static const uint64_t counts[] = {100, UINT64_MAX, UINT64_MAX / 8 + 2};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		w = good;
		memcpy(w.bytes + 24, &counts[i], sizeof(counts[i]));
		assert_skipped(&w, good.len, good.len);
	}
	// A stack larger than the record; and more bytes in it than were asked for.
	const size_t room = good.len - 8 - 16 - 8, there = good.len - 8;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		w = good;
		memcpy(w.bytes + room, &counts[i], sizeof(counts[i]));
		assert_skipped(&w, good.len, good.len);
		w = good;
		memcpy(w.bytes + there, &counts[i], sizeof(counts[i]));
		assert_skipped(&w, good.len, good.len);
	}
}

static void refused(const struct perf_refused_facts *facts, enum gospy_code code, const char *part)
{
	struct gospy_error err;
	assert_int_equal(perf_refused_explain(facts, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, part))
		fail_msg("'%s' is not in '%s'", part, err.msg);
}

static void test_refused(void **state)
{
	(void)state;
	const uint64_t perfmon = UINT64_C(1) << 38;
	struct perf_refused_facts facts = {.pid = 12, .os_errno = EACCES, .paranoid = 3};
	refused(&facts, GOSPY_E_PERM, "kernel.perf_event_paranoid is 3");
	refused(&facts, GOSPY_E_PERM, "try: sudo gospy");
	facts.root = true;
	refused(&facts, GOSPY_E_PERM, "--cap-add=PERFMON");
	facts.cap_effective = perfmon;
	refused(&facts, GOSPY_E_PERM, "seccomp");
	facts = (struct perf_refused_facts){.pid = 12, .os_errno = EPERM, .paranoid = 2};
	refused(&facts, GOSPY_E_PERM, "seccomp");
	facts.system = true;
	refused(&facts, GOSPY_E_PERM, "to see the whole system");
	facts.os_errno = ENOSYS;
	refused(&facts, GOSPY_E_UNSUPPORTED, "no perf events");
	facts.os_errno = EMFILE;
	refused(&facts, GOSPY_E_OS, "cannot open perf events of pid 12");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),  cmocka_unit_test(test_full_chain),
		cmocka_unit_test(test_others),  cmocka_unit_test(test_lies),
		cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
