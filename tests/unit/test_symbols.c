/* symbols.c: what is known of pcs, by one thread and by many, up to the limit and beyond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "go_image.h"
#include "image/symbols.h"

enum {
	MINOR = 24,
	CALL = 0x11,  /* a return address in main.main, by its offset */
	THREADS = 8,  /* that ask at once */
	MANY = 20000, /* pcs: the table has to grow, several times */
};

#define FAR UINT64_C(0x100000000) /* no function is there */

struct fixture {
	struct go_image im;
	struct paged paged;
	struct moduledata md;
	struct pclntab pcln;
	struct symbolizer symbolizer;
};

static struct fixture f;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct origins no_origins;

static void open_fixture(void)
{
	struct gospy_error err = {0};
	go_image_init(&f.im, MINOR);
	f.paged = go_image_paged(&f.im);
	assert_int_equal(moduledata_read(&f.paged, f.im.moduledata, &f.md, &err), GOSPY_OK);
	assert_int_equal(pcln_init(&f.pcln, &f.paged, &f.md, MINOR, &err), GOSPY_OK);
	symbolizer_init(&f.symbolizer, &table_lock, &f.pcln, 0, 0, &no_origins);
}

static void test_answers(void **state)
{
	(void)state;
	open_fixture();
	uint64_t pc = f.im.text + CALL;
	struct symbols *symbols = symbolizer_hold(&f.symbolizer);
	const struct site *site = symbols_site(symbols, pc);
	assert_true(site->known && !site->no_room && site->size > 0);
	assert_ptr_equal(symbols_site(symbols, pc), site);
	const struct frame_site *call = symbols_frames(symbols, pc, false);
	assert_string_equal(call->calls[call->call_count - 1].func, "main.main");
	assert_int_equal(call->entry, f.im.text);
	assert_ptr_equal(symbols_frames(symbols, pc, false), call);
	assert_ptr_not_equal(symbols_frames(symbols, pc, true), call);
	for (enum location_kind kind = 0; kind < LOCATION_KINDS; kind++) {
		const struct location *location = symbols_location(symbols, pc, kind);
		assert_int_equal(location->pub.pc, pc);
		assert_non_null(location->pub.func);
		assert_ptr_equal(symbols_location(symbols, pc, kind), location);
	}
	assert_false(symbols_site(symbols, FAR)->known || symbols_site(symbols, FAR)->no_room);
	assert_int_equal(symbols_frames(symbols, FAR, false)->call_count, 0);
	assert_null(symbols_location(symbols, FAR, LOCATION_RETURN)->pub.func);
	assert_false(symbols_full(symbols));
	symbols_release(symbols);
	// Somebody else finds it there.
	struct symbols *again = symbolizer_hold(&f.symbolizer);
	assert_ptr_equal(symbols_site(again, pc), site);
	symbols_release(again);
	symbolizer_deinit(&f.symbolizer);
}

/* Ask for pcs that nobody has asked for, until no more are kept; how many were. */
static uint64_t fill(struct symbols *symbols)
{
	uint64_t n = 0;
	while (!symbols_site(symbols, FAR + n)->no_room)
		n++;
	return n;
}

static void test_limit(void **state)
{
	(void)state;
	open_fixture();
	uint64_t pc = f.im.text + CALL;
	struct symbols *full = symbolizer_hold(&f.symbolizer);
	const struct site *first = symbols_site(full, FAR);
	const struct frame_site *call = symbols_frames(full, pc, false);
	assert_false(symbols_full(full));
	uint64_t n = fill(full);
	assert_true(n * sizeof(struct site) <= SYMBOLS_MAX);
	assert_true(symbols_full(full));
	// Sites that were known still are.
	assert_ptr_equal(symbols_site(full, FAR), first);
	assert_ptr_equal(symbols_frames(full, pc, false), call);
	// Sites that were not known are not invented.
	assert_true(symbols_site(full, pc + 1)->no_room);
	assert_int_equal(symbols_frames(full, pc, true)->call_count, 1);
	assert_null(symbols_frames(full, pc, true)->calls[0].func);
	assert_null(symbols_frames(full, pc + 1, false)->calls[0].func);
	assert_null(symbols_location(full, pc, LOCATION_RETURN));
	assert_null(symbols_location(full, pc + 1, LOCATION_RETURN));
	// The next one has room again, and the old one stays as it is until it is let go.
	struct symbols *next = symbolizer_hold(&f.symbolizer);
	assert_ptr_not_equal(next, full);
	assert_false(symbols_full(next));
	assert_true(symbols_site(next, pc + 1)->known);
	assert_non_null(symbols_location(next, pc, LOCATION_RETURN)->pub.func);
	assert_string_equal(call->calls[call->call_count - 1].func, "main.main");
	symbols_release(full);
	symbols_release(next);
	symbolizer_deinit(&f.symbolizer);
}

static void test_half_full(void **state)
{
	(void)state;
	open_fixture();
	struct symbols *symbols = symbolizer_hold(&f.symbolizer);
	uint64_t n = SYMBOLS_MAX / 2 / sizeof(struct site) + 1;
	for (uint64_t i = 0; i < n; i++)
		assert_false(symbols_site(symbols, FAR + i)->no_room);
	// Nobody begins with less than half of the room.
	struct symbols *next = symbolizer_hold(&f.symbolizer);
	assert_ptr_not_equal(next, symbols);
	symbols_release(next);
	symbols_release(symbols);
	// The one that nobody holds gives way, too.
	next = symbolizer_hold(&f.symbolizer);
	for (uint64_t i = 0; i < n; i++)
		assert_false(symbols_site(next, FAR + i)->no_room);
	symbols_release(next);
	next = symbolizer_hold(&f.symbolizer);
	assert_true(symbols_site(next, f.im.text)->known);
	symbols_release(next);
	symbolizer_deinit(&f.symbolizer);
}

/* One of many that ask for the same, each in an order of its own. */
struct asker {
	pthread_t thread;
	uint64_t first;
	const struct site *sites[MANY];
	const struct frame_site *frames;
	const struct location *location;
};

static void *ask(void *arg)
{
	struct asker *asker = arg;
	struct symbols *symbols = symbolizer_hold(&f.symbolizer);
	uint64_t pc = f.im.text + CALL;
	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t n = (asker->first + i) % MANY;
		asker->sites[n] = symbols_site(symbols, n % 2 ? FAR + n : f.im.text + n / 2 % 0x80);
		if (n % 1000 == 0) {
			asker->frames = symbols_frames(symbols, pc, false);
			asker->location = symbols_location(symbols, pc, LOCATION_RETURN);
		}
	}
	symbols_release(symbols);
	return NULL;
}

static void test_threads(void **state)
{
	(void)state;
	static struct asker askers[THREADS];
	open_fixture();
	struct symbols *symbols = symbolizer_hold(&f.symbolizer);
	for (unsigned i = 0; i < THREADS; i++) {
		askers[i].first = i * (MANY / THREADS);
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(askers[i].thread, NULL);
	for (unsigned i = 1; i < THREADS; i++) {
		assert_memory_equal(askers[i].sites, askers[0].sites, sizeof(askers[0].sites));
		assert_ptr_equal(askers[i].frames, askers[0].frames);
		assert_ptr_equal(askers[i].location, askers[0].location);
	}
	assert_string_equal(askers[0].location->pub.func, "main.inner"); // inlined there
	symbols_release(symbols);
	symbolizer_deinit(&f.symbolizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_half_full),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
