#include "heap/gofields.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* Descriptors as a target may have them, at BASE. */
enum { BASE = 0x10000, LEN = 4096, DESCRIPTOR = 80 };

struct world {
	struct mem mem;
	struct program program;
	struct image image;
	struct gotypes types;
	uint8_t bytes[LEN];
	unsigned told;
	char last[256];
};

static enum gospy_code world_readv(struct mem *mem, struct mem_req *reqs, size_t n,
				   struct gospy_error *err)
{
	struct world *w = (struct world *)mem;
	(void)err;
	for (size_t i = 0; i < n; i++) {
		uint64_t off = reqs[i].addr - BASE;
		reqs[i].done = 0;
		if (off >= LEN)
			continue;
		reqs[i].done = reqs[i].len < LEN - off ? reqs[i].len : LEN - off;
		memcpy(reqs[i].dst, w->bytes + off, reqs[i].done);
	}
	return GOSPY_OK;
}

static const struct mem_ops world_ops = {.readv = world_readv};

static void set(struct world *w, unsigned at, uint64_t value)
{
	memcpy(w->bytes + at, &value, sizeof(value));
}

/* Returns its address. */
static uint64_t describe(struct world *w, unsigned at, uint8_t kind, uint64_t size)
{
	set(w, at, size);
	w->bytes[at + 23] = kind;
	return BASE + at;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	if (!w)
		return -1;
	w->mem.ops = &world_ops;
	w->image.mem = &w->mem;
	w->image.program = &w->program;
	w->image.version.minor = 24;
	*state = w;
	return gotypes_init(&w->types, &w->image, NULL);
}

static int teardown(void **state)
{
	struct world *w = *state;
	gotypes_deinit(&w->types);
	free(w);
	return 0;
}

static bool take(void *ctx, const char *field, const char *type, const char *value)
{
	struct world *w = ctx;
	(void)field;
	(void)type;
	w->told++;
	strncpy(w->last, value, sizeof(w->last) - 1);
	return true;
}

/* Of an object of that many bytes, which are all there is. */
static bool each(struct world *w, enum gorole role, uint64_t type, size_t len)
{
	uint16_t number = gotypes_number(&w->types, role, type);
	uint8_t *bytes = malloc(len);
	bool more;
	assert_int_not_equal(number, 0);
	assert_non_null(bytes);
	memset(bytes, 1, len);
	w->told = 0;
	assert_int_equal(gofields_each(&w->types, number, bytes, len, len, take, w, &more, NULL),
			 GOSPY_OK);
	free(bytes);
	return more;
}

static void test_sizes_that_lie(void **state)
{
	struct world *w = *state;
	static const uint8_t sizes[] = {0, 1, 8,  1, 2, 4, 8,  8, 1, 2,  4,  8, 8, 4,
					8, 8, 16, 0, 8, 8, 16, 8, 8, 24, 16, 0, 8};
	for (uint8_t kind = 1; kind < sizeof(sizes); kind++) {
		if (!sizes[kind])
			continue; // made of others
		for (uint64_t size = 1; size <= 32; size++) {
			gotypes_deinit(&w->types);
			assert_int_equal(gotypes_init(&w->types, &w->image, NULL), GOSPY_OK);
			uint64_t type = describe(w, 0, kind, size);
			assert_false(each(w, GOROLE_VALUE, type, size));
			assert_int_equal(w->told, size == sizes[kind]);
		}
	}
}

static void test_floats(void **state)
{
	struct world *w = *state;
	each(w, GOROLE_VALUE, describe(w, 0, 14, 8), 8);
	assert_string_equal(w->last, "7.7486041854893479e-304"); // 0x0101010101010101
	each(w, GOROLE_VALUE, describe(w, 80, 13, 4), 4);
	assert_string_equal(w->last, "2.36942783e-38");
}

/* Structures of `count` fields, all of that type. */
static uint64_t structure(struct world *w, unsigned at, unsigned fields, unsigned count,
			  uint64_t type)
{
	describe(w, at, GOKIND_STRUCT, 8);
	set(w, at + GOTYPE_FIELDS, BASE + fields);
	set(w, at + GOTYPE_FIELDS + 8, count);
	for (unsigned i = 0; i < count; i++) {
		set(w, fields + i * GOTYPE_FIELD_LEN, 0);
		set(w, fields + i * GOTYPE_FIELD_LEN + 8, type);
		set(w, fields + i * GOTYPE_FIELD_LEN + 16, 0);
	}
	return BASE + at;
}

static void test_made_of_itself(void **state)
{
	struct world *w = *state;
	uint64_t number = describe(w, 0, 6, 8);
	assert_false(each(w, GOROLE_VALUE, structure(w, 160, 1024, 4, number), 8));
	assert_int_equal(w->told, 4);
	// 64 fields of its own type, each of which has 64 ...
	assert_true(each(w, GOROLE_VALUE, structure(w, 80, 2048, 64, BASE + 80), 8));
}

static bool each_of(struct world *w, enum gorole role, uint64_t type, const void *bytes, size_t len,
		    uint64_t slot)
{
	uint16_t number = gotypes_number(&w->types, role, type);
	bool more;
	assert_int_not_equal(number, 0);
	w->told = 0;
	assert_int_equal(gofields_each(&w->types, number, bytes, len, slot, take, w, &more, NULL),
			 GOSPY_OK);
	return more;
}

static void test_only_the_beginning(void **state)
{
	struct world *w = *state;
	static const uint64_t bytes[4] = {1, 2, 3, 4};
	uint64_t number = describe(w, 0, 6, 8), array = describe(w, 80, GOKIND_ARRAY, 64);
	set(w, 80 + GOTYPE_ELEM, number);
	assert_true(each_of(w, GOROLE_VALUE, array, bytes, sizeof(bytes), 64));
	assert_int_equal(w->told, 4);
	assert_true(each_of(w, GOROLE_ARRAY, number, bytes, sizeof(bytes), 64));
	assert_int_equal(w->told, 4);
	assert_false(each_of(w, GOROLE_ARRAY, number, bytes, sizeof(bytes), sizeof(bytes)));
	assert_int_equal(w->told, 4);
	assert_true(each_of(w, GOROLE_VALUE, array, bytes, sizeof(bytes) - 4, 64));
	assert_int_equal(w->told, 3);
}

static void test_text(void **state)
{
	struct world *w = *state;
	assert_false(each_of(w, GOROLE_STRING, 0, "new\0old text", 12, 16));
	assert_string_equal(w->last, "\"new\" or a part of it, in a slot of 16 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sizes_that_lie, setup, teardown),
		cmocka_unit_test_setup_teardown(test_floats, setup, teardown),
		cmocka_unit_test_setup_teardown(test_made_of_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_the_beginning, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
