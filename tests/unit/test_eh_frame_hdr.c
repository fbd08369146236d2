#include "dwarf/eh_frame_hdr.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What ld and lld write: the section behind, pc-relative; a count; a table relative to the header.
 */
#define USUAL "\x01\x1b\x03\x3b\x10\0\0\0\x02\0\0\0"

static bool parse(const char *bytes, size_t len, uint64_t size, struct eh_frame_hdr *ret)
{
	return eh_frame_hdr_parse((struct span){(const uint8_t *)bytes, len}, size, ret);
}

static void reads_the_usual_form(void **state)
{
	(void)state;
	struct eh_frame_hdr hdr;
	assert_true(parse(USUAL, 12, 12 + 16, &hdr));
	assert_int_equal(hdr.table_off, 12);
	assert_int_equal(hdr.count, 2);
}

static void reads_wide_values(void **state)
{
	(void)state;
	struct eh_frame_hdr hdr;
	static const char wide[] = "\x01\x00\x04\x3b\1\2\3\4\5\6\7\x08\x01\0\0\0\0\0\0";
	assert_true(parse(wide, 20, 28, &hdr));
	assert_int_equal(hdr.table_off, 20);
	assert_int_equal(hdr.count, 1);
}

static void refuses_lies(void **state)
{
	(void)state;
	struct eh_frame_hdr hdr;
	assert_false(parse(USUAL, 12, 12 + 15, &hdr)); // more entries than bytes
	assert_false(parse(USUAL, 12, 11, &hdr));
	assert_false(parse(USUAL, 12, 0, &hdr));
	for (size_t len = 0; len < 12; len++)
		assert_false(parse(USUAL, len, 64, &hdr));
	static const char huge[] = "\x01\x1b\x04\x3b\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";
	assert_false(parse(huge, 16, UINT64_MAX, &hdr));
}

static void refuses_other_forms(void **state)
{
	(void)state;
	struct eh_frame_hdr hdr;
	assert_false(parse("\x02\x1b\x03\x3b\0\0\0\0\x01\0\0\0", 12, 64, &hdr)); // version
	assert_false(parse("\x01\xff\x03\x3b\0\0\0\0\x01\0\0\0", 12, 64, &hdr)); // no frame
	assert_false(parse("\x01\x1b\xff\xff\0\0\0\0\0\0\0\0", 12, 64, &hdr));   // no table
	assert_false(parse("\x01\x1b\x13\x3b\0\0\0\0\x01\0\0\0", 12, 64, &hdr)); // relative count
	assert_false(
		parse("\x01\x1b\x03\x1b\0\0\0\0\x01\0\0\0", 12, 64, &hdr)); // pc-relative table
	assert_false(parse("\x01\x01\x03\x3b\0\0\0\0\x01\0\0\0", 12, 64, &hdr)); // LEB128
	assert_false(parse("\x01\x1b\x03\x3b\0\0\0\0\0\0\0\0", 12, 64, &hdr));   // empty
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_usual_form),
		cmocka_unit_test(reads_wide_values),
		cmocka_unit_test(refuses_lies),
		cmocka_unit_test(refuses_other_forms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
