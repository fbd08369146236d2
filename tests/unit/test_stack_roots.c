/* stack_roots.c over hand-made stacks: whole ones, those of goroutines that run, and lies. */
#include "heap/stack_roots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "go_image.h"
#include "target/mem_bytes.h"

enum {
	OLDEST = 12,
	NEWEST = 27,
	FRAME = 32, /* of main.main: two locals, the saved frame pointer, the return address */
	CALL = 0x11,
	GOEXIT = 0x41,
	LO = 0xc000000,
	LEN = 1024,
	SP = LO + 512,
	G = 0xd000000,
	DEFER = 0xe000000,
	XREGS = 0xf000000,
	FOUND_MAX = 256,
};

static struct go_image im;
static struct paged paged;
static struct moduledata md;
static struct pclntab pcln;
static struct image image;
static struct symbols *symbols;
static struct stack_roots *roots;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct origins no_origins;
static uint8_t stack[LEN], g[64], defer[64], xregs[64];
static struct g_rec rec;
static uint64_t found[FOUND_MAX];
static size_t found_count, found_max;

static void put(uint64_t addr, uint64_t value)
{
	memcpy(stack + (addr - LO), &value, sizeof(value));
}

static void lay_out(struct layout *layout)
{
	layout->g.sched_ctxt = (struct field){0, 8};
	layout->g.defer = (struct field){8, 8};
	layout->g.panic = (struct field){16, 8};
	layout->g.xregs = (struct field){24, 8};
	layout->defer.size = 32;
	layout->defer.siz = (struct field){0, 4};
	layout->defer.fn = (struct field){8, 8};
	layout->defer.link = (struct field){16, 8};
	layout->xregs.size = sizeof(xregs);
}

/* A goroutine that waits in main.main, called by main.main, called by goexit. */
static void open_fixture(int minor)
{
	go_image_init(&im, minor);
	paged = go_image_paged(&im);
	assert_int_equal(moduledata_read(&paged, im.moduledata, &md, NULL), GOSPY_OK);
	assert_int_equal(pcln_init(&pcln, &paged, &md, minor, NULL), GOSPY_OK);
	memset(stack, 0, sizeof(stack));
	memset(g, 0, sizeof(g));
	memset(defer, 0, sizeof(defer));
	memset(xregs, 0, sizeof(xregs));
	const struct mem_bytes_range ranges[] = {
		{LO, {stack, sizeof(stack)}},
		{G, {g, sizeof(g)}},
		{DEFER, {defer, sizeof(defer)}},
		{XREGS, {xregs, sizeof(xregs)}},
	};
	image = (struct image){0};
	assert_int_equal(mem_bytes_create(ranges, 4, &image.mem, NULL), GOSPY_OK);
	lay_out(&image.layout);
	symbolizer_init(&image.symbolizer, &table_lock, &pcln, 0, 0, &no_origins);
	symbols = symbolizer_hold(&image.symbolizer);
	assert_non_null(symbols);
	assert_int_equal(stack_roots_create(&image, symbols, &roots, NULL), GOSPY_OK);
	rec = (struct g_rec){.addr = G,
			     .status = GOSPY_STATUS_WAITING,
			     .stack_lo = LO,
			     .stack_hi = LO + LEN,
			     .sp = SP,
			     .pc = im.text + CALL};
	put(SP + FRAME - 8, im.text + CALL);
	put(SP + 2 * FRAME - 8, im.text + GOEXIT);
	found_max = FOUND_MAX;
}

static void close_fixture(void)
{
	stack_roots_destroy(roots);
	symbols_release(symbols);
	symbolizer_deinit(&image.symbolizer);
	mem_destroy(image.mem);
}

static int find(void *ctx, uint64_t pointer)
{
	(void)ctx;
	assert_true(found_count < FOUND_MAX);
	assert_int_equal(stack_roots_current(roots), 0);
	found[found_count++] = pointer;
	return found_count == found_max ? GOSPY_E_LIMIT : GOSPY_OK;
}

static void scan(void)
{
	static const uint32_t which[] = {0};
	found_count = 0;
	enum gospy_code code = stack_roots_of(roots, &rec, which, 1, find, NULL, NULL);
	assert_int_equal(code, found_count == found_max ? GOSPY_E_LIMIT : GOSPY_OK);
}

static bool is_found(uint64_t pointer)
{
	size_t n = 0;
	for (size_t i = 0; i < found_count; i++)
		n += found[i] == pointer;
	return n;
}

enum { OBJECT = 0x11110000, LOCAL = 0x22220000, ARG = 0x33330000, DEAD = 0x44440000 };

static void test_maps(void **state)
{
	(void)state;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		open_fixture(minor);
		put(SP - 8, DEAD);
		put(SP, OBJECT); // a stack object, to which nothing points yet
		put(SP + 8, LOCAL);
		put(SP + FRAME, DEAD);     // first argument of the first, and object of the second
		put(SP + FRAME + 8, ARG);  // second argument, and local of the second
		put(SP + 2 * FRAME, DEAD); // first argument of the second
		put(SP + 2 * FRAME + 8, 12); // no pointer
		scan();
		assert_true(is_found(LOCAL) && is_found(ARG));
		assert_false(is_found(OBJECT) || is_found(DEAD));
		assert_int_equal(found_count, 3); // ARG is in two maps
		put(SP + 2 * FRAME + 8, SP + 4);
		scan();
		assert_true(is_found(OBJECT));
		assert_false(is_found(DEAD));
		assert_int_equal(stack_roots_unmapped(roots), 0);
		assert_int_equal(stack_roots_unread(roots), 0);
		close_fixture();
	}
}

/* An object that points to the next one, and back. */
static void test_objects_in_a_circle(void **state)
{
	(void)state;
	open_fixture(NEWEST);
	put(SP + 8, SP);
	put(SP, SP + FRAME);
	put(SP + FRAME, SP);
	scan();
	assert_int_equal(found_count, 0);
	put(SP + FRAME + 8, OBJECT);
	scan();
	assert_int_equal(found_count, 2);
	close_fixture();
}

static void test_running(void **state)
{
	(void)state;
	open_fixture(NEWEST);
	put(LO, DEAD);
	put(SP, OBJECT);
	put(LO + LEN - 8, LOCAL);
	rec.status = GOSPY_STATUS_RUNNING;
	scan();
	assert_true(is_found(OBJECT) && is_found(LOCAL) && !is_found(DEAD));
	rec.flags = G_PC_STALE;
	scan();
	assert_true(is_found(DEAD));
	// A dead one has no stack.
	rec.status = GOSPY_STATUS_DEAD;
	scan();
	assert_int_equal(found_count, 0);
	close_fixture();
}

/* Behind what is not known each word may be a pointer. */
static void test_unknown_pc(void **state)
{
	(void)state;
	open_fixture(NEWEST);
	put(SP, OBJECT);
	put(SP + FRAME - 8, 0xdeadbeef);
	put(SP + FRAME, DEAD);
	put(LO + LEN - 8, LOCAL);
	scan();
	assert_true(is_found(DEAD) && is_found(LOCAL) && !is_found(OBJECT));
	assert_int_equal(stack_roots_unmapped(roots), 1);
	close_fixture();
}

static void test_maps_that_lie(void **state)
{
	(void)state;
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		open_fixture(minor);
		put(SP, OBJECT);
		put(SP + FRAME, ARG);
		go_image_set(&im, im.local_maps + 4, 3, 4); // more locals than there is room for
		scan();
		assert_true(is_found(OBJECT) && is_found(ARG));
		assert_int_equal(stack_roots_unmapped(roots), 2);
		close_fixture();
	}
}

static void test_extra(void **state)
{
	(void)state;
	const uint64_t first = DEFER, second = SP + 128;
	open_fixture(NEWEST);
	memcpy(g, (uint64_t[]){0x1000000, first, SP, XREGS}, 32); // the panic points to the object
	memcpy(defer, (uint64_t[]){8, 0x2000000, second, 0, 0x3000000}, 40);
	put(SP, OBJECT);
	memcpy(xregs + 40, &(uint64_t){0x4000000}, 8);
	put(second + 8, 0x5000000); // fn of the second record
	scan();
	assert_true(is_found(0x1000000) && is_found(0x2000000) && is_found(0x3000000));
	assert_true(is_found(0x4000000) && is_found(0x5000000) && is_found(OBJECT));
	assert_true(is_found(DEFER));
	assert_int_equal(stack_roots_unread(roots), 0);
	// Two that lead to each other: all words count.
	memcpy(defer + 16, &first, 8);
	put(SP + 3 * FRAME, DEAD);
	found_count = 0;
	stack_roots_destroy(roots);
	assert_int_equal(stack_roots_create(&image, symbols, &roots, NULL), GOSPY_OK);
	const struct stack_bytes bytes = {LO, LO + LEN, SP, stack + (SP - LO), LEN - (SP - LO)};
	const struct stack_extra extra = {.defer = 0x666};
	assert_true(stack_roots_walk(roots, &rec, &bytes, &extra, find, NULL));
	assert_true(is_found(DEAD));
	assert_int_equal(stack_roots_unread(roots), 1);
	close_fixture();
}

static void test_unreadable(void **state)
{
	(void)state;
	open_fixture(NEWEST);
	put(SP + 8, LOCAL);
	rec.stack_hi = LO + LEN + 4096;
	scan();
	assert_true(is_found(LOCAL)); // what there is
	assert_int_equal(stack_roots_unread(roots), 1);
	rec.stack_lo = 0;
	scan();
	assert_int_equal(found_count, 0);
	assert_int_equal(stack_roots_unread(roots), 2);
	close_fixture();
}

static void test_ended(void **state)
{
	(void)state;
	open_fixture(NEWEST);
	put(SP + 8, LOCAL);
	put(SP + FRAME + 8, ARG);
	found_max = 1;
	scan();
	assert_int_equal(found_count, 1);
	close_fixture();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maps),          cmocka_unit_test(test_objects_in_a_circle),
		cmocka_unit_test(test_running),       cmocka_unit_test(test_unknown_pc),
		cmocka_unit_test(test_maps_that_lie), cmocka_unit_test(test_extra),
		cmocka_unit_test(test_unreadable),    cmocka_unit_test(test_ended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
