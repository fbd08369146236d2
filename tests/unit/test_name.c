/* Names in all widths: written ones, and all functions of the fixtures, of the Go command and its
 * compiler, and of the programs in GOSPY_NAMES_OF, whose paths a colon separates. */
#include "render/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "base/cleanup.h"
#include "go_names.h"
#include "render/state.h"

enum { WIDTH_MAX = 200 };

static struct strbuf fitted;

static const char *fit(const struct name *name, int width, bool utf8)
{
	strbuf_clear(&fitted);
	name_fit(name, width, utf8, &fitted);
	assert_false(fitted.failed);
	return fitted.s ? fitted.s : "";
}

/* Of the bytes that a terminal gets, by the C library; -1: they are no text, or move the cursor. A
 * terminal without UTF-8 gets a question mark for each character that is not ASCII. */
static int columns(const char *s, bool utf8)
{
	static wchar_t wide[1 << 16];
	mbstate_t state = {0};
	size_t n = mbsrtowcs(wide, &s, sizeof(wide) / sizeof(*wide), &state);
	if (n == (size_t)-1 || s)
		return -1;
	for (size_t i = 0; i < n && !utf8; i++)
		wide[i] = wide[i] < 0x80 ? wide[i] : L'?';
	return wcswidth(wide, n);
}

static struct name place(const char *func)
{
	return (struct name){
		.kind = NAME_PLACE,
		.text = func,
		.file = "/src/grpc/transport/http2_server.go",
		.line = 1179,
	};
}

static struct name other(enum name_kind kind, const char *text)
{
	return (struct name){.kind = kind, .text = text};
}

/* ---- what goes first */

/* The forms come one after another as there is less room, each for as long as it fits. */
static void expect_forms(const struct name *name, const char *const *forms, size_t n)
{
	for (int width = WIDTH_MAX, i = 0; i < (int)n; width--) {
		while (i < (int)n && columns(forms[i], true) > width)
			i++;
		if (i < (int)n)
			assert_string_equal(fit(name, width, true), forms[i]);
	}
}

#define EXPECT_FORMS(what, ...)                                                                    \
	do {                                                                                       \
		const char *const forms_[] = {__VA_ARGS__};                                        \
		struct name name_ = what;                                                          \
		expect_forms(&name_, forms_, sizeof(forms_) / sizeof(*forms_));                    \
	} while (0)

static void test_method(void **state)
{
	(void)state;
	EXPECT_FORMS(place("google.golang.org/grpc/internal/transport.(*http2Server).keepalive"),
		     "google.golang.org/grpc/internal/transport.(*http2Server).keepalive "
		     "/src/grpc/transport/http2_server.go:1179",
		     "google.golang.org/grpc/internal/transport.(*http2Server).keepalive "
		     "http2_server.go:1179",
		     "transport.(*http2Server).keepalive http2_server.go:1179",
		     "transport.(*http2Server).keepalive:1179", "(*http2Server).keepalive:1179",
		     "(*http2Server).keepalive", "….keepalive:1179", "….keepalive", "keepalive",
		     "keep…ive");
}

static void test_function(void **state)
{
	(void)state;
	EXPECT_FORMS(place("main.main"), "main.main /src/grpc/transport/http2_server.go:1179",
		     "main.main http2_server.go:1179", "main.main:1179", "main:1179", "main", "m…n",
		     "m…", "…");
	EXPECT_FORMS(place("gopkg.in/yaml%2ev3.unmarshal"),
		     "gopkg.in/yaml%2ev3.unmarshal /src/grpc/transport/http2_server.go:1179",
		     "gopkg.in/yaml%2ev3.unmarshal http2_server.go:1179",
		     "yaml%2ev3.unmarshal http2_server.go:1179", "yaml%2ev3.unmarshal:1179",
		     "unmarshal:1179", "unmarshal", "unma…hal");
	EXPECT_FORMS(place("crosscall2"), "crosscall2 /src/grpc/transport/http2_server.go:1179",
		     "crosscall2 http2_server.go:1179", "crosscall2:1179", "crosscall2",
		     "cros…all2");
}

static void test_closures(void **state)
{
	(void)state;
	EXPECT_FORMS(place("net/http.(*Server).Serve.func1.2.gowrap3"),
		     "net/http.(*Server).Serve.func1.2.gowrap3 "
		     "/src/grpc/transport/http2_server.go:1179",
		     "net/http.(*Server).Serve.func1.2.gowrap3 http2_server.go:1179",
		     "http.(*Server).Serve.func1.2.gowrap3 http2_server.go:1179",
		     "http.(*Server).Serve.func1.2.gowrap3:1179",
		     "(*Server).Serve.func1.2.gowrap3:1179", "(*Server).Serve…:1179",
		     "(*Server).Serve…", "….Serve…:1179", "….Serve…", "Serve", "Se…e");
	EXPECT_FORMS(place("a/b.init.0.func2"),
		     "a/b.init.0.func2 /src/grpc/transport/http2_server.go:1179",
		     "a/b.init.0.func2 http2_server.go:1179", "b.init.0.func2 http2_server.go:1179",
		     "b.init.0.func2:1179", "init.0.func2:1179", "init.0…:1179", "init.0.func2",
		     "init.0…", "init.0");
	EXPECT_FORMS(place("main.glob..func1"),
		     "main.glob..func1 /src/grpc/transport/http2_server.go:1179",
		     "main.glob..func1 http2_server.go:1179", "main.glob..func1:1179",
		     "glob..func1:1179", "glob..func1");
	EXPECT_FORMS(place("a/b.T.M-fm"), "a/b.T.M-fm /src/grpc/transport/http2_server.go:1179",
		     "a/b.T.M-fm http2_server.go:1179", "b.T.M-fm http2_server.go:1179",
		     "b.T.M-fm:1179", "T.M-fm:1179", "T.M…:1179", "T.M-fm", "T.M…");
	// One that was inlined together with the method that it is in.
	EXPECT_FORMS(place("a/b.(*T).M.(*U).N.func1"),
		     "a/b.(*T).M.(*U).N.func1 /src/grpc/transport/http2_server.go:1179",
		     "a/b.(*T).M.(*U).N.func1 http2_server.go:1179",
		     "b.(*T).M.(*U).N.func1 http2_server.go:1179", "b.(*T).M.(*U).N.func1:1179",
		     "(*T).M.(*U).N.func1:1179", "(*T).M…:1179", "(*T).M…");
}

static void test_type_parameters(void **state)
{
	(void)state;
	EXPECT_FORMS(place("a/b.(*Store[go.shape.struct { github.com/x/y.Name string }]).Get"),
		     "a/b.(*Store[go.shape.struct { github.com/x/y.Name string }]).Get "
		     "/src/grpc/transport/http2_server.go:1179",
		     "a/b.(*Store[go.shape.struct { github.com/x/y.Name string }]).Get "
		     "http2_server.go:1179",
		     "b.(*Store[go.shape.struct { github.com/x/y.Name string }]).Get "
		     "http2_server.go:1179",
		     "b.(*Store[go.shape.struct { github.com/x/y.Name string }]).Get:1179",
		     "b.(*Store[…]).Get:1179", "(*Store[…]).Get:1179", "(*Store[…]).Get",
		     "(*Store…).Get", "….Get:1179", "….Get", "Get");
	EXPECT_FORMS(place("slices.SortFunc[...].func1"),
		     "slices.SortFunc[...].func1 /src/grpc/transport/http2_server.go:1179",
		     "slices.SortFunc[...].func1 http2_server.go:1179",
		     "slices.SortFunc[...].func1:1179", "slices.SortFunc[…].func1:1179",
		     "SortFunc[…].func1:1179", "SortFunc[…]…:1179", "SortFunc[…]…");
	EXPECT_FORMS(place("go:struct { sync.Mutex; a/b.c map[string]int }.Lock"),
		     "go:struct { sync.Mutex; a/b.c map[string]int }.Lock "
		     "/src/grpc/transport/http2_server.go:1179",
		     "go:struct { sync.Mutex; a/b.c map[string]int }.Lock http2_server.go:1179",
		     "go:struct { sync.Mutex; a/b.c map[string]int }.Lock:1179",
		     "go:struct {…}.Lock:1179", "go:struct {…}.Lock", "go:struct ….Lock",
		     "….Lock:1179", "….Lock", "Lock");
	EXPECT_FORMS(place("type:.eq.a/b.T"),
		     "type:.eq.a/b.T /src/grpc/transport/http2_server.go:1179",
		     "type:.eq.a/b.T http2_server.go:1179", "type:.eq.b.T http2_server.go:1179",
		     "type:.eq.b.T:1179", "type:.eq.T:1179", "type:.eq.T", "….T:1179", "….T", "T");
}

static void test_method_of_another_package(void **state)
{
	(void)state;
	EXPECT_FORMS(place("a/b.(*Options).github.com/x/proto.read"),
		     "a/b.(*Options).github.com/x/proto.read "
		     "/src/grpc/transport/http2_server.go:1179",
		     "a/b.(*Options).github.com/x/proto.read http2_server.go:1179",
		     "b.(*Options).read http2_server.go:1179", "b.(*Options).read:1179",
		     "(*Options).read:1179", "(*Options).read");
}

static void test_parts_that_are_unknown(void **state)
{
	(void)state;
	const struct name none = name_place(NULL);
	assert_string_equal(fit(&none, 9, true), "-");
	EXPECT_FORMS(((struct name){.kind = NAME_PLACE, .pc = 0x47f2a0}), "0x47f2a0", "0x4…2a0");
	EXPECT_FORMS(((struct name){.kind = NAME_PLACE, .text = "a/b.F"}), "a/b.F", "b.F", "F");
}

static void test_what_stands_around(void **state)
{
	(void)state;
	struct name name = place("a/b.Func");
	name.before = "waits for ";
	name.after = "!";
	EXPECT_FORMS(name, "waits for a/b.Func /src/grpc/transport/http2_server.go:1179!",
		     "waits for a/b.Func http2_server.go:1179!",
		     "waits for b.Func http2_server.go:1179!", "waits for b.Func:1179!",
		     "waits for Func:1179!", "waits for Func!", "Func!", "F…c!", "F…!", "…!", "…");
	name = place("a/b.Func.func1");
	name.after = "…";
	EXPECT_FORMS(name, "a/b.Func.func1 /src/grpc/transport/http2_server.go:1179…",
		     "a/b.Func.func1 http2_server.go:1179…", "b.Func.func1 http2_server.go:1179…",
		     "b.Func.func1:1179…", "Func.func1:1179…", "Func…:1179…", "Func.func1…",
		     "Func…", "F…c…");
	name = other(NAME_OBJECT, "mutex 0xc000012dd8");
	name.before = "waiting for ";
	EXPECT_FORMS(name, "waiting for mutex 0xc000012dd8", "waiting for mutex …c000012dd8",
		     "waiting for mutex …000012dd8", "waiting for mutex …00012dd8",
		     "waiting for mutex …0012dd8", "waiting for mutex …012dd8",
		     "waiting for mutex …12dd8", "waiting for mutex …2dd8",
		     "waiting for mutex …dd8", "mutex 0xc000012dd8", "mutex …c000012dd8");
	name = place("main.main");
	name.parens = true;
	EXPECT_FORMS(name, "main.main (/src/grpc/transport/http2_server.go:1179)",
		     "main.main (http2_server.go:1179)", "main.main:1179");
}

/* Where its line tells it from another, the type goes before the line. */
static void test_lines_that_stay(void **state)
{
	(void)state;
	struct name name = place("a/b.(*Type).Method.func1");
	name.lined = true;
	EXPECT_FORMS(name, "a/b.(*Type).Method.func1 /src/grpc/transport/http2_server.go:1179",
		     "a/b.(*Type).Method.func1 http2_server.go:1179",
		     "b.(*Type).Method.func1 http2_server.go:1179", "b.(*Type).Method.func1:1179",
		     "(*Type).Method.func1:1179", "(*Type).Method…:1179", "….Method…:1179",
		     "….Method…");
	name.text = "main.work";
	EXPECT_FORMS(name, "main.work /src/grpc/transport/http2_server.go:1179",
		     "main.work http2_server.go:1179", "main.work:1179", "work:1179", "work");
}

static void test_calls(void **state)
{
	(void)state;
	const struct name call = {
		.kind = NAME_PLACE,
		.before = "created by ",
		.text = "a/b.(*T).M",
		.args = "(0x1, {0x2})",
	};
	EXPECT_FORMS(call, "created by a/b.(*T).M(0x1, {0x2})", "created by a/b.(*T).M(0x1, {0x2…)",
		     "created by a/b.(*T).M(0x1, {0x…)", "created by a/b.(*T).M(0x1, {0…)",
		     "created by a/b.(*T).M(0x1, {…)", "created by a/b.(*T).M(0x1, …)",
		     "created by a/b.(*T).M(0x1,…)", "created by a/b.(*T).M(0x1…)",
		     "created by a/b.(*T).M(0x…)", "created by a/b.(*T).M(0…)",
		     "created by a/b.(*T).M(…)", "created by b.(*T).M(…)", "created by (*T).M(…)",
		     "(*T).M(…)");
}

static void test_copy(void **state)
{
	(void)state;
	CLEANUP(arena_deinit) struct arena arena = {0};
	char text[] = "a/b.F", before[] = "<", after[] = ">";
	struct name name = {.kind = NAME_PLACE, .text = text, .before = before, .after = after};
	struct name copy;
	assert_true(name_copy(&arena, &name, &copy));
	memset(text, 'x', sizeof(text) - 1);
	before[0] = after[0] = 'x';
	assert_string_equal(fit(&copy, 99, true), "<a/b.F>");
}

static void test_other_kinds(void **state)
{
	(void)state;
	EXPECT_FORMS(other(NAME_TEXT, "handler=/search"), "handler=/search", "handler=/sear…");
	EXPECT_FORMS(other(NAME_PATH, "    /src/grpc/transport/server.go:1"),
		     "    /src/grpc/transport/server.go:1", "    …/grpc/transport/server.go:1",
		     "    …/transport/server.go:1", "    …/server.go:1", "    …server.go:1");
	EXPECT_FORMS(other(NAME_OBJECT, "mutex 0xc000012dd8"), "mutex 0xc000012dd8",
		     "mutex …c000012dd8", "mutex …000012dd8", "mutex …00012dd8", "mutex …0012dd8",
		     "mutex …012dd8", "mutex …12dd8", "mutex …2dd8", "mutex …dd8", "…00012dd8");
	EXPECT_FORMS(other(NAME_OBJECT, "(no object known)"), "(no object known)",
		     "(no obje… known)");
}

/* No part of an address or a word stands for all of it, and what is told of a peer comes first. */
static void test_objects(void **state)
{
	(void)state;
	EXPECT_FORMS(other(NAME_OBJECT, "channel 0x12345, cap 1 len 0"),
		     "channel 0x12345, cap 1 len 0", "channel …12345, cap 1 len 0",
		     "channel …2345, cap 1 len 0", "channel …345, cap 1 len 0", "channel 0x12345",
		     "channel …12345", "channel …2345", "channel …345");
	EXPECT_FORMS(other(NAME_OBJECT, "select of 0xc000012345 (receive), 0xc000067890 (send), "
					"0x4de (receive)"),
		     "select of 0xc000012345 (receive), 0xc000067890 (send), 0x4de (receive)",
		     "select of 0xc000012345, 0xc000067890, 0x4de", "select of …345, …890, 0x4de",
		     "select of …345, …890 +1", "select of …345 +2");
	EXPECT_FORMS(other(NAME_OBJECT, "select of 0xc000012345, 0xc000067890, ..."),
		     "select of 0xc000012345, 0xc000067890, ...", "select of …345, …890, ...",
		     "select of …345, …890, …", "select of …345, …");
	EXPECT_FORMS(other(NAME_OBJECT, "fd 11 tcp 127.0.0.1:80 with 127.0.0.1:4711 CLOSE_WAIT "
					"of pid 815 my curl"),
		     "fd 11 tcp 127.0.0.1:80 with 127.0.0.1:4711 CLOSE_WAIT of pid 815 my curl",
		     "fd 11 tcp with 127.0.0.1:4711 CLOSE_WAIT of pid 815 my curl",
		     "fd 11 with 127.0.0.1:4711 CLOSE_WAIT of pid 815 my curl",
		     "fd 11 with 127.0.0.1:4711 CLOSE_WAIT of pid 815",
		     "fd 11 with :4711 CLOSE_WAIT of pid 815", "fd 11 with :4711 CLOSE_WAIT",
		     "fd 11 with :4711", "fd 11");
	EXPECT_FORMS(other(NAME_OBJECT, "fd 7 tcp [::1]:22380 LISTEN"),
		     "fd 7 tcp [::1]:22380 LISTEN", "fd 7 [::1]:22380 LISTEN", "fd 7 :22380 LISTEN",
		     "fd 7 :22380", "fd 7");
	EXPECT_FORMS(other(NAME_OBJECT, "fd 3 pipe"), "fd 3 pipe", "fd 3");
	assert_int_equal(name_size(&(struct name){.kind = NAME_OBJECT,
						  .text = "fd 7 tcp 1.2.3.4:80 with 1.2.3.5:4711"},
				   true)
				 .least,
			 strlen("fd 7 with :4711"));
}

static void test_types(void **state)
{
	(void)state;
	EXPECT_FORMS(other(NAME_TYPE, "map[uint64]*atomic.Pointer[example.com/store/wal.Segment]"),
		     "map[uint64]*atomic.Pointer[example.com/store/wal.Segment]",
		     "map[uint64]*atomic.Pointer[wal.Segment]", "map[uint64]*atomic.Pointer[…]",
		     "map[uint64]*Pointer[…]", "…Pointer[…]");
	EXPECT_FORMS(other(NAME_TYPE, "[]map.bucket[a/b.Ref][]*tsdb.memSeries"),
		     "[]map.bucket[a/b.Ref][]*tsdb.memSeries",
		     "[]map.bucket[b.Ref][]*tsdb.memSeries", "[]map.bucket[Ref][]*memSeries",
		     "…memSeries");
	EXPECT_FORMS(other(NAME_TYPE, "func(context.Context, ...[4]int) (x/y.T, error)"),
		     "func(context.Context, ...[4]int) (x/y.T, error)",
		     "func(context.Context, ...[4]int) (y.T, error)", "func(…) (y.T, error)",
		     "func(…) (T, error)");
	EXPECT_FORMS(other(NAME_TYPE, "*struct { F uintptr; X0 *net/http.Request }"),
		     "*struct { F uintptr; X0 *net/http.Request }",
		     "*struct { F uintptr; X0 *http.Request }", "*struct {…}", "…struct {…}");
	EXPECT_FORMS(other(NAME_TYPE, "[16]chan<- struct {}"), "[16]chan<- struct {}");
	EXPECT_FORMS(other(NAME_TYPE, "string (header)"), "string (header)");
	EXPECT_FORMS(other(NAME_TYPE, "uint8"), "uint8");
	EXPECT_FORMS(other(NAME_TYPE, "? 48 B with pointers"), "? 48 B with pointers",
		     "? 48 B pointers");
	EXPECT_FORMS(other(NAME_TYPE, "? large without pointers"), "? large without pointers",
		     "? large no pointers");
}

/* Part of a number is never shown, and what looks like one is all of it. */
static void test_lines(void **state)
{
	(void)state;
	struct name name = {.kind = NAME_LINE, .line = 1179};
	EXPECT_FORMS(name, ":1179", "…");
	name.after = "…"; // others are elsewhere
	EXPECT_FORMS(name, ":1179…", "…");
}

static void test_reasons(void **state)
{
	(void)state;
	// However much room there is: one form on all screens.
	EXPECT_FORMS(other(NAME_STATE, "chan receive (nil chan)"), "chan recv nil", "chan r…v nil");
	EXPECT_FORMS(other(NAME_STATE, "chan receive"), "chan recv", "chan…ecv");
	EXPECT_FORMS(other(NAME_STATE, "chan receive (torn)"), "chan recv (torn)");
	EXPECT_FORMS(other(NAME_STATE, "chan send (torn)"), "chan send (torn)");
	EXPECT_FORMS(other(NAME_STATE, "select (no cases)"), "select{}");
	EXPECT_FORMS(other(NAME_OBJECT, "select without cases"), "select{}");
	EXPECT_FORMS(other(NAME_STATE, "select"), "select");
	EXPECT_FORMS(other(NAME_STATE, "running"), "running", "run…ng");
	EXPECT_FORMS(other(NAME_STATE, "chan receiver"), "chan receiver", "chan r…eiver");
}

static void test_states(void **state)
{
	(void)state;
	EXPECT_FORMS(other(NAME_STATES, "9800 chan recv, 12 select, 3 in other states"),
		     "9800 chan recv, 12 select, 3 in other states",
		     "9800 chan recv, 12 select, 3 others", "9800 chan recv, 15 others",
		     "9800 chan recv +15", "9800 chan recv", "9800 chan…ecv");
	EXPECT_FORMS(other(NAME_STATES, "1 IO wait, 1 semacquire"), "1 IO wait, 1 semacquire",
		     "1 IO wait, 1 other", "1 IO wait +1", "1 IO wait");
	EXPECT_FORMS(other(NAME_STATES, "1000 Mutex.Lock"), "1000 Mutex.Lock", "1000 Mutex….Lock");
	EXPECT_FORMS(other(NAME_STATES, "IO wait, select"), "IO wait, select", "IO wait, …");
	const struct name name = other(NAME_STATES, "1000 Mutex.Lock, 1 chan recv");
	const struct name_size size = name_size(&name, true);
	assert_int_equal(size.least, strlen("1000 Mutex.Lock +1"));
	assert_int_equal(size.core, size.least);
	assert_int_equal(size.good, strlen(name.text));
}

static void test_core_is_type_and_method(void **state)
{
	(void)state;
	const struct {
		const char *func, *core;
	} cases[] = {
		{"net/http.(*persistConn).writeLoop", "(*persistConn).writeLoop"},
		{"main.main", "main"},
		{"a/b.(*Store[go.shape.string]).Get.func1", "(*Store[…]).Get…"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct name name = place(cases[i].func);
		assert_int_equal(name_size(&name, true).core, columns(cases[i].core, true));
		assert_string_equal(fit(&name, columns(cases[i].core, true), true), cases[i].core);
	}
}

/* All reasons of the Go versions that there are here: no two of them are alike in the columns that
 * top has for them at 80, and none is cut there. */
static void check_reasons(const char *path)
{
	enum { COLUMNS = 14, MAX = 100 };
	CLEANUP_FCLOSE FILE *file = fopen(path, "re");
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0, n = 0;
	char reasons[MAX][64], shown[MAX][64];
	assert_non_null(file);
	while (getline(&line, &cap, file) > 0 && n < MAX) {
		char reason[64];
		if (sscanf(line, " waitReason%*[A-Za-z0-9]: \"%63[^\"]\"", reason) != 1)
			continue;
		struct name name = other(NAME_STATE, reason);
		struct name_size size = name_size(&name, true);
		if (size.least > COLUMNS)
			fail_msg("%s: '%s' takes %d columns", path, reason, size.least);
		snprintf(shown[n], sizeof(shown[n]), "%s", fit(&name, COLUMNS, true));
		assert_null(strstr(shown[n], "…"));
		// Either form selects it.
		const char *const forms[] = {reason, shown[n]};
		for (size_t i = 0; i < 2; i++) {
			const char *known = state_reason(forms[i], strlen(forms[i]));
			if (!known || strcmp(known, reason) != 0)
				fail_msg("%s: '%s' is not known as '%s'", path, reason, forms[i]);
		}
		for (size_t i = 0; i < n; i++) {
			if (strcmp(shown[i], shown[n]) == 0)
				fail_msg("%s: '%s' and '%s' are both '%s'", path, reasons[i],
					 reason, shown[n]);
		}
		snprintf(reasons[n++], sizeof(reasons[0]), "%s", reason);
	}
	assert_true(n > 20 && n < MAX);
}

/* ---- every width */

static const char *const nasty[] = {
	"",
	".",
	"/",
	"a/",
	"a.",
	"main.",
	"(",
	")",
	"main.(",
	"main.(*T",
	"main.(*T)",
	"main.(*T).",
	"main.[",
	"main.F[[[(((",
	"main.F]]]).x",
	"main..",
	"glob..",
	"main.glob..",
	"-fm",
	"main.-",
	"type:",
	"go:",
	"select of ",
	"select of , , 0x",
	"select of 0x12345 (日本, 0x\xff"
	"67890abc, ...",
	"fd ",
	"fd  with ",
	"fd 7 of pid  of pid 9",
	"fd 7 unix /日本/\x1b[31m with : LISTEN of pid 815 a of pid b",
	"fd 7 tcp [::1]:22380 of pid ",
	"main.日本語.(*型[T]).方法.func1",
	"main.e\xcc\x81t\xcc\x81\xcc\x81.(*e\xcc\x81).F",
	"a/\xff\xfe.(*T\x1b[31m).M\n",
	"main.\xe2\x80\xae.x",
	"a/b.(*T[go.shape.struct { a/b.F [16]func(int) (error, bool) }]).Method-range1",
	"k8s.io/"
	"api.autoConvert_v1beta1_PersistentVolumeClaimTemplate_To_core_PersistentVolumeClaim",
	"std::vector<int, std::allocator<int> >::push_back(int const&)",
};

/* In how many columns a name may be put, and still say which method it is. */
static void check_width(const struct name *name, int width, bool utf8, int least,
			const char *method)
{
	const char *text = fit(name, width, utf8);
	int taken = columns(text, utf8);
	if (taken < 0 || taken > width)
		fail_msg("%s: '%s' takes %d of %d columns", name->text, text, taken, width);
	if (method && width >= least && !strstr(text, method))
		fail_msg("%s: '%s' has lost '%s' in %d of %d columns", name->text, text, method,
			 width, least);
}

static void check_every_width(const struct name *name, const char *method)
{
	for (int utf8 = 0; utf8 < 2; utf8++) {
		struct name_size size = name_size(name, utf8);
		assert_true(size.least <= size.good || name->kind != NAME_PLACE);
		assert_true(size.good <= size.full && size.full <= size.most);
		for (int width = 1; width <= WIDTH_MAX; width++)
			check_width(name, width, utf8, size.least, method);
		assert_string_equal(fit(name, 0, utf8), "");
		assert_string_equal(fit(name, -5, utf8), "");
	}
}

static void test_every_width(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(nasty) / sizeof(nasty[0]); i++) {
		for (enum name_kind kind = NAME_TEXT; kind <= NAME_TYPE; kind++) {
			struct name name = place(nasty[i]);
			name.kind = kind;
			check_every_width(&name, NULL);
			name.before = nasty[(i + 1) % 5];
			name.after = "…";
			check_every_width(&name, NULL);
		}
	}
}

/* ---- real names */

struct tally {
	uint64_t names, told, too_long;
};

static void check_function(struct tally *tally, const char *func)
{
	enum { AT_80 = 38 }; /* columns that top has at 80 for what it groups by */
	char method[4096];
	struct name name = place(func);
	struct name_size size = name_size(&name, true);
	bool told = go_names_method(func, method, sizeof(method));
	const char *wanted = told ? method : NULL;
	tally->names++;
	tally->told += told;
	if (tally->names % 1024 == 0)
		check_every_width(&name, wanted);
	const int widths[] = {size.least - 1, size.least, AT_80};
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		if (widths[i] > 0)
			check_width(&name, widths[i], true, size.least, wanted);
	}
	tally->too_long += size.least > AT_80;
}

static void check_name(void *ctx, const char *func)
{
	check_function(ctx, func);
}

static uint64_t check_program(const char *path)
{
	struct tally tally = {0};
	go_names_of(path, check_name, &tally);
	if (tally.names)
		print_message("%s: %" PRIu64 " names, %" PRIu64 " methods looked for, %" PRIu64
			      " too long for 38 columns\n",
			      path, tally.names, tally.told, tally.too_long);
	return tally.names;
}

static uint64_t check_programs(const char *pattern)
{
	glob_t paths = {0};
	uint64_t names = 0;
	if (glob(pattern, GLOB_BRACE, NULL, &paths) != 0)
		return 0;
	for (size_t i = 0; i < paths.gl_pathc; i++)
		names += check_program(paths.gl_pathv[i]);
	globfree(&paths);
	return names;
}

/* What is below the Go installation that is found by name, or NULL: there is none. */
static char *in_goroot(const char *path)
{
	char root[4096], *found = NULL;
	FILE *go = popen("go env GOROOT 2>/dev/null", "re");
	if (go && fgets(root, sizeof(root), go)) {
		root[strcspn(root, "\n")] = '\0';
		if (asprintf(&found, "%s/%s", root, path) < 0)
			found = NULL;
	}
	if (go)
		pclose(go);
	return found;
}

static void test_fixtures(void **state)
{
	(void)state;
	const char *dir = getenv("GOSPY_FIXTURES");
	char pattern[4096];
	snprintf(pattern, sizeof(pattern), "%s/1.*/default/{generics,agent,server}",
		 dir ? dir : "");
	if (!dir || !check_programs(pattern))
		skip();
}

static void test_go(void **state)
{
	(void)state;
	CLEANUP_FREE char *go = in_goroot("bin/go");
	CLEANUP_FREE char *tools = in_goroot("pkg/tool/linux_amd64/{compile,link}");
	if (!go || !tools || !check_programs(go))
		skip();
	check_programs(tools);
}

static void test_named_programs(void **state)
{
	(void)state;
	const char *names = getenv("GOSPY_NAMES_OF");
	if (!names)
		skip();
	CLEANUP_FREE char *copy = strdup(names);
	char *rest = copy;
	for (char *path; (path = strsep(&rest, ":"));)
		assert_true(check_program(path));
}

static void test_all_reasons(void **state)
{
	(void)state;
	CLEANUP_FREE char *path = in_goroot("src/runtime/runtime2.go");
	if (!path || access(path, R_OK) != 0)
		skip();
	check_reasons(path);
}

static void test_end(void **state)
{
	static const struct {
		int width;
		const char *text;
	} widths[] = {
		{34, "transport.(*http2Server).keepalive"},
		{33, "(*http2Server).keepalive"},
		{24, "(*http2Server).keepalive"},
		{20, "\xe2\x80\xa6p2Server).keepalive"},
		{5, "\xe2\x80\xa6live"},
		{4, "live"},
		{1, "e"},
		{0, ""},
	};
	struct name name = {
		.kind = NAME_PLACE,
		.text = "google.golang.org/grpc/internal/transport.(*http2Server).keepalive",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		strbuf_clear(&fitted);
		name_fit_end(&name, widths[i].width, true, &fitted);
		assert_string_equal(fitted.s, widths[i].text);
	}
	// What is no function loses its end.
	name = other(NAME_TEXT, "402 goroutines");
	strbuf_clear(&fitted);
	name_fit_end(&name, 6, false, &fitted);
	assert_string_equal(fitted.s, "402 g~");
}

static void test_package(void **state)
{
	static const struct {
		const char *func, *package;
	} funcs[] = {
		{"main.main", "main"},
		{"google.golang.org/grpc/internal/transport.(*http2Server).keepalive.func1",
		 "google.golang.org/grpc/internal/transport"},
		{"a/b.F[c/d.T]", "a/b"},
		{"gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml%2ev3"},
		{"memcpy", ""},
		{"0x401000", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(funcs) / sizeof(funcs[0]); i++) {
		size_t len = name_package(funcs[i].func);
		assert_int_equal(len, strlen(funcs[i].package));
		assert_memory_equal(funcs[i].func, funcs[i].package, len);
	}
}

int main(void)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_method),
		cmocka_unit_test(test_function),
		cmocka_unit_test(test_closures),
		cmocka_unit_test(test_type_parameters),
		cmocka_unit_test(test_method_of_another_package),
		cmocka_unit_test(test_parts_that_are_unknown),
		cmocka_unit_test(test_what_stands_around),
		cmocka_unit_test(test_lines_that_stay),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_package),
		cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_core_is_type_and_method),
		cmocka_unit_test(test_all_reasons),
		cmocka_unit_test(test_every_width),
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_named_programs),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	strbuf_deinit(&fitted);
	return failed;
}
