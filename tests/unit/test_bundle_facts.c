#include "core/bundle_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct span span_of(const char *text)
{
	return (struct span){(const uint8_t *)text, strlen(text)};
}

/* What is written comes back. */
static void test_round_trip(void **state)
{
	(void)state;
	struct strbuf text = {0};
	struct bundle_facts facts = {
		.gospy = "0.1.0",
		.pid = 4711,
		.comm = "shop\n2",
		.exe = "/srv/shop floor/shop",
		.start_ns = 5,
		.real_ns = 6,
		.boot_ns = GOSPY_UNKNOWN,
		.mono_ns = 8,
		.private_bytes = 9,
		.fault_addr = GOSPY_UNKNOWN,
		.taken = {.instant = true,
			  .paused_ns = 77,
			  .stopped_threads = 2,
			  .figures_steady = true},
		.redacted = "pointers",
	};
	const struct bundle_thread thread = {
		.task = {.tid = 4712, .nstid = 8, .state = 'S', .comm = "a b"},
		.state = MOMENT_STILL,
		.place = {.syscall = -1, .arg0 = 1, .arg3 = 4, .sp = 0x7000, .pc = 0x40},
	};
	const struct mapping map = {.start = 0x400000,
				    .end = 0x401000,
				    .read = true,
				    .exec = true,
				    .inode = 3,
				    .path = "/srv/shop floor/shop"};
	const struct source_descriptor descriptor = {.poll = 0xc000,
						     .is = {.fd = 7,
							    .type = "unix",
							    .local = "@a b\nexe /lie",
							    .state = "LISTEN",
							    .receive_queue = 5,
							    .send_queue = 1 << 20,
							    .peer_pid = 12,
							    .peer_comm = "%"}};
	const struct source_function functions[] = {{0x20, 0x18, "late one"}, {0x10, 8, "first"}};
	facts.taken.sockets = true;
	assert_true(vec_push(&facts.threads, thread) && vec_push(&facts.maps.maps, map));
	assert_true(vec_push(&facts.descriptors, descriptor));
	assert_true(vec_push(&facts.functions, functions[0]) &&
		    vec_push(&facts.functions, functions[1]));
	bundle_facts_write(&facts, &text);
	struct bundle_facts back;
	assert_int_equal(bundle_facts_read(span_of(text.s), &back, NULL), GOSPY_OK);
	assert_int_equal(back.pid, 4711);
	assert_string_equal(back.comm, "shop\n2");
	assert_string_equal(back.exe, "/srv/shop floor/shop");
	assert_true(back.start_ns == 5 && back.real_ns == 6 && back.mono_ns == 8);
	assert_true(back.boot_ns == GOSPY_UNKNOWN && back.fault_addr == GOSPY_UNKNOWN);
	assert_true(back.taken.known && back.taken.instant && back.taken.redacted);
	assert_true(back.taken.paused_ns == 77 && back.taken.stopped_threads == 2);
	assert_true(back.taken.figures_steady);
	assert_int_equal(back.threads.len, 1);
	assert_memory_equal(&back.threads.at[0].place, &thread.place, sizeof(thread.place));
	assert_int_equal(back.threads.at[0].state, MOMENT_STILL);
	assert_string_equal(back.threads.at[0].task.comm, "a b");
	assert_int_equal(back.maps.maps.len, 1);
	assert_true(back.maps.maps.at[0].exec && !back.maps.maps.at[0].write);
	assert_string_equal(back.maps.maps.at[0].path, "/srv/shop floor/shop");
	assert_true(back.taken.sockets && !back.taken.native);
	assert_int_equal(back.taken.descriptor_count, 1);
	assert_int_equal(back.taken.descriptors[0].poll, 0xc000);
	const struct gospy_descriptor *is = &back.taken.descriptors[0].is;
	assert_true(is->fd == 7 && is->peer_pid == 12 && !is->remote);
	assert_string_equal(is->type, "unix");
	assert_string_equal(is->local, "@a b\nexe /lie");
	assert_string_equal(is->state, "LISTEN");
	assert_string_equal(is->peer_comm, "%");
	assert_true(is->receive_queue == 5 && is->send_queue == 1 << 20);
	assert_string_equal(source_function_at(&back.taken, 0x10)->name, "first");
	assert_int_equal(source_function_at(&back.taken, 0x20)->entry, 0x18);
	assert_null(source_function_at(&back.taken, 0x11));
	assert_null(source_function_at(&back.taken, 0x21));
	bundle_facts_deinit(&back);
	bundle_facts_deinit(&facts);
	strbuf_deinit(&text);
}

/* Lines that make no sense are passed over, each by itself. */
static void test_lies(void **state)
{
	(void)state;
	static const char text[] = "gospy-bundle 1 7\n"
				   "pid 99999999999999999999\n"
				   "thread 0 0 83 0 3 0 0 0 0 0 0 0 0 none\n"
				   "thread 1 1 83 0 99 0 0 0 0 0 0 0 0 odd\n"
				   "thread 1 1 83\n"
				   "thread 5 5 83 0 3 1 0 0 0 0 0 0 0 good\n"
				   "map 0x2000 0x1000 4 0 0 0 backwards\n"
				   "map 0x1000 0x2000 4 0 0 0 a\n"
				   "map 0x1800 0x2800 4 0 0 0 overlaps\n"
				   "map 0x2000 0x3000 4 0 0 0\n"
				   "descriptor_local nobody's\n"
				   "descriptor 4294967296 0x1 0\n"
				   "descriptor 5 0x1\n"
				   "descriptor 5 0x1 0\n"
				   "c_function 0x1 0x1\n"
				   "c_function x 0x1 f\n"
				   "signal 4000000000\n"
				   "what-is-this 1\n";
	struct bundle_facts facts;
	assert_int_equal(bundle_facts_read(span_of(text), &facts, NULL), GOSPY_OK);
	assert_int_equal(facts.pid, 0);
	assert_int_equal(facts.threads.len, 1);
	assert_string_equal(facts.threads.at[0].task.comm, "good");
	assert_int_equal(facts.maps.maps.len, 2);
	assert_string_equal(facts.maps.maps.at[1].path, "");
	assert_int_equal(facts.signal, 0);
	assert_int_equal(facts.taken.descriptor_count, 1);
	assert_string_equal(facts.taken.descriptors[0].is.type, "?");
	assert_null(facts.taken.descriptors[0].is.local);
	assert_true(facts.taken.descriptors[0].is.receive_queue == GOSPY_UNKNOWN);
	assert_int_equal(facts.taken.function_count, 0);
	bundle_facts_deinit(&facts);
}

static void test_versions(void **state)
{
	(void)state;
	struct bundle_facts facts;
	struct gospy_error err;
	assert_int_equal(bundle_facts_read(span_of("pid 1\n"), &facts, &err), GOSPY_E_BAD_DATA);
	assert_int_equal(bundle_facts_read(span_of("gospy-bundle 2 0\ngospy 9.0\n"), &facts, &err),
			 GOSPY_E_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "9.0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
