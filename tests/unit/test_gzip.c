/* What is compressed comes out again. */
#include "render/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "profile/gunzip.h"

static void round_trip(const char *bytes, size_t len)
{
	struct strbuf packed = {0};
	struct gospy_error err;
	uint8_t *plain;
	size_t size;
	assert_true(gzip_append(bytes, len, &packed));
	assert_int_equal(gunzip((struct span){(const uint8_t *)packed.s, packed.len}, len, &plain,
				&size, &err),
			 GOSPY_OK);
	assert_int_equal(size, len);
	assert_memory_equal(plain, bytes, len);
	free(plain);
	strbuf_deinit(&packed);
}

static void test_round_trip(void **state)
{
	enum { SIZE = 3 << 20 };
	(void)state;
	char *bytes = malloc(SIZE);
	assert_non_null(bytes);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = "github.com/"[i % 11];
	round_trip(bytes, 1);
	round_trip(bytes, SIZE);
	uint64_t random = 1;
	for (size_t i = 0; i < SIZE; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		bytes[i] = (char)(random >> 56);
	}
	round_trip(bytes, SIZE); // what cannot be compressed
	round_trip(bytes, 65537);
	free(bytes);
}

/* An empty profile is no bytes. */
static void test_nothing(void **state)
{
	(void)state;
	struct strbuf packed = {0};
	assert_true(gzip_append("", 0, &packed));
	assert_true(packed.len >= 18);
	assert_int_equal((uint8_t)packed.s[0], 0x1f);
	strbuf_deinit(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
