/* Structs of callers that are older or newer than the library. */
#include "base/sized.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gospy.h"

/* An option struct through three releases. */
struct first {
	size_t size;
	uint64_t a;
};

struct second {
	size_t size;
	uint64_t a;
	const char *b;
};

struct third {
	size_t size;
	uint64_t a;
	const char *b;
	uint32_t c, d;
};

static enum gospy_code read_second(const void *given, struct second *own, struct gospy_error *err)
{
	memset(own, 0xff, sizeof(*own));
	return SIZED_READ(own, given, err);
}

static void no_options_are_all_defaults(void **state)
{
	(void)state;
	struct second own;
	assert_int_equal(read_second(NULL, &own, NULL), GOSPY_OK);
	assert_int_equal(own.size, sizeof(own));
	assert_int_equal(own.a, 0);
	assert_null(own.b);
}

static void what_an_older_caller_does_not_know_is_zero(void **state)
{
	(void)state;
	struct second own;
	const struct first given = {.size = sizeof(given), .a = 7};
	const size_t size_alone = sizeof(size_alone);
	assert_int_equal(read_second(&given, &own, NULL), GOSPY_OK);
	assert_int_equal(own.size, sizeof(own));
	assert_int_equal(own.a, 7);
	assert_null(own.b);
	assert_int_equal(read_second(&size_alone, &own, NULL), GOSPY_OK);
	assert_int_equal(own.a, 0);
}

static void a_newer_caller_may_not_set_what_is_not_known(void **state)
{
	(void)state;
	struct second own;
	struct gospy_error err;
	struct third given = {.size = sizeof(given), .a = 7, .b = "b"};
	assert_int_equal(read_second(&given, &own, NULL), GOSPY_OK);
	assert_int_equal(own.size, sizeof(own));
	assert_int_equal(own.a, 7);
	assert_string_equal(own.b, "b");
	given.d = 1;
	assert_int_equal(read_second(&given, &own, &err), GOSPY_E_USAGE);
	assert_int_equal(err.code, GOSPY_E_USAGE);
	assert_non_null(strstr(err.msg, "read_second: an option is set"));
}

static void other_sizes_are_none(void **state)
{
	(void)state;
	static const size_t sizes[] = {0,    1,       4,       7, 9, 15, sizeof(struct second) + 1,
				       4097, 1 << 20, SIZE_MAX};
	struct gospy_error err;
	struct second own, given = {0};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		given.size = sizes[i];
		assert_int_equal(read_second(&given, &own, &err), GOSPY_E_USAGE);
		assert_non_null(strstr(err.msg, "read_second: no options are"));
	}
}

static void results_end_where_the_caller_s_do(void **state)
{
	(void)state;
	const struct third own = {.size = 1, .a = 2, .b = "b", .c = 3, .d = 4};
	struct {
		struct third ret;
		uint64_t guard;
	} is;
	for (size_t size = 0; size <= sizeof(own); size++) {
		memset(&is, 0xa5, sizeof(is));
		sized_write(&is.ret, size, &own, sizeof(own));
		assert_memory_equal(&is, &own, size);
		for (size_t i = size; i < sizeof(is); i++)
			assert_int_equal(((const uint8_t *)&is)[i], 0xa5);
	}
	memset(&is, 0xa5, sizeof(is));
	sized_write(&is.ret, sizeof(is.ret), &own, offsetof(struct third, c));
	assert_int_equal(is.ret.a, 2);
	assert_int_equal(is.ret.c, 0);
	assert_int_equal(is.ret.d, 0);
	assert_int_equal(is.guard, 0xa5a5a5a5a5a5a5a5);
}

/* Every public function that takes options looks at their size, whatever else it is given. */
static void every_function_looks_at_the_size(void **state)
{
	(void)state;
	const size_t wrong = 4;
	void *target = &(char){0}; // is not touched
	struct gospy_target *opened;
	struct gospy_diagnosis *diagnosis;
	struct gospy_snapshot *snapshot;
	struct gospy_memstats memstats;
	struct gospy_stats stats;
	struct gospy_agent *agent;
	assert_int_equal(gospy_target_open_pid(1, (const void *)&wrong, &opened, NULL),
			 GOSPY_E_USAGE);
	assert_int_equal(gospy_diagnosis_create(1, (const void *)&wrong, &diagnosis, NULL),
			 GOSPY_E_USAGE);
	assert_int_equal(gospy_snapshot_take(target, (const void *)&wrong, &snapshot, NULL),
			 GOSPY_E_USAGE);
	assert_int_equal(gospy_collector_take(target, (const void *)&wrong, &snapshot, NULL),
			 GOSPY_E_USAGE);
	assert_int_equal(gospy_memstats_read(target, (const void *)&wrong, &memstats, NULL),
			 GOSPY_E_USAGE);
	assert_int_equal(gospy_stats_read(target, (const void *)&wrong, &stats, NULL),
			 GOSPY_E_USAGE);
	assert_int_equal(gospy_agent_open_pid(1, (const void *)&wrong, &agent, NULL),
			 GOSPY_E_USAGE);
	assert_int_equal(gospy_agent_open_addr("[::1]:1", (const void *)&wrong, &agent, NULL),
			 GOSPY_E_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_options_are_all_defaults),
		cmocka_unit_test(what_an_older_caller_does_not_know_is_zero),
		cmocka_unit_test(a_newer_caller_may_not_set_what_is_not_known),
		cmocka_unit_test(other_sizes_are_none),
		cmocka_unit_test(results_end_where_the_caller_s_do),
		cmocka_unit_test(every_function_looks_at_the_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
