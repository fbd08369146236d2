/* A goroutine in a line of a terminal of 40 to 200 columns. */
#include "render/goroutine_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "output.h"

static const struct gospy_location lock = {
	.func = "example.com/shop/store.lock", .file = "/src/shop/store/lock.go", .line = 25};
static const struct gospy_location locked = {
	.func = "example.com/shop/store.lock", .file = "/src/shop/store/lock.go", .line = 30};
static const struct gospy_location serve = {
	.func = "net/http.(*conn).serve", .file = "/go/src/net/http/server.go", .line = 1887};
static const struct gospy_location keepalive = {
	.func = "google.golang.org/grpc/internal/transport.(*http2Server).keepalive",
	.file = "/src/grpc/internal/transport/http2_server.go",
	.line = 1179,
};

/* The line on a terminal that is so wide; to be freed. */
static char *line_of(const struct gospy_goroutine *g, const struct gospy_location *place,
		     const struct gospy_location *user, int cols)
{
	struct out *out = output_open();
	out->cols = cols;
	goroutine_line(out, &(struct goroutine_line){.g = g, .place = place, .user = user});
	return output_close(out);
}

static void expect(const struct gospy_goroutine *g, const struct gospy_location *place,
		   const struct gospy_location *user, int cols, const char *expected)
{
	char *text = line_of(g, place, user, cols);
	assert_string_equal(text, expected);
	free(text);
}

static const struct gospy_goroutine wants_mutex = {
	.goid = 19,
	.status = GOSPY_STATUS_WAITING,
	.wait_reason = "sync.Mutex.Lock",
	.wait_ns = GOSPY_UNKNOWN,
	.wait_kind = GOSPY_WAIT_MUTEX,
	.wait_addr = 0xc000012348,
};

static const struct gospy_goroutine receives = {
	.goid = 7,
	.status = GOSPY_STATUS_WAITING,
	.wait_reason = "chan receive",
	.wait_ns = UINT64_C(725000000000),
	.wait_kind = GOSPY_WAIT_CHANNEL,
	.wait_addr = 0xc00001e0c0,
	.channel_known = true,
	.channel = {.addr = 0xc00001e0c0, .cap = 16},
};

static const struct gospy_goroutine selects_none = {
	.goid = 8,
	.status = GOSPY_STATUS_WAITING,
	.wait_reason = "select (no cases)",
	.wait_ns = GOSPY_UNKNOWN,
	.wait_kind = GOSPY_WAIT_SELECT,
};

static void test_a_thing_is_said_once(void **state)
{
	(void)state;
	expect(&wants_mutex, &lock, NULL, 200,
	       "19 - waiting for sync.Mutex.Lock on 0xc000012348: example.com/shop/store.lock "
	       "(/src/shop/store/lock.go:25)");
	// Before Go 1.20 the reason does not say for what it is.
	struct gospy_goroutine old = wants_mutex;
	old.wait_reason = "semacquire";
	expect(&old, &lock, NULL, 80,
	       "19 - waiting for semacquire on sync.Mutex 0xc000012348: store.lock (lock.go:25)");
}

static void test_no_user_frame(void **state)
{
	(void)state;
	expect(&wants_mutex, &serve, NULL, 80,
	       "19 - waiting for sync.Mutex.Lock on 0xc000012348: http.(*conn).serve:1887");
	expect(&wants_mutex, NULL, NULL, 80, "19 - waiting for sync.Mutex.Lock on 0xc000012348: -");
}

static void test_in_one_function(void **state)
{
	(void)state;
	expect(&wants_mutex, &lock, &locked, 80,
	       "19 - waiting for sync.Mutex.Lock on 0xc000012348: store.lock (lock.go:25) at :30");
	expect(&wants_mutex, &lock, &locked, 48, "19 - Mutex.Lock on 0xc000012348: lock:25 at :30");
	expect(&wants_mutex, &lock, &locked, 40,
	       "19 - Mutex.Lock on 0xc000012348: lock:25\n"
	       "    at :30");
	expect(&wants_mutex, &lock, &locked, 38,
	       "19 - sync.Mutex.Lock on 0xc000012348:\n"
	       "    store.lock (lock.go:25) at :30");
}

static void test_what_goes_first(void **state)
{
	(void)state;
	expect(&receives, &serve, &lock, 109,
	       "7 - waiting for chan receive from 0xc00001e0c0, cap 16 len 0, 12m5s: "
	       "http.(*conn).serve:1887 at store.lock:25");
	expect(&receives, &serve, &lock, 98,
	       "7 - chan receive from 0xc00001e0c0, cap 16 len 0, 12m5s: "
	       "http.(*conn).serve:1887 at store.lock:25");
	expect(&receives, &serve, &lock, 80,
	       "7 - chan receive from 0xc00001e0c0, 12m5s: http.(*conn).serve:1887 at lock:25");
	expect(&receives, &serve, &lock, 70,
	       "7 - chan recv from 0xc00001e0c0, 12m5s: (*conn).serve:1887 at lock:25");
	// The line of the function that it began in says least of all.
	expect(&receives, &serve, &lock, 64,
	       "7 - chan recv from 0xc00001e0c0, 12m5s: (*conn).serve at lock:25");
}

/* Who is at the other end stays longer than all else about a connection. */
static void test_connection(void **state)
{
	(void)state;
	const struct gospy_descriptor tcp = {
		.type = "tcp", .local = "10.0.0.1:80", .remote = "10.0.0.2:4711"};
	const struct gospy_goroutine reads = {
		.goid = 12,
		.status = GOSPY_STATUS_WAITING,
		.wait_reason = "IO wait",
		.wait_ns = GOSPY_UNKNOWN,
		.wait_kind = GOSPY_WAIT_FD,
		.wait_fd = 8,
		.descriptor = &tcp,
	};
	expect(&reads, &serve, NULL, 100,
	       "12 - waiting for IO wait on fd 8 tcp 10.0.0.1:80 with 10.0.0.2:4711: "
	       "http.(*conn).serve:1887");
	expect(&reads, &serve, NULL, 78,
	       "12 - IO wait on fd 8 with 10.0.0.2:4711: http.(*conn).serve (server.go:1887)");
	expect(&reads, &serve, NULL, 50, "12 - IO wait on fd 8: http.(*conn).serve:1887");
}

/* Rather than to lose types, methods, the line where it waits, or what it waits for. */
static void test_second_line(void **state)
{
	(void)state;
	expect(&receives, &serve, &lock, 61,
	       "7 - chan receive from 0xc00001e0c0, 12m5s: (*conn).serve:1887\n"
	       "    at example.com/shop/store.lock (lock.go:25)");
	expect(&receives, &serve, &lock, 50,
	       "7 - chan receive from 0xc00001e0c0, 12m5s:\n"
	       "    http.(*conn).serve:1887 at store.lock:25");
	expect(&receives, &serve, &keepalive, 44,
	       "7 - chan receive from 0xc00001e0c0, 12m5s:\n"
	       "    net/http.(*conn).serve (server.go:1887)\n"
	       "    at (*http2Server).keepalive:1179");
	expect(&selects_none, &serve, &keepalive, 34,
	       "8 - select{}: (*conn).serve:1887\n"
	       "  at (*http2Server).keepalive:1179");
	expect(&receives, &serve, &lock, 34,
	       "7 - chan recv from 0xc00001e0c0,\n"
	       "    12m5s:\n"
	       "    (*conn).serve:1887 at lock:25");
	expect(&receives, &keepalive, NULL, 40,
	       "7 - chan recv from 0xc00001e0c0, 12m5s:\n"
	       "    (*http2Server).keepalive:1179");
}

/* Of how many channels it selects says less. */
static void test_select(void **state)
{
	(void)state;
	const struct gospy_select_case cases[3] = {{.channel.addr = 0xc000000001}};
	const struct gospy_goroutine selects = {
		.goid = 20,
		.status = GOSPY_STATUS_WAITING,
		.wait_reason = "select",
		.wait_ns = GOSPY_UNKNOWN,
		.wait_kind = GOSPY_WAIT_SELECT,
		.select_cases = cases,
		.select_case_count = 3,
	};
	expect(&selects, &serve, &keepalive, 80,
	       "20 - select of 3 channels: (*conn).serve:1887 at (*http2Server).keepalive:1179");
	expect(&selects, &serve, &keepalive, 66,
	       "20 - select: (*conn).serve:1887 at (*http2Server).keepalive:1179");
	expect(&selects, &serve, &keepalive, 60,
	       "20 - select: (*conn).serve at (*http2Server).keepalive:1179");
}

/* No width takes types and methods, or what is waited for, and no line is longer than the terminal.
 */
static void test_every_width(void **state)
{
	(void)state;
	const struct gospy_goroutine *all[] = {&wants_mutex, &receives};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (int cols = 40; cols <= 200; cols++) {
			char *text = line_of(all[i], &serve, &keepalive, cols);
			assert_non_null(strstr(text, "(*conn).serve"));
			assert_non_null(strstr(text, "(*http2Server).keepalive"));
			assert_non_null(strstr(text, ":1179"));
			assert_non_null(strstr(text, i ? "0xc00001e0c0" : "0xc000012348"));
			char *rest = text;
			for (const char *line; (line = strsep(&rest, "\n"));)
				assert_true(strlen(line) <= (size_t)cols);
			free(text);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thing_is_said_once),
		cmocka_unit_test(test_no_user_frame),
		cmocka_unit_test(test_in_one_function),
		cmocka_unit_test(test_what_goes_first),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_second_line),
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_every_width),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
