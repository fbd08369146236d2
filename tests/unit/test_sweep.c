#include "image/sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dwarf/go/pclntab_scan.h"
#include "go_image.h"
#include "target/mem_bytes.h"

enum { SIZE = 1 << 20, PAGE = 4096, OLDEST = 12, NEWEST = 27 };

static const uint64_t base = 0x10000000;
static uint8_t bytes[SIZE];
static struct go_image im;
static struct mem *mem;
static struct mappings maps;
static struct gospy_error err;
static uint64_t found;

/* A process whose memory is `bytes`, in three mappings; the one in the middle cannot be read,
 * though it says that it can. */
static int setup(void **state)
{
	(void)state;
	static const uint64_t ends[] = {0, SIZE / 2, SIZE / 2 + PAGE, SIZE};
	struct mem_bytes_range ranges[2];
	memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < 3; i++) {
		struct mapping map = {.start = base + ends[i],
				      .end = base + ends[i + 1],
				      .read = true,
				      .write = i == 2,
				      .path = ""};
		assert_true(vec_push(&maps.maps, map));
		if (i != 1)
			ranges[i / 2] = (struct mem_bytes_range){
				map.start, {bytes + ends[i], ends[i + 1] - ends[i]}};
	}
	assert_int_equal(mem_bytes_create(ranges, 2, &mem, NULL), GOSPY_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	mem_destroy(mem);
	mappings_deinit(&maps);
	return 0;
}

static struct sweep everything(void)
{
	return (struct sweep){mem, &maps, base, base + SIZE};
}

/* Put a module that was linked for `linked` at `off`. */
static void put_module(int minor, uint64_t linked, size_t off)
{
	go_image_init_at(&im, minor, linked);
	memcpy(bytes + off, im.bytes, im.len);
}

static void finds_modules(void **state)
{
	(void)state;
	// The last one lies across two of the pieces that a sweep reads.
	static const size_t offs[] = {0, PAGE, (256 << 10) - 128 - 2048};
	for (int minor = OLDEST; minor <= NEWEST; minor++) {
		for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++) {
			const struct sweep sweep = everything();
			memset(bytes, 0, sizeof(bytes));
			put_module(minor, base + offs[i], offs[i]);
			assert_int_equal(sweep_moduledata(&sweep, &found, &err), GOSPY_OK);
			assert_int_equal(found, im.moduledata);
		}
	}
}

static void refuses_copies(void **state)
{
	(void)state;
	const struct sweep sweep = everything();
	// A Go program among the data of another one: nothing leads to its function table.
	put_module(24, 0x400000, 0x4000);
	assert_int_equal(sweep_moduledata(&sweep, &found, &err), GOSPY_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no moduledata"));
	// The real one is found beside it.
	put_module(24, base + SIZE / 2 + PAGE, SIZE / 2 + PAGE);
	assert_int_equal(sweep_moduledata(&sweep, &found, &err), GOSPY_OK);
	assert_int_equal(found, im.moduledata);
}

static void refuses_magic_alone(void **state)
{
	(void)state;
	static const uint8_t headers[] = {0xfb, 0xfa, 0xf0, 0xf1};
	const struct sweep sweep = everything();
	for (size_t i = 0; i < sizeof(headers); i++)
		memcpy(bytes + i * PAGE, (uint8_t[]){headers[i], 0xff, 0xff, 0xff, 0, 0, 1, 8}, 8);
	assert_int_equal(sweep_moduledata(&sweep, &found, &err), GOSPY_E_NOT_FOUND);
	assert_non_null(strstr(err.msg, "no function table"));
}

static void keeps_to_its_range(void **state)
{
	(void)state;
	struct sweep sweep = everything();
	put_module(24, base + 0x4000, 0x4000);
	sweep.end = base + 0x4000;
	assert_int_equal(sweep_moduledata(&sweep, &found, &err), GOSPY_E_NOT_FOUND);
	sweep.start = base + SIZE / 2;
	sweep.end = base + SIZE;
	assert_int_equal(sweep_moduledata(&sweep, &found, &err), GOSPY_E_NOT_FOUND);
	maps.maps.at[0].read = false;
	sweep = everything();
	assert_int_equal(sweep_moduledata(&sweep, &found, &err), GOSPY_E_NOT_FOUND);
}

static void put_version(size_t off, const char *version)
{
	memcpy(bytes + off, "\xff Go buildinf:\x08\x02", 16);
	bytes[off + 32] = (uint8_t)strlen(version);
	memcpy(bytes + off + 33, version, strlen(version));
}

static void finds_build_info(void **state)
{
	(void)state;
	const struct sweep sweep = everything();
	struct arena arena = {0};
	struct build_info_text text;
	assert_int_equal(sweep_build_info(&sweep, &arena, &text, &err), GOSPY_E_NOT_FOUND);
	put_version(0x40, "go1.24.4");
	assert_int_equal(sweep_build_info(&sweep, &arena, &text, &err), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.24.4");
	// The linker puts it into writable memory; a copy among constants is somebody else's.
	put_version(SIZE - PAGE, "go1.25.4");
	assert_int_equal(sweep_build_info(&sweep, &arena, &text, &err), GOSPY_OK);
	assert_string_equal(text.go_version, "go1.25.4");
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_modules, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_copies, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_magic_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_to_its_range, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_build_info, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
