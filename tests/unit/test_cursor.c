#include "base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define CURSOR(bytes) cursor_at((struct span){(const uint8_t *)(bytes), sizeof(bytes) - 1}, 0)

static void loads_little_endian(void **state)
{
	(void)state;
	struct cursor c = CURSOR("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f");
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16(&c), 0x0302);
	assert_int_equal(cursor_u32(&c), 0x07060504);
	assert_int_equal(cursor_u64(&c), 0x0f0e0d0c0b0a0908);
	assert_int_equal(cursor_left(&c), 0);
	assert_false(c.failed);
}

static void stays_where_it_failed(void **state)
{
	(void)state;
	struct cursor c = CURSOR("\x01\x02\x03");
	assert_int_equal(cursor_u16(&c), 0x0201);
	assert_int_equal(cursor_u32(&c), 0);
	assert_true(c.failed);
	assert_int_equal(c.pos, 2);
	assert_int_equal(cursor_u8(&c), 0); // though there is a byte left
	assert_int_equal(cursor_left(&c), 0);
	assert_null(cursor_cstr(&c));
	assert_int_equal(cursor_uleb128(&c), 0);
}

static void does_not_skip_outside(void **state)
{
	static const uint64_t lengths[] = {4, UINT32_MAX, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct cursor c = CURSOR("\x01\x02\x03");
		cursor_skip(&c, lengths[i]);
		assert_true(c.failed);
	}
	struct cursor c = CURSOR("\x01\x02\x03");
	cursor_skip(&c, 3);
	assert_false(c.failed);
	assert_int_equal(cursor_left(&c), 0);
}

static void starts_within(void **state)
{
	(void)state;
	struct span s = {(const uint8_t *)"abc", 3};
	struct cursor c = cursor_at(s, 1);
	assert_int_equal(cursor_u8(&c), 'b');
	assert_false(cursor_at(s, 3).failed);
	assert_true(cursor_at(s, 4).failed);
	assert_true(cursor_at(s, UINT64_MAX).failed);
}

static void nothing_is_empty(void **state)
{
	(void)state;
	struct span none = {NULL, 0};
	struct cursor c = cursor_at(none, 0);
	assert_null(cursor_bytes(&c, 0));
	assert_false(c.failed);
	assert_null(cursor_cstr(&c));
	assert_true(c.failed);
	assert_null(span_sub(none, 0, 0).ptr);
}

static void reads_uleb128(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		uint64_t value;
		bool fails;
	} cases[] = {
		{"\x00", 1, 0, false},
		{"\x7f", 1, 127, false},
		{"\x80\x01", 2, 128, false},
		{"\xe5\x8e\x26", 3, 624485, false},
		{"\x80\x80\x00", 3, 0, false},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, false},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 0, true}, // 65th bit
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11, 0, true},
		{"\x80", 1, 0, true},
		{"", 0, 0, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cursor c =
			cursor_at((struct span){(const uint8_t *)cases[i].bytes, cases[i].len}, 0);
		assert_int_equal(cursor_uleb128(&c), cases[i].value);
		assert_int_equal(c.failed, cases[i].fails);
	}
}

static void reads_strings(void **state)
{
	(void)state;
	struct cursor c = cursor_at((struct span){(const uint8_t *)"ab\0\0cd", 6}, 0);
	assert_string_equal(cursor_cstr(&c), "ab");
	assert_string_equal(cursor_cstr(&c), "");
	assert_null(cursor_cstr(&c)); // ends without NUL
	assert_true(c.failed);
}

static void takes_nothing_from_nothing(void **state)
{
	(void)state;
	struct cursor c = cursor_at((struct span){0}, 0);
	assert_false(c.failed);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.failed);
	assert_null(span_sub((struct span){0}, 1, 0).ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_little_endian),
		cmocka_unit_test(stays_where_it_failed),
		cmocka_unit_test(does_not_skip_outside),
		cmocka_unit_test(starts_within),
		cmocka_unit_test(nothing_is_empty),
		cmocka_unit_test(reads_uleb128),
		cmocka_unit_test(reads_strings),
		cmocka_unit_test(takes_nothing_from_nothing),
	};
	return cmocka_run_group_tests_name("cursor", tests, NULL, NULL);
}
