/* decode_memstats.c and memcopy.c over hand-made bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "snapshot/decode_heap.h"
#include "snapshot/decode_memstats.h"
#include "target/mem_bytes.h"

/* A heap of two P's, whose mcaches hold a span each, and of stacks. Layouts are made up: fields of
 * 8 bytes, one behind the other. */
enum {
	CLASSES = 68,
	GLOBALS = 0x10000, /* where allp, gomaxprocs and gcphase are */
	P_AT = 0x20000,
	MCACHE_AT = 0x30000,
	SPAN_AT = 0x40000,
	HEAP_AT = 0x50000,
	STACK_AT = 0x200000,
	EMPTY_AT = 0x9000,
	MEMSTATS_AT = 0x60000,
	CONTROLLER_AT = 0x70000,
	MANY_AT = 0x80000,
	MANY = 1 << 13, /* P's */
	REGION = 0x10000,
	STRUCT = 4096,
};

static struct field f(uint32_t index)
{
	return (struct field){index * 8, 8};
}

struct world {
	uint64_t globals[8], p[64], mcache[2 * STRUCT / 8], spans[4 * STRUCT / 8], mheap[64];
	uint64_t memstats[3 * 256], controller[64], stacks[64], arenas[64], heap_arena[1024];
	uint64_t many[MANY];
	struct mem *mem;
	struct image image;
	struct memcopy copy;
};

static void set_layout(struct layout *L)
{
	L->p.mcache = f(0);
	L->p.statsSeq = (struct field){8, 4};
	L->mcache.size = STRUCT;
	L->mcache.alloc = (struct field){0, CLASSES * 2 * 8};
	L->mcache.tinyAllocs = f(200);
	L->mcache.stackcache = (struct field){201 * 8, 2 * 16};
	L->mspan.size = 64;
	L->mspan.startAddr = f(0);
	L->mspan.npages = f(1);
	L->mspan.nelems = f(2);
	L->mspan.allocCount = f(3);
	L->mspan.allocCountBeforeCache = f(4);
	L->mspan.elemsize = f(5);
	L->mspan.sweepgen = (struct field){48, 4};
	L->mspan.spanclass = (struct field){52, 1};
	L->mheap.size = 512;
	L->mheap.sweepgen = (struct field){0, 4};
	L->mheap.arenas = f(1);
	L->mheap.spanalloc_inuse = f(2);
	L->mheap.cachealloc_inuse = f(3);
	L->heapArena.size = 8 * 1024;
	L->heapArena.spans = (struct field){0, 8 * 1024};
	L->heapStatsDelta.size = 160 * 8;
	L->heapStatsDelta.inStacks = f(0);
	L->heapStatsDelta.inWorkBufs = f(1);
	L->heapStatsDelta.tinyAllocCount = f(2);
	L->heapStatsDelta.largeAlloc = f(3);
	L->heapStatsDelta.largeAllocCount = f(4);
	L->heapStatsDelta.largeFree = f(5);
	L->heapStatsDelta.largeFreeCount = f(6);
	L->heapStatsDelta.smallAllocCount = (struct field){8 * 8, CLASSES * 8};
	L->heapStatsDelta.smallFreeCount = (struct field){(8 + CLASSES) * 8, CLASSES * 8};
	L->mstats.size = 600 * 8;
	L->mstats.heapStats = (struct field){0, 3 * 160 * 8};
	L->mstats.stacks_sys = f(480);
	L->mstats.mspan_sys = f(481);
	L->mstats.mcache_sys = f(482);
	L->mstats.buckhash_sys = f(483);
	L->mstats.gc_sys = f(484);
	L->mstats.other_sys = f(485);
	L->gcController.size = 128;
	L->gcController.heapInUse = f(0);
	L->gcController.heapFree = f(1);
	L->gcController.heapReleased = f(2);
	L->gcController.totalAlloc = f(3);
	L->gcController.totalFree = f(4);
	L->gcController.mappedReady = f(5);
	L->gcController.memoryLimit = f(6);
	L->gcController.gcPercentHeapGoal = f(7);
	L->gcController.sweepDistMinTrigger = f(8);
	L->gcController.triggered = f(9);
	L->gcController.heapMarked = f(10);
	L->gcController.gcPercent = (struct field){88, 4};
}

/* Number `i` of shard `k` of heapStats. */
static uint64_t *delta(struct world *w, size_t k, size_t i)
{
	return &w->memstats[k * 160 + i];
}

static void set_span(struct world *w, size_t i, uint64_t class, uint64_t size, uint64_t before,
		     uint64_t now)
{
	uint64_t *span = &w->spans[i * 8];
	uint8_t spanclass = (uint8_t)(class * 2);
	uint32_t sweepgen = 4 + 3;
	span[2] = 8192 / size;
	span[3] = now;
	span[4] = before;
	span[5] = size;
	memcpy((uint8_t *)span + 48, &sweepgen, 4);
	memcpy((uint8_t *)span + 52, &spanclass, 1);
	w->mcache[i * STRUCT / 8 + class * 2] = SPAN_AT + i * 64;
}

static void fill(struct world *w)
{
	const uint64_t globals[] = {GLOBALS + 32, 2, 2, 2, P_AT, P_AT + 128};
	memcpy(w->globals, globals, sizeof(globals));
	for (size_t i = 0; i < sizeof(w->mcache) / 8; i++)
		w->mcache[i] = i % (STRUCT / 8) < CLASSES * 2 ? EMPTY_AT : 0;
	w->p[0] = MCACHE_AT;
	w->p[16] = MCACHE_AT + STRUCT;
	set_span(w, 0, 3, 24, 10, 15); // five of them are new
	set_span(w, 1, 4, 32, 0, 2);
	w->mcache[200] = 7; // tiny allocations
	*delta(w, 0, 8 + 3) = 100;
	*delta(w, 1, 8 + 3) = (uint64_t)-40;
	*delta(w, 2, 8 + CLASSES + 3) = 20;
	*delta(w, 1, 3) = 1 << 20;
	*delta(w, 1, 4) = 1;
	*delta(w, 0, 0) = 2 * 32768;
	*delta(w, 0, 1) = 4096;
	*delta(w, 2, 2) = 3;
	for (size_t i = 480; i < 486; i++)
		w->memstats[i] = 1000 * (i - 479);
	w->mheap[0] = 4;
	w->mheap[1] = STACK_AT + REGION; // the arenas
	w->mheap[2] = 640;
	w->mheap[3] = 2 * STRUCT;
	w->controller[0] = 2 << 20;
	w->controller[1] = 1 << 20;
	w->controller[2] = 4096;
	w->controller[3] = (1 << 20) + 60 * 24;
	w->controller[4] = 20 * 24;
	w->controller[6] = INT64_MAX;
	w->controller[7] = 4 << 20;
	w->controller[9] = UINT64_MAX;
	w->controller[11] = 100;
	w->controller[5] = (3 << 20) + 2 * 32768 + 4096 + 21000;
}

/* Three stacks of two spans: one of two stacks that are both free, one of which one is in use. */
static void fill_stacks(struct world *w)
{
	static const uint64_t offsets[] = {0, 0x800, 0x8000};
	w->mcache[201] = STACK_AT;
	w->mcache[202] = 0x800 * 2;
	w->mcache[STRUCT / 8 + 203] = STACK_AT + offsets[2];
	w->stacks[0] = STACK_AT + offsets[1];
	uint64_t *first = &w->spans[2 * 8], *second = &w->spans[3 * 8];
	first[0] = STACK_AT;
	second[0] = STACK_AT + 0x8000;
	first[1] = second[1] = 4;
	first[3] = second[3] = 2;
	for (uint64_t page = 0; page < 4; page++) {
		w->heap_arena[(STACK_AT / 8192) + page] = SPAN_AT + 2 * 64;
		w->heap_arena[(STACK_AT / 8192) + 4 + page] = SPAN_AT + 3 * 64;
	}
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	*state = w;
	set_layout(&w->image.layout);
	fill(w);
	static const uint64_t arena_index = (UINT64_C(1) << 47) >> 26;
	struct {
		uint64_t addr;
		void *bytes;
		size_t len;
	} parts[] = {
		{GLOBALS, w->globals, sizeof(w->globals)},
		{P_AT, w->p, sizeof(w->p)},
		{MANY_AT, w->many, sizeof(w->many)},
		{MCACHE_AT, w->mcache, sizeof(w->mcache)},
		{SPAN_AT, w->spans, sizeof(w->spans)},
		{HEAP_AT, w->mheap, sizeof(w->mheap)},
		{MEMSTATS_AT, w->memstats, sizeof(w->memstats)},
		{CONTROLLER_AT, w->controller, sizeof(w->controller)},
		{STACK_AT, w->stacks, 8},
		{STACK_AT + 0x800, &w->stacks[1], 8},
		{STACK_AT + 0x8000, &w->stacks[2], 8},
		{STACK_AT + REGION + arena_index * 8, w->arenas, sizeof(w->arenas)},
		{0x7000000, w->heap_arena, sizeof(w->heap_arena)},
	};
	enum { PARTS = sizeof(parts) / sizeof(parts[0]) };
	struct mem_bytes_range ranges[PARTS];
	for (size_t i = 0; i < PARTS; i++)
		ranges[i] = (struct mem_bytes_range){parts[i].addr, {parts[i].bytes, parts[i].len}};
	w->arenas[0] = 0x7000000;
	assert_int_equal(mem_bytes_create(ranges, PARTS, &w->mem, NULL), GOSPY_OK);
	w->image.mem = w->mem;
	w->image.globals.allp.addr = GLOBALS;
	w->image.globals.gomaxprocs.addr = GLOBALS + 24;
	w->image.globals.gcphase.addr = GLOBALS + 56;
	w->image.globals.mheap_.addr = HEAP_AT;
	w->image.globals.memstats.addr = MEMSTATS_AT;
	w->image.globals.gcController.addr = CONTROLLER_AT;
	w->image.globals.emptymspan.addr = EMPTY_AT;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	memcopy_deinit(&w->copy);
	mem_destroy(w->mem);
	free(w);
	return 0;
}

static struct gospy_memstats look(struct world *w)
{
	struct gospy_memstats m;
	struct gospy_error err;
	if (memcopy_read(&w->copy, &w->image, &err))
		fail_msg("%s", err.msg);
	decode_memstats(&w->copy, &w->image.layout, 22, &m);
	return m;
}

static void test_caches_are_added(void **state)
{
	struct world *w = *state;
	struct gospy_memstats m = look(w);
	assert_int_equal(m.mallocs, 60 + 5 + 2 + 1 + 3 + 7);
	assert_int_equal(m.frees, 20 + 3 + 7);
	assert_int_equal(m.total_alloc, (1 << 20) + 65 * 24 + 2 * 32);
	assert_int_equal(m.alloc, m.total_alloc - 20 * 24);
	assert_int_equal(m.heap_objects, m.mallocs - m.frees);
	assert_int_equal(m.by_size_count, GOSPY_SIZE_CLASSES);
	assert_int_equal(m.by_size[3].size, 24);
	assert_int_equal(m.by_size[3].mallocs, 65);
	assert_int_equal(m.by_size[3].frees, 20);
	assert_int_equal(m.by_size[60].size, 18432);
	assert_int_equal(m.heap_sys, (3 << 20) + 4096);
	assert_int_equal(m.stack_inuse, 2 * 32768);
	assert_int_equal(m.stack_sys, 2 * 32768 + 1000);
	assert_int_equal(m.gc_sys, 5000 + 4096);
	assert_int_equal(m.sys, m.heap_sys + m.stack_sys + m.gc_sys + 2000 + 3000 + 4000 + 6000);
	assert_int_equal(m.next_gc, 4 << 20);
	assert_int_equal(m.gc_percent, 100);
	assert_int_equal(m.mspan_inuse, 640);
	assert_true(memcopy_at_rest(&w->copy, &w->image.layout));
}

/* Before Go 1.19 a span counts as full as long as it is in a cache. */
static void test_spans_counted_as_full(void **state)
{
	struct world *w = *state;
	w->image.layout.mspan.allocCountBeforeCache = (struct field){0};
	struct gospy_memstats m = look(w);
	assert_int_equal(m.by_size[3].mallocs, 60 - (8192 / 24 - 15));
}

static void test_classes_of_old(void **state)
{
	struct world *w = *state;
	w->image.layout.mcache.alloc.size = 67 * 2 * 8;
	w->spans[5] = 32; // without the class of 24 bytes
	w->spans[8 + 5] = 48;
	struct gospy_memstats m = look(w);
	assert_int_equal(m.by_size[3].size, 32);
	assert_int_equal(m.total_alloc, (1 << 20) + 65 * 32 + 2 * 48);
}

static void test_stacks_go_back(void **state)
{
	struct world *w = *state;
	fill_stacks(w);
	struct gospy_memstats m = look(w);
	assert_int_equal(w->copy.stacks.len, 3);
	assert_int_equal(m.stack_inuse, 32768);
	assert_int_equal(m.heap_idle, (1 << 20) + 4096 + 32768);
	// While it marks, the GC keeps them.
	w->globals[7] = GOSPY_GC_MARK;
	m = look(w);
	assert_int_equal(w->copy.stacks.len, 0);
	assert_int_equal(m.stack_inuse, 2 * 32768);
}

static void test_a_list_of_stacks_without_end(void **state)
{
	struct world *w = *state;
	fill_stacks(w);
	w->stacks[1] = STACK_AT;
	struct gospy_memstats m = look(w);
	assert_int_equal(m.stack_inuse, 2 * 32768);
	assert_false(memcopy_at_rest(&w->copy, &w->image.layout));
	w->stacks[1] = UINT64_C(1) << 60; // not an address
	m = look(w);
	assert_int_equal(m.mallocs, 78);
	assert_false(memcopy_at_rest(&w->copy, &w->image.layout));
	w->stacks[1] = 0;
	m = look(w);
	assert_int_equal(m.stack_inuse, 32768);
	assert_true(memcopy_at_rest(&w->copy, &w->image.layout));
}

static void test_a_stack_that_is_not_in_its_span(void **state)
{
	struct world *w = *state;
	fill_stacks(w);
	w->spans[3 * 8] = STACK_AT + 0x10000;
	struct gospy_memstats m = look(w);
	assert_int_equal(m.stack_inuse, GOSPY_UNKNOWN);
	assert_int_equal(m.heap_idle, GOSPY_UNKNOWN);
	assert_int_equal(m.sys, GOSPY_UNKNOWN);
	assert_int_equal(m.heap_inuse, 2 << 20);
	assert_int_equal(m.mallocs, 78);
}

static void test_at_rest(void **state)
{
	struct world *w = *state;
	struct {
		uint64_t *at, value;
	} changes[] = {
		{&w->p[1], 1},                                // statsSeq is odd
		{&w->spans[6], w->spans[6] ^ 3},              // its span is not cached any more
		{&w->controller[3], w->controller[3] + 24},   // counted here and not there
		{&w->controller[5], w->controller[5] - 8192}, // released here and not there
	};
	look(w);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint64_t before = *changes[i].at;
		*changes[i].at = changes[i].value;
		look(w);
		assert_false(memcopy_at_rest(&w->copy, &w->image.layout));
		*changes[i].at = before;
		look(w);
		assert_true(memcopy_at_rest(&w->copy, &w->image.layout));
	}
}

static void test_copies_that_differ(void **state)
{
	struct world *w = *state;
	struct memcopy other = {0};
	look(w);
	assert_int_equal(memcopy_read(&other, &w->image, NULL), GOSPY_OK);
	assert_true(memcopy_is_same(&w->copy, &other));
	w->spans[3]++;
	assert_int_equal(memcopy_read(&other, &w->image, NULL), GOSPY_OK);
	assert_false(memcopy_is_same(&w->copy, &other));
	memcopy_deinit(&other);
}

/* Sizes that the size classes do not have are those of a runtime that is not known. */
static void test_other_sizes(void **state)
{
	struct world *w = *state;
	w->spans[5] = 25;
	struct gospy_memstats m = look(w);
	assert_int_equal(m.mallocs, GOSPY_UNKNOWN);
	assert_int_equal(m.heap_objects, GOSPY_UNKNOWN);
	assert_int_equal(m.by_size_count, 0);
	assert_int_equal(m.next_gc, 4 << 20);
	assert_int_equal(m.stack_inuse, 2 * 32768);
}

/* For a snapshot, of a process that runs: stacks are not looked for. */
static void test_heap_of_a_snapshot(void **state)
{
	struct world *w = *state;
	struct schedstate s = {.memstats = {(uint8_t *)w->memstats, sizeof(w->memstats)},
			       .gc_controller = {(uint8_t *)w->controller, sizeof(w->controller)}};
	struct gospy_heap heap;
	struct gospy_gc_cpu cpu;
	fill_stacks(w);
	w->stacks[0] = 1;
	w->image.version.minor = 22;
	decode_heap(&w->image, &s, &heap, &cpu);
	assert_int_equal(heap.objects, 78 - 30);
	assert_int_equal(heap.sys, (3 << 20) + 4096);
	w->mcache[0] = 1; // a span where there is nothing
	decode_heap(&w->image, &s, &heap, &cpu);
	assert_int_equal(heap.objects, GOSPY_UNKNOWN);
	assert_int_equal(heap.sys, (3 << 20) + 4096);
	assert_int_equal(heap.next_gc, 4 << 20);
	assert_int_equal(cpu.total_ns, GOSPY_UNKNOWN); // this one has no `work`
}

static void test_hostile_values(void **state)
{
	struct world *w = *state;
	w->globals[3] = 1 << 20; // more P's than allp has
	assert_int_equal(memcopy_read(&w->copy, &w->image, NULL), GOSPY_E_BAD_DATA);
	w->globals[1] = w->globals[3];
	assert_int_equal(memcopy_read(&w->copy, &w->image, NULL), GOSPY_E_BAD_DATA);
	w->globals[1] = w->globals[3] = 2;
	w->mcache[0] = 1; // a span where there is nothing
	assert_int_equal(memcopy_read(&w->copy, &w->image, NULL), GOSPY_E_FAULT);
	w->mcache[0] = EMPTY_AT;
	w->p[0] = 3; // an mcache where there is nothing
	assert_int_equal(memcopy_read(&w->copy, &w->image, NULL), GOSPY_E_FAULT);
	w->p[0] = 0; // a P without one
	assert_int_equal(look(w).mallocs, 60 + 2 + 1 + 3);
}

/* A program may say that its mcaches are large, and that many P's share one. */
static void test_too_much_to_copy(void **state)
{
	struct world *w = *state;
	struct gospy_error err;
	for (size_t i = 0; i < MANY; i++)
		w->many[i] = P_AT;
	w->globals[0] = MANY_AT;
	w->globals[1] = w->globals[3] = MANY;
	w->image.layout.mcache.size = 1 << 16;
	assert_int_equal(memcopy_read(&w->copy, &w->image, &err), GOSPY_E_LIMIT);
	assert_non_null(strstr(err.msg, "too much"));
}

static void test_nothing_is_known(void **state)
{
	struct world *w = *state;
	memset(&w->image.layout, 0, sizeof(w->image.layout));
	w->image.globals.gcphase.addr = 0;
	struct gospy_memstats m = look(w);
	const uint64_t *first = &m.alloc;
	for (size_t i = 0; first + i <= &m.num_forced_gc; i++) {
		if (&first[i] != &m.lookups)
			assert_int_equal(first[i], GOSPY_UNKNOWN);
	}
	assert_true(m.gc_cpu_fraction < 0);
	assert_int_equal(m.gc_phase, GOSPY_GC_UNKNOWN);
	assert_false(m.gc_percent_known);
	assert_int_equal(m.pause_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_caches_are_added),
		TEST(test_spans_counted_as_full),
		TEST(test_classes_of_old),
		TEST(test_stacks_go_back),
		TEST(test_a_list_of_stacks_without_end),
		TEST(test_a_stack_that_is_not_in_its_span),
		TEST(test_at_rest),
		TEST(test_copies_that_differ),
		TEST(test_other_sizes),
		TEST(test_heap_of_a_snapshot),
		TEST(test_hostile_values),
		TEST(test_too_much_to_copy),
		TEST(test_nothing_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
