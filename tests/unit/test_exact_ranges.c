/* The note that says which bytes were read, as it should be and as it may be. */
#include "packed.h"

#include "core/exact_ranges.h"

enum { PAGE = 4096 };

static struct gospy_error err;

static void put_run(octets *to, uint64_t addr, uint64_t pages)
{
	uint8_t bytes[EXACT_RUN];
	exact_put_run(bytes, addr, pages);
	put_bytes(to, bytes, sizeof(bytes));
}

static void put_part(octets *to, uint64_t addr, uint8_t mask)
{
	uint8_t bytes[EXACT_PART];
	exact_put_part(bytes, addr, mask);
	put_bytes(to, bytes, sizeof(bytes));
}

static octets header(uint64_t runs, uint64_t pages, uint64_t parts)
{
	octets note = {0};
	uint8_t bytes[EXACT_HEADER];
	exact_put_header(bytes, runs, pages, parts);
	put_bytes(&note, bytes, sizeof(bytes));
	return note;
}

static const uint64_t HIGH = UINT64_C(0xffffffffff600000);

/* Two pages at 0x10000 and, next to them as a run of its own, one at 0x12000; one very high. */
static octets note(void)
{
	uint8_t pages[4][EXACT_PAGE] = {{0}};
	octets note = header(3, 4, 3);
	put_run(&note, 0x10000, 2);
	put_run(&note, 0x12000, 1);
	put_run(&note, HIGH, 1);
	pages[0][1] = 0xfe;              // 0x10048-0x10080
	memset(pages[0] + 2, 0xff, 62);  // to its end
	pages[1][0] = 1;                 // 0x11000-0x11008
	memset(pages[1] + 10, 0xff, 54); // 0x11280 to its end
	memset(pages[2], 0xff, 8);       // 0x12000-0x12200
	pages[3][63] = 0x80;
	put_bytes(&note, pages, sizeof(pages));
	put_part(&note, 0x10040, 0xf0);
	put_part(&note, 0x11008, 0x0b);
	put_part(&note, HIGH, 0x01);
	return note;
}

static void lookup(void **state)
{
	(void)state;
	octets bytes = note();
	struct exact_ranges r;
	assert_int_equal(exact_ranges_decode((struct span){bytes.at, bytes.len}, &r, &err),
			 GOSPY_OK);
	assert_int_equal(exact_ranges_known(&r, 0x10000, 100), 0);
	assert_int_equal(exact_ranges_known(&r, 0x10043, 100), 0);
	assert_int_equal(exact_ranges_known(&r, 0x10044, 3), 3);
	assert_int_equal(exact_ranges_known(&r, 0x10044, 4), 4);
	assert_int_equal(exact_ranges_known(&r, 0x10046, 5), 5);
	assert_int_equal(exact_ranges_known(&r, 0x10044, SIZE_MAX), 0x1100a - 0x10044);
	assert_int_equal(exact_ranges_known(&r, 0x11008, 8), 2);
	assert_int_equal(exact_ranges_known(&r, 0x1100a, 8), 0);
	assert_int_equal(exact_ranges_known(&r, 0x1100b, 8), 1);
	assert_int_equal(exact_ranges_known(&r, 0x11287, 1), 1);
	assert_int_equal(exact_ranges_known(&r, 0x11280, 0x10000), 0x12200 - 0x11280);
	assert_int_equal(exact_ranges_known(&r, 0x121ff, 2), 1);
	assert_int_equal(exact_ranges_known(&r, 0x13000, 2), 0);
	assert_int_equal(exact_ranges_known(&r, 0xffff, 2), 0);
	assert_int_equal(exact_ranges_known(&r, 0, 2), 0);
	assert_int_equal(exact_ranges_known(&r, UINT64_MAX, 2), 0);
	assert_int_equal(exact_ranges_known(&r, HIGH, 2), 1);
	assert_int_equal(exact_ranges_known(&r, HIGH + PAGE - 8, 100), 8);
	exact_ranges_deinit(&r);
	vec_free(&bytes);
}

static void assert_bad(octets bytes, enum gospy_code code)
{
	struct exact_ranges r;
	// A block of its own, so that a sanitizer sees a read behind its end.
	uint8_t *copy = malloc(bytes.len + 1);
	assert_non_null(copy);
	if (bytes.len)
		memcpy(copy + 1, bytes.at, bytes.len);
	assert_int_equal(exact_ranges_decode((struct span){copy + 1, bytes.len}, &r, &err), code);
	free(copy);
	vec_free(&bytes);
}

static void bad_notes(void **state)
{
	(void)state;
	octets bytes = note();
	for (size_t i = 0; i < bytes.len; i++) {
		octets some = {0};
		put_bytes(&some, bytes.at, i);
		assert_bad(some, GOSPY_E_BAD_DATA);
	}
	bytes.at[0]++;
	assert_bad(bytes, GOSPY_E_UNSUPPORTED);
	assert_bad(header(UINT64_MAX, 0, 0), GOSPY_E_BAD_DATA);
	assert_bad(header(0, UINT64_MAX / 64 + 1, 0), GOSPY_E_BAD_DATA);
	assert_bad(header(0, 0, UINT64_MAX / 8 + 1), GOSPY_E_BAD_DATA);
	const struct {
		uint64_t addr, pages;
	} runs[] = {{1, 1},
		    {0, 0},
		    {0, UINT64_MAX},
		    {0, 2},
		    {UINT64_MAX - PAGE + 1, 1},
		    {0x1000, UINT64_C(1) << 52},
		    {0, (UINT64_C(1) << 58) + 1}};
	for (size_t i = 0; i < sizeof(runs) / sizeof(*runs); i++) {
		octets one = header(1, 1, 0);
		uint8_t page[EXACT_PAGE] = {0};
		put_run(&one, runs[i].addr, runs[i].pages);
		put_bytes(&one, page, sizeof(page));
		assert_bad(one, GOSPY_E_BAD_DATA);
	}
	// Runs that meet, or go back; parts that do.
	for (uint64_t i = 0; i < 2; i++) {
		octets two = header(2, 3, 0);
		uint8_t pages[3 * EXACT_PAGE] = {0};
		put_run(&two, 0x10000, 2);
		put_run(&two, 0x11000 - i * 0x2000, 1);
		put_bytes(&two, pages, sizeof(pages));
		assert_bad(two, GOSPY_E_BAD_DATA);
		octets three = header(0, 0, 2);
		put_part(&three, 0x10000, 1);
		put_part(&three, 0x10000 - i * 8, 2);
		assert_bad(three, GOSPY_E_BAD_DATA);
	}
	struct exact_ranges r;
	octets none = header(0, 0, 0);
	assert_int_equal(exact_ranges_decode((struct span){none.at, none.len}, &r, &err), GOSPY_OK);
	assert_int_equal(exact_ranges_known(&r, 0, 1), 0);
	exact_ranges_deinit(&r);
	vec_free(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lookup), cmocka_unit_test(bad_notes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
