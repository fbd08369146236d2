/* collect.c and collect_chan.c on a hand-made process whose memory changes between the passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/collect.h"
#include "capture/collect_chan.h"
#include "capture/collect_sema.h"
#include "capture/collect_stack.h"
#include "capture/collect_wait.h"

enum {
	BASE = 0x100000,
	G_SIZE = 256,
	G_COUNT = 300,
	ALLGS = BASE, /* room for 1024 pointers */
	GS = BASE + 0x10000,
	SUDOG_SIZE = 128,
	SUDOGS = BASE + 0x40000,
	HCHANS = BASE + 0x60000, /* 64 bytes each */
	SEMTABLE = BASE + 0x70000,
	GLOBALS = BASE + 0x7f000,
	ALLGS_LATER = BASE + 0x8000,
	SEMAPHORE = 0xc000010004,
	SEMAPHORE_ROOT = (SEMAPHORE >> 3) % 251,
	SIZE = 0x80000,
	STACKS = 0x10000000, /* of the tests that look whose are read; nothing is there */
	STACK_SIZE = 0x10000,
	WAIT_CHAN = 1,
	WAIT_OTHER = 0,
	WAIT_COROUTINE = 2,
	WAIT_PREEMPTED = 3,
	WAIT_LOCK = 4,
	WAIT_SELECT = 5,
	WAIT_SLEEP = 6,
};

/* One flat memory. `hook` runs before each reading that would be a system call. */
struct world {
	struct mem mem;
	uint8_t bytes[SIZE];
	void (*hook)(struct world *w);
	unsigned reads;
	bool stack_read[G_COUNT];
	struct image image;
	struct capture capture;
	struct passes passes;
	struct gospy_snapshot_options options;
};

static enum gospy_code world_readv(struct mem *mem, struct mem_req *reqs, size_t n,
				   struct gospy_error *err)
{
	struct world *w = (struct world *)(void *)mem;
	(void)err;
	w->reads++;
	if (w->hook)
		w->hook(w);
	for (size_t i = 0; i < n; i++) {
		reqs[i].done = 0;
		uint64_t stack = (reqs[i].addr - STACKS) / STACK_SIZE;
		if (reqs[i].addr >= STACKS && stack < G_COUNT)
			w->stack_read[stack] = true;
		uint64_t off = reqs[i].addr - BASE;
		if (reqs[i].addr < BASE || off >= SIZE)
			continue;
		reqs[i].done = reqs[i].len < SIZE - off ? reqs[i].len : (size_t)(SIZE - off);
		memcpy(reqs[i].dst, w->bytes + off, reqs[i].done);
	}
	return GOSPY_OK;
}

static const struct mem_ops world_ops = {.readv = world_readv};

static void put(struct world *w, uint64_t addr, struct field f, uint64_t value)
{
	memcpy(w->bytes + (addr - BASE) + f.off, &value, f.size);
}

static void put64(struct world *w, uint64_t addr, uint64_t value)
{
	put(w, addr, (struct field){0, 8}, value);
}

static uint64_t g_addr(size_t i)
{
	// Addresses are not in the order of allgs, so that sorting matters.
	return GS + (i * 7 % G_COUNT) * G_SIZE;
}

#define G(w) (&(w)->image.layout.g)

static void set_g(struct world *w, size_t i, enum gospy_status status, uint8_t seq)
{
	uint64_t g = g_addr(i);
	put64(w, ALLGS + i * 8, g);
	put(w, g, G(w)->goid, i + 1);
	put(w, g, G(w)->atomicstatus, status);
	put(w, g, G(w)->trackingSeq, seq);
	put(w, g, G(w)->stack_lo, 0x7000);
	put(w, g, G(w)->stack_hi, 0x8000);
	put(w, g, G(w)->sched_sp, 0x7f00);
	put(w, g, G(w)->sched_pc, 0x400000 + i);
}

static struct world *world_create(size_t n)
{
	struct world *w = calloc(1, sizeof(*w));
	assert_non_null(w);
	w->mem.ops = &world_ops;
	w->image.mem = &w->mem;
	static const char *reasons[] = {"IO wait",         "chan receive", "coroutine", "preempted",
					"sync.Mutex.Lock", "select",       "sleep"};
	w->image.wait_reasons = reasons;
	w->image.wait_reason_count = 7;
	uint32_t off = 0;
#define PLACE(member, path, required)                                                              \
	L->member = (struct field){off, 8};                                                        \
	off += 8;
	{
		__typeof__(w->image.layout.g) *L = &w->image.layout.g;
		LAYOUT_G(PLACE)
		L->atomicstatus.size = 4;
		L->waitreason.size = L->trackingSeq.size = L->runningCleanups.size = 1;
		assert_true(off <= G_SIZE);
	}
	off = 0;
	{
		__typeof__(w->image.layout.sudog) *L = &w->image.layout.sudog;
		LAYOUT_SUDOG(PLACE)
	}
	off = 0;
	{
		__typeof__(w->image.layout.hchan) *L = &w->image.layout.hchan;
		LAYOUT_HCHAN(PLACE)
		L->elemsize.size = 2;
	}
	for (size_t i = 0; i < n; i++)
		set_g(w, i, GOSPY_STATUS_WAITING, 5);
	w->capture.sched.allglen = n;
	w->capture.sched.allgptr = ALLGS;
	w->passes =
		(struct passes){.capture = &w->capture, .image = &w->image, .options = &w->options};
	budget_init(&w->passes.budget, 1 << 20, 1 << 16);
	collect_object_kinds(&w->passes);
	assert_int_equal(collect_allgs(&w->capture, &w->image, G_MAX, NULL), GOSPY_OK);
	assert_int_equal(w->capture.count, n);
	return w;
}

static void world_destroy(struct world *w)
{
	passes_deinit(&w->passes);
	capture_deinit(&w->capture);
	free(w);
}

static struct g_rec *rec_of(struct world *w, size_t i)
{
	for (size_t k = 0; k < w->capture.count; k++) {
		if (w->capture.recs[k].index == i)
			return &w->capture.recs[k];
	}
	fail();
	return NULL;
}

static void first_two_passes(struct world *w)
{
	collect_uncounted(&w->passes);
	assert_int_equal(collect_first(&w->passes, NULL), GOSPY_OK);
	assert_int_equal(collect_active(&w->passes, NULL), GOSPY_OK);
}

static void verify(struct world *w)
{
	assert_int_equal(collect_verify(&w->passes, true, NULL), GOSPY_OK);
}

static void test_records_are_sorted(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	for (size_t i = 1; i < G_COUNT; i++)
		assert_true(w->capture.recs[i - 1].addr < w->capture.recs[i].addr);
	first_two_passes(w);
	for (size_t i = 0; i < G_COUNT; i++) {
		assert_true(rec_of(w, i)->addr == g_addr(i));
		assert_int_equal(rec_of(w, i)->goid, i + 1);
		assert_int_equal(rec_of(w, i)->pc, 0x400000 + i);
	}
	world_destroy(w);
}

static void test_parked_are_not_active(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	set_g(w, 3, GOSPY_STATUS_DEAD, 0);
	first_two_passes(w);
	assert_int_equal(w->passes.active.len, 0);
	verify(w);
	for (size_t i = 0; i < G_COUNT; i++)
		assert_int_equal(rec_of(w, i)->soundness, GOSPY_SOUND);
	world_destroy(w);
}

static void test_what_cannot_be_proved_is_active(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	set_g(w, 0, GOSPY_STATUS_RUNNING, 5);
	set_g(w, 1, GOSPY_STATUS_RUNNABLE, 5);
	set_g(w, 2, GOSPY_STATUS_SYSCALL, 5);
	set_g(w, 3, GOSPY_STATUS_PREEMPTED, 5);
	set_g(w, 4, GOSPY_STATUS_COPYSTACK, 5);
	set_g(w, 5, (enum gospy_status)(GOSPY_STATUS_WAITING | G_SCAN), 5);
	set_g(w, 6, GOSPY_STATUS_WAITING, 5);
	put(w, g_addr(6), G(w)->m, 0x1234); // waits on the system stack of an M
	// The counter stands still while these come and go.
	put(w, g_addr(7), G(w)->waitreason, WAIT_COROUTINE);
	put(w, g_addr(8), G(w)->waitreason, WAIT_PREEMPTED);
	first_two_passes(w);
	assert_int_equal(w->passes.active.len, 9);
	for (size_t i = 0; i < G_COUNT; i++)
		assert_int_equal(!!(rec_of(w, i)->flags & G_ACTIVE), i < 9);
	world_destroy(w);
}

static void test_any_change_makes_active(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	collect_uncounted(&w->passes);
	assert_int_equal(collect_first(&w->passes, NULL), GOSPY_OK);
	put(w, g_addr(0), G(w)->trackingSeq, 6);
	put(w, g_addr(1), G(w)->sched_sp, 0x7e00);
	put(w, g_addr(2), G(w)->sched_pc, 0x500000);
	put(w, g_addr(3), G(w)->stack_hi, 0x9000);
	put(w, g_addr(4), G(w)->waiting, 0x77);
	put(w, g_addr(5), G(w)->goid, 4711);
	put(w, g_addr(6), G(w)->waitreason, WAIT_CHAN);
	put(w, g_addr(7), G(w)->waitsince, 99); // the GC's note, no move
	assert_int_equal(collect_active(&w->passes, NULL), GOSPY_OK);
	assert_int_equal(w->passes.active.len, 7);
	assert_int_equal(rec_of(w, 7)->waitsince, 99);
	world_destroy(w);
}

static void test_active_are_read_in_the_stop(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	set_g(w, 9, GOSPY_STATUS_RUNNING, 5);
	first_two_passes(w);
	set_g(w, 9, GOSPY_STATUS_WAITING, 6);
	put(w, g_addr(9), G(w)->sched_pc, 0x600000);
	size_t done;
	assert_int_equal(collect_stopped(&w->passes, 0, &done, NULL), GOSPY_OK);
	assert_int_equal(done, 1);
	set_g(w, 9, GOSPY_STATUS_RUNNING, 7); // after the resume: not its business
	verify(w);
	assert_int_equal(rec_of(w, 9)->status, GOSPY_STATUS_WAITING);
	assert_int_equal(rec_of(w, 9)->pc, 0x600000);
	assert_int_equal(rec_of(w, 9)->soundness, GOSPY_SOUND);
	world_destroy(w);
}

static void test_residue_is_marked(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	first_two_passes(w);
	// It ran and parked again at the same place: only the counter tells.
	put(w, g_addr(11), G(w)->trackingSeq, 6);
	verify(w);
	for (size_t i = 0; i < G_COUNT; i++)
		assert_int_equal(rec_of(w, i)->soundness,
				 i == 11 ? GOSPY_SOUND_MOVED : GOSPY_SOUND);
	world_destroy(w);
}

static void test_newborn(void **state)
{
	(void)state;
	struct world *w = world_create(280);
	first_two_passes(w);
	for (size_t i = 280; i < 290; i++)
		set_g(w, i, GOSPY_STATUS_RUNNABLE, 0);
	// The active g's are read once in the rehearsal, and again in the stop.
	w->capture.sched.allglen = 284;
	assert_int_equal(collect_newborn(&w->passes, 0, NULL), GOSPY_OK);
	w->capture.sched.allglen = 290;
	assert_int_equal(collect_newborn(&w->passes, 0, NULL), GOSPY_OK);
	assert_int_equal(w->capture.count, 290);
	assert_int_equal(w->capture.sorted, 280);
	size_t done;
	assert_int_equal(collect_stopped(&w->passes, 0, &done, NULL), GOSPY_OK);
	assert_int_equal(done, 10);
	for (size_t i = 0; i < 290; i++) {
		assert_int_equal(rec_of(w, i)->goid, i + 1);
		assert_ptr_equal(capture_g(&w->capture, g_addr(i)), rec_of(w, i));
	}
	assert_null(capture_g(&w->capture, g_addr(290)));
	world_destroy(w);
}

static void test_few_are_all_active(void **state)
{
	(void)state;
	struct world *w = world_create(20);
	first_two_passes(w);
	assert_int_equal(w->passes.active.len, 20);
	put(w, g_addr(3), G(w)->trackingSeq, 6); // before the stop, unseen by the first two copies
	size_t done;
	assert_int_equal(collect_stopped(&w->passes, 0, &done, NULL), GOSPY_OK);
	assert_int_equal(done, 20);
	verify(w);
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(rec_of(w, i)->soundness, GOSPY_SOUND);
	world_destroy(w);
}

/* A thread ran while they were read: who is to be shown as it was then has not run since. */
static void test_in_doubt_the_counter_is_not_enough(void **state)
{
	(void)state;
	struct world *w = world_create(20);
	put(w, g_addr(1), G(w)->waitsince, 99);
	put(w, g_addr(2), G(w)->waitsince, 99);
	put(w, g_addr(3), G(w)->waitsince, 99);
	put(w, g_addr(3), G(w)->waitreason, WAIT_COROUTINE);
	set_g(w, 4, GOSPY_STATUS_DEAD, 5);
	set_g(w, 5, GOSPY_STATUS_SYSCALL, 5);
	put(w, g_addr(5), G(w)->m, 0x4000);
	set_g(w, 6, GOSPY_STATUS_RUNNABLE, 5);
	first_two_passes(w);
	size_t done;
	assert_int_equal(collect_stopped(&w->passes, 0, &done, NULL), GOSPY_OK);
	w->passes.doubt = true;
	// It went on, and the collector has found it waiting again.
	put(w, g_addr(2), G(w)->waitsince, 100);
	verify(w);
	for (size_t i = 0; i < 20; i++) {
		// All look as they did, with the same count. Of a thread that moved, its goroutine
		// is marked elsewhere.
		bool proved = i == 1 || i == 4 || i == 5;
		assert_int_equal(rec_of(w, i)->soundness, proved ? GOSPY_SOUND : GOSPY_SOUND_MOVED);
	}
	world_destroy(w);
}

static void test_deadline_makes_late(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	set_g(w, 1, GOSPY_STATUS_RUNNING, 5);
	set_g(w, 2, GOSPY_STATUS_RUNNING, 5);
	first_two_passes(w);
	size_t done;
	assert_int_equal(collect_stopped(&w->passes, 1, &done, NULL), GOSPY_OK);
	assert_int_equal(done, 0);
	assert_int_equal(collect_late(&w->passes, 0, w->capture.sorted, NULL), GOSPY_OK);
	assert_int_equal(rec_of(w, 1)->soundness, GOSPY_SOUND_LATE);
	assert_int_equal(rec_of(w, 2)->soundness, GOSPY_SOUND_LATE);
	assert_int_equal(rec_of(w, 3)->soundness, GOSPY_SOUND);
	world_destroy(w);
}

static void test_unreadable(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	w->capture.recs[G_COUNT - 1].addr = 0xdead0000;
	first_two_passes(w);
	assert_int_equal(w->capture.recs[G_COUNT - 1].soundness, GOSPY_SOUND_UNREADABLE);
	for (size_t i = 0; i + 1 < G_COUNT; i++)
		assert_int_equal(w->capture.recs[i].soundness, GOSPY_SOUND);
	world_destroy(w);
}

static void test_absurd_length_is_refused(void **state)
{
	(void)state;
	struct world *w = world_create(1);
	static struct capture c = {.sched = {.allglen = UINT64_MAX / 2, .allgptr = ALLGS}};
	assert_int_equal(collect_allgs(&c, &w->image, G_MAX, NULL), GOSPY_E_LIMIT);
	c.sched = (struct schedstate){.allglen = 10, .allgptr = 0x10};
	assert_int_equal(collect_allgs(&c, &w->image, G_MAX, NULL), GOSPY_E_FAULT);
	world_destroy(w);
}

/* What is no g's leaves no gap: positions in allgs are those of what is left. */
static void test_entries_that_are_no_gs(void **state)
{
	(void)state;
	struct world *w = world_create(20);
	put64(w, ALLGS, 0);
	put64(w, ALLGS + 3 * 8, g_addr(2));
	put64(w, ALLGS + 4 * 8, g_addr(4) + 1);
	put64(w, ALLGS + 19 * 8, UINT64_C(1) << 60);
	static struct capture c = {.sched = {.allglen = 20, .allgptr = ALLGS}};
	assert_int_equal(collect_allgs(&c, &w->image, 20, NULL), GOSPY_OK);
	assert_int_equal(c.count, 16);
	assert_int_equal(c.missing.entries, 4);
	for (size_t i = 0, index = 0; i < 20; i++) {
		bool there = i != 0 && i != 3 && i != 4 && i != 19;
		const struct g_rec *rec = capture_g(&c, g_addr(i));
		assert_int_equal(rec != NULL, there);
		if (rec)
			assert_int_equal(rec->index, index++);
	}
	capture_deinit(&c);
	// The same happens in the stop: of three entries one is known, one is no g, and one is new.
	put64(w, ALLGS + 20 * 8, g_addr(5));
	put64(w, ALLGS + 21 * 8, 0);
	set_g(w, 22, GOSPY_STATUS_RUNNABLE, 0);
	first_two_passes(w);
	w->capture.sched.allglen = 23;
	assert_int_equal(collect_newborn(&w->passes, 0, NULL), GOSPY_OK);
	assert_int_equal(w->capture.count, 21);
	assert_int_equal(w->capture.missing.entries, 2);
	assert_int_equal(capture_g(&w->capture, g_addr(22))->index, 20);
	assert_int_equal(collect_newborn(&w->passes, 0, NULL), GOSPY_OK);
	assert_int_equal(w->capture.missing.entries, 2);
	// The pass goes on from before the stop once more: it looks for the new ones again, and
	// counts them once.
	passes_forget_stop(&w->passes);
	assert_null(capture_g(&w->capture, g_addr(22)));
	assert_int_equal(w->capture.missing.entries, 0);
	assert_int_equal(collect_newborn(&w->passes, 0, NULL), GOSPY_OK);
	assert_int_equal(capture_g(&w->capture, g_addr(22))->index, 20);
	assert_int_equal(w->capture.missing.entries, 2);
	world_destroy(w);
}

static void test_more_gs_than_memory(void **state)
{
	(void)state;
	struct world *w = world_create(20);
	static struct capture c = {.sched = {.allglen = 20, .allgptr = ALLGS}};
	assert_int_equal(collect_allgs(&c, &w->image, 19, NULL), GOSPY_E_BAD_DATA);
	world_destroy(w);
}

/* Goroutines may be born faster than they can be noted. */
static void test_newborn_deadline(void **state)
{
	(void)state;
	struct world *w = world_create(10);
	first_two_passes(w);
	for (size_t i = 10; i < G_COUNT; i++)
		set_g(w, i, GOSPY_STATUS_RUNNABLE, 0);
	w->capture.sched.allglen = G_COUNT;
	assert_int_equal(collect_newborn(&w->passes, 1, NULL), GOSPY_OK);
	assert_true(w->capture.grew_too_fast);
	assert_true(w->capture.count > 10 && w->capture.count < G_COUNT);
	world_destroy(w);
}

/* Makes allgs look as if it had grown, and its old array were in use for something else. */
static void move_allgs(struct world *w)
{
	if (w->reads != 1)
		return;
	for (size_t i = 0; i < G_COUNT; i++) {
		put64(w, ALLGS_LATER + i * 8, g_addr(i));
		put64(w, ALLGS + i * 8, 0xdead);
	}
	put64(w, GLOBALS, ALLGS_LATER);
}

static void test_allgs_moves(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT - 10);
	for (size_t i = G_COUNT - 10; i < G_COUNT; i++)
		set_g(w, i, GOSPY_STATUS_RUNNABLE, 0);
	w->image.globals.allgptr.addr = GLOBALS;
	put64(w, GLOBALS, ALLGS);
	w->hook = move_allgs;
	w->reads = 0;
	w->capture.sched.allglen = G_COUNT;
	assert_int_equal(collect_newborn(&w->passes, 0, NULL), GOSPY_OK);
	for (size_t i = 0; i < G_COUNT; i++)
		assert_non_null(capture_g(&w->capture, g_addr(i)));
	static struct capture c = {.sched = {.allglen = G_COUNT, .allgptr = ALLGS}};
	put64(w, GLOBALS, ALLGS);
	w->reads = 0;
	assert_int_equal(collect_allgs(&c, &w->image, G_MAX, NULL), GOSPY_OK);
	assert_int_equal(c.sched.allgptr, ALLGS_LATER);
	for (size_t i = 0; i < G_COUNT; i++)
		assert_non_null(capture_g(&c, g_addr(i)));
	capture_deinit(&c);
	world_destroy(w);
}

/* GOMAXPROCS is being raised from 2 to 4: two P's are not there yet. */
static void test_allp_grows(void **state)
{
	(void)state;
	enum { ALLP = GLOBALS + 0x100, PS = GLOBALS + 0x200, P_SIZE = 0x100 };
	struct world *w = world_create(1);
	struct globals *g = &w->image.globals;
	g->allglen.addr = g->allgs.addr = g->allm.addr = g->gomaxprocs.addr = GLOBALS;
	g->allp.addr = GLOBALS + 0x40;
	put64(w, g->allp.addr, ALLP);
	put64(w, g->allp.addr + 8, 4);
	w->image.layout.p.id = (struct field){8, 4};
	for (uint64_t i = 0; i < 2; i++) {
		put64(w, ALLP + i * 8, PS + i * P_SIZE);
		put64(w, PS + i * P_SIZE + 8, i);
	}
	struct schedstate sched = {0};
	assert_int_equal(schedstate_read(&sched, &w->image, NULL, NULL), GOSPY_OK);
	assert_int_equal(sched.ps.len, 2);
	assert_int_equal(sched.ps.at[1].id, 1);
	// An entry that has another id is no P.
	put64(w, PS + P_SIZE + 8, 7);
	assert_int_equal(schedstate_read(&sched, &w->image, NULL, NULL), GOSPY_E_BAD_DATA);
	schedstate_deinit(&sched);
	world_destroy(w);
}

static void change_on_second_read(struct world *w)
{
	if (w->reads == 2)
		put(w, g_addr(7), G(w)->trackingSeq, 6);
}

static void change_on_every_read(struct world *w)
{
	put(w, g_addr(7), G(w)->trackingSeq, w->reads & 0xff);
}

static void move_stack_pointer_out(struct world *w)
{
	put(w, g_addr(7), G(w)->sched_sp, 0x123456);
}

static void validated(void (*hook)(struct world *), enum gospy_soundness expected)
{
	struct world *w = world_create(G_COUNT);
	w->reads = 0;
	w->hook = hook;
	assert_int_equal(collect_validated(&w->passes, NULL), GOSPY_OK);
	for (size_t i = 0; i < G_COUNT; i++)
		assert_int_equal(rec_of(w, i)->soundness, i == 7 ? expected : GOSPY_SOUND);
	world_destroy(w);
}

static void test_validated(void **state)
{
	(void)state;
	validated(NULL, GOSPY_SOUND);
	validated(change_on_second_read, GOSPY_SOUND_RETRIED);
	validated(change_on_every_read, GOSPY_SOUND_TORN);
	validated(move_stack_pointer_out, GOSPY_SOUND_TORN);
}

static void set_waiter(struct world *w, size_t i, uint64_t sudog, uint64_t hchan)
{
	const struct layout *layout = &w->image.layout;
	put(w, g_addr(i), layout->g.waiting, sudog);
	put(w, g_addr(i), layout->g.waitreason, WAIT_CHAN);
	put(w, sudog, layout->sudog.g, g_addr(i));
	put(w, sudog, layout->sudog.c, hchan);
	put(w, hchan, layout->hchan.dataqsiz, 8);
	put(w, hchan, layout->hchan.qcount, 3);
}

static const struct chan_rec *chan_of(struct world *w, size_t i)
{
	uint32_t chan = rec_of(w, i)->chan;
	return chan ? &w->capture.chans.at[chan - 1] : NULL;
}

static void test_channels(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	for (size_t i = 0; i < 100; i++) // against the order of addresses, some shared
		set_waiter(w, i, SUDOGS + (99 - i) * SUDOG_SIZE, HCHANS + (i / 2) * 64);
	put(w, SUDOGS + SUDOG_SIZE * 49, w->image.layout.sudog.g, 0xbad); // of 50: not its own
	put(w, HCHANS + 64 * 30, w->image.layout.hchan.qcount, 9); // of 60, 61: len above cap
	put(w, g_addr(70), w->image.layout.g.waitreason, WAIT_OTHER);
	put(w, SUDOGS + SUDOG_SIZE * 19, w->image.layout.sudog.c, 0xdead0000); // of 80
	first_two_passes(w);
	assert_int_equal(collect_channels(&w->passes, false, 0, NULL), GOSPY_OK);
	put(w, g_addr(90), G(w)->trackingSeq, 6); // woke up meanwhile
	verify(w);
	for (size_t i = 0; i < G_COUNT; i++) {
		bool known =
			i < 100 && i != 50 && i != 60 && i != 61 && i != 70 && i != 80 && i != 90;
		const struct chan_rec *chan = chan_of(w, i);
		assert_int_equal(chan != NULL, known);
		if (known) {
			assert_true(chan->addr == HCHANS + (i / 2) * 64);
			assert_int_equal(chan->of.chan.cap, 8);
			assert_int_equal(chan->of.chan.len, 3);
		}
	}
	world_destroy(w);
}

static uint64_t sudog(size_t i)
{
	return SUDOGS + i * SUDOG_SIZE;
}

/** Goroutine i waits for a semaphore; the links are numbers of sudogs, 0: none. */
static void set_sema_waiter(struct world *w, size_t i, size_t prev, size_t next, size_t waitlink)
{
	const __typeof__(w->image.layout.sudog) *L = &w->image.layout.sudog;
	put(w, g_addr(i), G(w)->waitreason, WAIT_LOCK);
	put(w, sudog(i), L->g, g_addr(i));
	put(w, sudog(i), L->elem, SEMAPHORE);
	put(w, sudog(i), L->prev, prev ? sudog(prev) : 0);
	put(w, sudog(i), L->next, next ? sudog(next) : 0);
	put(w, sudog(i), L->waitlink, waitlink ? sudog(waitlink) : 0);
}

static void test_semaphores(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	const __typeof__(w->image.layout.sudog) *L = &w->image.layout.sudog;
	w->options.objects = true;
	collect_object_kinds(&w->passes);
	w->image.globals.semtable.addr = SEMTABLE;
	put64(w, SEMTABLE + SEMAPHORE_ROOT * 64 + 8, sudog(1));
	put64(w, SEMTABLE + 8, sudog(20)); // of another hash: not believed
	put64(w, SEMTABLE + 64 + 8, 0xdead0000);
	set_sema_waiter(w, 1, 2, 3, 4);
	set_sema_waiter(w, 2, 1, 1, 1); // back to the root
	set_sema_waiter(w, 3, 0, 10, 0);
	for (size_t i = 4; i < 10; i++)
		set_sema_waiter(w, i, 0, 0, i == 9 ? 4 : i + 1); // round in a circle
	for (size_t i = 10; i < 15; i++)
		set_sema_waiter(w, i, i == 14 ? 0 : i + 1, 0, 0);
	set_sema_waiter(w, 20, 0, 0, 0);
	put(w, sudog(10), L->c, HCHANS); // a channel's by now: its links are not followed
	put(w, sudog(5), L->g, 0xbad);
	put(w, g_addr(7), G(w)->waitreason, WAIT_OTHER);
	put(w, sudog(8), L->next, 0xdead0000);
	first_two_passes(w);
	assert_int_equal(collect_semaphores(&w->passes, false, NULL), GOSPY_OK);
	put(w, g_addr(6), G(w)->trackingSeq, 6); // woke up meanwhile
	verify(w);
	for (size_t i = 0; i < G_COUNT; i++) {
		bool known = i >= 1 && i <= 9 && i != 5 && i != 6 && i != 7;
		const struct chan_rec *object = chan_of(w, i);
		assert_int_equal(object != NULL, known);
		if (known) {
			assert_true(object->addr == SEMAPHORE);
			assert_int_equal(object->kind, GOSPY_OBJECT_SEMAPHORE);
		}
	}
	world_destroy(w);
}

/** Without the table, or if nobody asks, nothing is read. */
static void test_semaphores_unread(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	set_sema_waiter(w, 1, 0, 0, 0);
	first_two_passes(w);
	w->image.globals.semtable.addr = SEMTABLE;
	unsigned reads = w->reads;
	assert_int_equal(collect_semaphores(&w->passes, false, NULL), GOSPY_OK);
	w->image.globals.semtable.addr = 0;
	w->options.objects = true;
	collect_object_kinds(&w->passes);
	assert_int_equal(collect_semaphores(&w->passes, false, NULL), GOSPY_OK);
	assert_int_equal(w->reads, reads);
	w->image.globals.semtable.addr = 0xdead0000;
	assert_int_equal(collect_semaphores(&w->passes, false, NULL), GOSPY_OK);
	assert_null(chan_of(w, 1));
	world_destroy(w);
}

/* A case of the select that goroutine i is in. */
static void set_case(struct world *w, size_t i, size_t at, size_t hchan, size_t next)
{
	const __typeof__(w->image.layout.sudog) *L = &w->image.layout.sudog;
	put(w, sudog(at), L->g, g_addr(i));
	put(w, sudog(at), L->c, HCHANS + hchan * 64);
	put(w, sudog(at), L->isSelect, 1);
	put(w, sudog(at), L->waitlink, next ? sudog(next) : 0);
}

static void set_waiting(struct world *w, size_t i, size_t reason, size_t at)
{
	put(w, g_addr(i), G(w)->waitreason, reason);
	put(w, g_addr(i), G(w)->waiting, at ? sudog(at) : 0);
}

static void find_waits(struct world *w)
{
	w->options.objects = true;
	collect_object_kinds(&w->passes);
	collect_wait_kinds(&w->passes);
	first_two_passes(w);
	assert_int_equal(collect_waits(&w->passes, NULL), GOSPY_OK);
	verify(w);
}

static void test_selects(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	const __typeof__(w->image.layout.hchan) *L = &w->image.layout.hchan;
	set_waiting(w, 1, WAIT_SELECT, 1);
	set_case(w, 1, 1, 0, 2);
	set_case(w, 1, 2, 1, 3);
	set_case(w, 1, 3, 2, 0);
	put(w, HCHANS, L->recvq, sudog(1));
	put(w, HCHANS + 64, L->sendq, sudog(200)); // somebody else's is the first
	put(w, HCHANS + 128, L->sendq, sudog(200));
	put(w, HCHANS + 128, L->recvq, sudog(201)); // and here it is not known
	set_waiting(w, 2, WAIT_SELECT, 4);
	set_case(w, 2, 4, 0, 5);
	set_case(w, 3, 5, 0, 0); // another goroutine's
	set_waiting(w, 4, WAIT_SELECT, 6);
	set_case(w, 4, 6, 0, 6);           // round in a circle
	set_waiting(w, 5, WAIT_SELECT, 0); // select {}
	set_waiting(w, 6, WAIT_SELECT, 7);
	set_case(w, 6, 7, 0, 0);
	put(w, sudog(7), w->image.layout.sudog.isSelect, 0);
	find_waits(w);
	const struct chan_rec *one = chan_of(w, 1);
	assert_non_null(one);
	assert_int_equal(one->wait, GOSPY_WAIT_SELECT);
	assert_int_equal(one->of.select.count, 3);
	assert_false(one->of.select.cut);
	static const enum gospy_direction directions[] = {GOSPY_RECEIVE, GOSPY_SEND,
							  GOSPY_DIRECTION_UNKNOWN};
	for (size_t i = 0; i < 3; i++) {
		const struct select_rec *c = &w->capture.select_cases.at[one->of.select.first + i];
		assert_true(c->addr == HCHANS + i * 64);
		assert_int_equal(c->direction, directions[i]);
	}
	assert_null(chan_of(w, 2));
	assert_true(chan_of(w, 4)->of.select.cut);
	assert_null(chan_of(w, 5));
	assert_null(chan_of(w, 6));
	world_destroy(w);
}

/* A goroutine that has moved is not believed, however few there are. */
static void test_sleeps(void **state)
{
	(void)state;
	enum { FEW = 20, TIMERS = HCHANS };
	struct world *w = world_create(FEW);
	w->image.layout.timer.when = (struct field){16, 8};
	w->image.layout.timer.isFake = (struct field){24, 1};
	for (size_t i = 1; i < 5; i++) {
		set_waiting(w, i, WAIT_SLEEP, 0);
		put(w, g_addr(i), G(w)->timer, TIMERS + i * 64);
		put64(w, TIMERS + i * 64 + 16, 1000 + i);
	}
	put64(w, TIMERS + 2 * 64 + 24, 1);          // of a bubble
	put(w, g_addr(3), G(w)->timer, 0xdead0000); // nothing is there
	w->options.objects = true;
	collect_wait_kinds(&w->passes);
	first_two_passes(w);
	assert_int_equal(w->passes.active.len, FEW);
	size_t done;
	assert_int_equal(collect_stopped(&w->passes, 0, &done, NULL), GOSPY_OK);
	put(w, g_addr(4), G(w)->trackingSeq, 6);
	assert_int_equal(collect_waits(&w->passes, NULL), GOSPY_OK);
	verify(w);
	assert_int_equal(chan_of(w, 1)->wait, GOSPY_WAIT_SLEEP);
	assert_int_equal(chan_of(w, 1)->when, 1001);
	assert_int_equal(chan_of(w, 2)->when, 0);
	assert_int_equal(chan_of(w, 3)->when, 0);
	assert_null(chan_of(w, 4));
	world_destroy(w);
}

/* Read stacks; those of goroutines 2, 50 and 51 alone must have been. */
static void check_stacks_read(struct world *w)
{
	for (size_t i = 0; i < G_COUNT; i++) {
		put(w, g_addr(i), G(w)->stack_lo, STACKS + i * STACK_SIZE);
		put(w, g_addr(i), G(w)->stack_hi, STACKS + (i + 1) * STACK_SIZE);
		put(w, g_addr(i), G(w)->sched_sp, STACKS + i * STACK_SIZE + STACK_SIZE - 0x100);
	}
	assert_true(collect_stacks_prepare(&w->passes));
	collect_uncounted(&w->passes);
	assert_int_equal(collect_first(&w->passes, NULL), GOSPY_OK);
	assert_int_equal(collect_stacks(&w->passes, NULL), GOSPY_OK);
	for (size_t i = 0; i < G_COUNT; i++)
		assert_int_equal(w->stack_read[i], i == 2 || i == 50 || i == 51);
	world_destroy(w);
}

static void test_stacks_by_goid(void **state)
{
	(void)state;
	static const uint64_t goids[] = {52, 3, 51, 99999};
	struct world *w = world_create(G_COUNT);
	w->options.stack_goids = goids;
	w->options.stack_goid_count = 4;
	check_stacks_read(w);
}

static void test_stacks_by_state(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	set_g(w, 2, GOSPY_STATUS_RUNNABLE, 5);
	set_g(w, 50, GOSPY_STATUS_PREEMPTED, 5);
	set_g(w, 51, GOSPY_STATUS_RUNNABLE, 5);
	w->options.stack_states = 1u << GOSPY_STATUS_RUNNABLE | 1u << GOSPY_STATUS_PREEMPTED;
	check_stacks_read(w);
}

/* -------------------------------------------------------------- of those only that an M has -- */

static void add_m(struct world *w, uint64_t curg)
{
	const struct m_rec m = {.curg = curg};
	assert_true(vec_push(&w->capture.sched.ms, m));
}

/* The g at `i` is the goroutine of another M. */
static void put_on_m(struct world *w, size_t i, enum gospy_status status)
{
	set_g(w, i, status, 5);
	put(w, g_addr(i), G(w)->m, 0x1234);
	add_m(w, g_addr(i));
}

/* Read what the M's have. Nothing of allgs is looked at. */
static void read_on_ms(struct world *w)
{
	size_t done;
	w->capture.sched.allglen = UINT64_MAX / 2;
	w->capture.sched.allgptr = 0x10;
	assert_int_equal(collect_on_ms(&w->capture, NULL), GOSPY_OK);
	assert_int_equal(collect_all_stopped(&w->passes, UINT64_MAX, &done, NULL), GOSPY_OK);
	assert_int_equal(done, w->capture.count);
	collect_keep_on_ms(&w->capture, &done);
	assert_int_equal(done, w->capture.count);
}

static void test_on_ms(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	collect_uncounted(&w->passes);
	unsigned reads = w->reads;
	put_on_m(w, 40, GOSPY_STATUS_RUNNING);
	add_m(w, 0);                       // it looks for work
	put_on_m(w, 3, GOSPY_STATUS_DEAD); // for a thread of C code that calls Go
	put_on_m(w, 200, GOSPY_STATUS_SYSCALL);
	put_on_m(w, 7, GOSPY_STATUS_WAITING); // and acts on the system stack
	add_m(w, g_addr(8));                  // a waiting one that has just left its M
	set_g(w, 9, GOSPY_STATUS_RUNNING, 5);
	add_m(w, g_addr(9)); // up to Go 1.13 g.m is set last
	read_on_ms(w);
	static const size_t expected[] = {40, 200, 7, 9};
	assert_int_equal(w->capture.count, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct g_rec *rec = capture_g(&w->capture, g_addr(expected[i]));
		assert_non_null(rec);
		assert_int_equal(rec->goid, expected[i] + 1);
		assert_int_equal(rec->index, i);
	}
	assert_int_equal(w->capture.missing.entries, 0);
	assert_true(w->reads - reads <= 2);
	// The next reading begins anew.
	w->capture.sched.ms.len = 0;
	put_on_m(w, 7, GOSPY_STATUS_WAITING);
	read_on_ms(w);
	assert_int_equal(w->capture.count, 1);
	assert_null(capture_g(&w->capture, g_addr(40)));
	assert_int_equal(capture_g(&w->capture, g_addr(7))->index, 0);
	world_destroy(w);
}

/* Whatever the M's say, no g is there twice, and what cannot be one is counted. */
static void test_on_ms_that_lie(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	collect_uncounted(&w->passes);
	put_on_m(w, 40, GOSPY_STATUS_RUNNING);
	put_on_m(w, 5, GOSPY_STATUS_RUNNING);
	put_on_m(w, 40, GOSPY_STATUS_RUNNING);
	add_m(w, UINT64_MAX);
	add_m(w, g_addr(7) + 1);
	add_m(w, 0xdead0000);
	read_on_ms(w);
	assert_int_equal(w->capture.count, 3);
	assert_int_equal(w->capture.missing.entries, 2);
	assert_int_equal(capture_g(&w->capture, g_addr(40))->index, 0);
	assert_int_equal(capture_g(&w->capture, g_addr(5))->index, 1);
	const struct g_rec *nowhere = capture_g(&w->capture, 0xdead0000);
	assert_int_equal(nowhere->index, 2);
	assert_int_equal(nowhere->soundness, GOSPY_SOUND_UNREADABLE);
	world_destroy(w);
}

/* What the stop had no time for is read after it, and stays. */
static void test_on_ms_deadline(void **state)
{
	(void)state;
	struct world *w = world_create(G_COUNT);
	size_t done;
	collect_uncounted(&w->passes);
	put_on_m(w, 40, GOSPY_STATUS_RUNNING);
	put_on_m(w, 5, GOSPY_STATUS_RUNNING);
	assert_int_equal(collect_on_ms(&w->capture, NULL), GOSPY_OK);
	assert_int_equal(collect_all_stopped(&w->passes, 1, &done, NULL), GOSPY_OK);
	assert_int_equal(done, 0);
	collect_keep_on_ms(&w->capture, &done);
	assert_int_equal(w->capture.count, 2);
	set_g(w, 5, GOSPY_STATUS_WAITING, 5);
	put(w, g_addr(5), G(w)->m, 0);
	assert_int_equal(collect_late(&w->passes, 0, done, NULL), GOSPY_OK);
	assert_int_equal(w->capture.count, 2);
	assert_int_equal(capture_g(&w->capture, g_addr(5))->soundness, GOSPY_SOUND_LATE);
	assert_int_equal(grec_status(capture_g(&w->capture, g_addr(5))), GOSPY_STATUS_WAITING);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_ms),
		cmocka_unit_test(test_on_ms_that_lie),
		cmocka_unit_test(test_on_ms_deadline),
		cmocka_unit_test(test_records_are_sorted),
		cmocka_unit_test(test_parked_are_not_active),
		cmocka_unit_test(test_what_cannot_be_proved_is_active),
		cmocka_unit_test(test_any_change_makes_active),
		cmocka_unit_test(test_active_are_read_in_the_stop),
		cmocka_unit_test(test_residue_is_marked),
		cmocka_unit_test(test_newborn),
		cmocka_unit_test(test_few_are_all_active),
		cmocka_unit_test(test_in_doubt_the_counter_is_not_enough),
		cmocka_unit_test(test_deadline_makes_late),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_absurd_length_is_refused),
		cmocka_unit_test(test_entries_that_are_no_gs),
		cmocka_unit_test(test_more_gs_than_memory),
		cmocka_unit_test(test_newborn_deadline),
		cmocka_unit_test(test_allgs_moves),
		cmocka_unit_test(test_allp_grows),
		cmocka_unit_test(test_validated),
		cmocka_unit_test(test_channels),
		cmocka_unit_test(test_semaphores),
		cmocka_unit_test(test_semaphores_unread),
		cmocka_unit_test(test_selects),
		cmocka_unit_test(test_sleeps),
		cmocka_unit_test(test_stacks_by_goid),
		cmocka_unit_test(test_stacks_by_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
