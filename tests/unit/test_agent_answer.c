#include "machine/agent_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What becomes of an answer that comes in parts of `step` bytes. */
static enum gospy_code judge(enum gospy_agent_verb verb, const void *bytes, size_t len, size_t step)
{
	struct agent_answer answer;
	struct gospy_error err;
	enum gospy_code code = GOSPY_OK;
	agent_answer_begin(&answer, verb);
	for (size_t at = 0; !code && at < len; at += step) {
		size_t left = len - at;
		code = agent_answer_part(&answer, (const char *)bytes + at,
					 left < step ? left : step, &err);
	}
	if (!code)
		code = agent_answer_end(&answer, &err);
	agent_answer_deinit(&answer);
	return code;
}

static void check_text(enum gospy_agent_verb verb, const char *text, enum gospy_code code)
{
	for (size_t step = 1; step <= 64; step *= 2)
		assert_int_equal(judge(verb, text, strlen(text), step), code);
}

static void texts_are_judged(void **state)
{
	(void)state;
	check_text(GOSPY_AGENT_GC, "ok", GOSPY_OK);
	check_text(GOSPY_AGENT_GC, "o", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_GC, "okay", GOSPY_E_LIMIT);
	check_text(GOSPY_AGENT_GC, "no", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_VERSION, "go1.27\n", GOSPY_OK);
	check_text(GOSPY_AGENT_VERSION, "go1.27", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_VERSION, "", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_VERSION, "devel +3c47ead Wed Apr 15 2020\n", GOSPY_OK);
	check_text(GOSPY_AGENT_VERSION, "dev\n", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_VERSION, "HTTP/1.1 400 Bad Request\r\n", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_VERSION, "SSH-2.0-OpenSSH_9.2\r\n", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_STACK, "goroutine 1 [running]:\n", GOSPY_OK);
	check_text(GOSPY_AGENT_STACK, "HTTP/1.1 400 Bad Request\n", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_STACK, "gorou", GOSPY_E_BAD_DATA);
	check_text(GOSPY_AGENT_SET_GC_PERCENT,
		   "New GC percent set to 50. Previous value was 100.\n", GOSPY_OK);
	check_text(GOSPY_AGENT_TRACE, "go 1.26 trace", GOSPY_OK);
	check_text(GOSPY_AGENT_TRACE, "go 1.26 nothing", GOSPY_E_BAD_DATA);
	check_text((enum gospy_agent_verb)0x77, "x", GOSPY_E_LIMIT);
}

/* As many stacks as there can be, and one byte more. */
static void sizes_are_limited(void **state)
{
	(void)state;
	static char part[1 << 20];
	struct agent_answer answer;
	struct gospy_error err;
	enum gospy_code code = GOSPY_OK;
	memset(part, '\n', sizeof(part));
	memcpy(part, "goroutine ", 10);
	agent_answer_begin(&answer, GOSPY_AGENT_STACK);
	for (int i = 0; i < 65; i++)
		assert_int_equal(agent_answer_part(&answer, part, sizeof(part), &err), GOSPY_OK);
	assert_int_equal(agent_answer_end(&answer, &err), GOSPY_OK);
	code = agent_answer_part(&answer, part, 1, &err);
	assert_int_equal(code, GOSPY_E_LIMIT);
	agent_answer_deinit(&answer);
}

static void profiles_are_unpacked(void **state)
{
	(void)state;
	uint8_t text[3000], packed[4000];
	z_stream z = {.next_in = text,
		      .avail_in = sizeof(text),
		      .next_out = packed,
		      .avail_out = sizeof(packed)};
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * i >> 3);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	size_t len = z.total_out;
	deflateEnd(&z);
	for (size_t step = 1; step < 5000; step *= 3)
		assert_int_equal(judge(GOSPY_AGENT_HEAP_PROFILE, packed, len, step), GOSPY_OK);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(judge(GOSPY_AGENT_CPU_PROFILE, packed, cut, 100),
				 GOSPY_E_BAD_DATA);
	packed[len] = 0;
	assert_int_equal(judge(GOSPY_AGENT_HEAP_PROFILE, packed, len + 1, 100), GOSPY_E_BAD_DATA);
	assert_int_equal(judge(GOSPY_AGENT_HEAP_PROFILE, packed, len + 1, len), GOSPY_E_BAD_DATA);
	packed[len / 2] ^= 1;
	assert_int_equal(judge(GOSPY_AGENT_HEAP_PROFILE, packed, len, 100), GOSPY_E_BAD_DATA);
}

static void work_takes_time(void **state)
{
	(void)state;
	assert_int_equal(agent_answer_work_ns(GOSPY_AGENT_STACK), 0);
	assert_int_equal(agent_answer_work_ns(GOSPY_AGENT_TRACE), UINT64_C(5000000000));
	assert_int_equal(agent_answer_work_ns(GOSPY_AGENT_CPU_PROFILE), UINT64_C(30000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_judged),
		cmocka_unit_test(sizes_are_limited),
		cmocka_unit_test(profiles_are_unpacked),
		cmocka_unit_test(work_takes_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
