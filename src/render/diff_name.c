#include "render/diff_name.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

static bool ends_part(char c)
{
	return !c || c == '.' || c == '-' || c == '[';
}

/* Length of `word` and a number, where `s` begins with that and nothing else follows; or 0. */
static size_t numbered(const char *s, const char *word)
{
	size_t len = strlen(word);
	if (strncmp(s, word, len) != 0 || !is_digit(s[len]))
		return 0;
	size_t n = len + digits(s + len);
	return ends_part(s[n]) ? n : 0;
}

/* src/cmd/compile/internal/walk/order.go up to Go 1.17: "f·dwrap·1";
 * src/cmd/compile/internal/ir/func.go:closureName from 1.22 on: "f.gowrap1", "f.deferwrap1". In
 * between they have the names of closures, and the runtime knows them by their funcID. */
static size_t wrapper(const char *s)
{
	static const char dwrap[] = "\xc2\xb7"
				    "dwrap\xc2\xb7";
	static const char *const words[] = {".gowrap", ".deferwrap", dwrap};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = numbered(s, words[i]);
		if (n)
			return n;
	}
	return 0;
}

/* Where the package ends, or its last element begins: its path may have dots and numbers in it. */
static const char *behind_path(const char *func)
{
	const char *end = func + strcspn(func, "["), *at = func;
	for (const char *s = func; s < end; s++) {
		if (*s == '/')
			at = s + 1;
	}
	return at;
}

/* Behind the brackets that `s` begins with. */
static const char *behind_brackets(const char *s)
{
	size_t depth = 0;
	for (; *s; s++) {
		if (*s == '[')
			depth++;
		else if (*s == ']' && --depth == 0)
			return s + 1;
	}
	return s;
}

/* What goes of the numbers of closures: ".func1.2" and "-range3" become ".func" and "-range". */
static size_t number(const char *s, struct strbuf *text)
{
	static const char *const words[] = {".func", "-range"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = numbered(s, words[i]);
		if (n) {
			strbuf_puts(text, words[i]);
			return n;
		}
	}
	return numbered(s, ".");
}

/* Cut "main.run.(*Store).Get.func" to "main.Get.func". `package` is where the text of the package
 * begins, behind its path. */
static void cut_outer(struct strbuf *text, size_t package)
{
	if (text->failed || text->len <= package)
		return;
	char *begin = strchr(text->s + package, '.'), *last = begin;
	for (char *s = begin; s && *s; s++) {
		if (strncmp(s, ".func", 5) == 0 && (!s[5] || s[5] == '.' || s[5] == '-')) {
			memmove(begin, last, strlen(last) + 1);
			text->len -= (size_t)(last - begin);
			return;
		}
		if (*s == '.')
			last = s;
	}
}

void diff_name(const char *func, bool numbers, struct strbuf *text)
{
	// A closure of a variable of the package is "main.glob..func1" or "main.init.func1", by the
	// version.
	static const char glob[] = ".glob.";
	const char *s = behind_path(func);
	strbuf_add(text, func, (size_t)(s - func));
	const size_t package = text->len;
	while (*s) {
		size_t n = wrapper(s);
		if (!n && strcmp(s, "-fm") == 0)
			n = strlen(s);
		if (!n && !numbers)
			n = number(s, text);
		if (*s == '[') {
			s = behind_brackets(s);
		} else if (n) {
			s += n;
		} else if (strncmp(s, glob, strlen(glob)) == 0) {
			strbuf_puts(text, ".init");
			s += strlen(glob);
		} else {
			strbuf_putc(text, *s++);
		}
	}
	if (!numbers)
		cut_outer(text, package);
}

bool diff_name_is_wrapper(const char *func)
{
	for (const char *s = behind_path(func); *s; s++) {
		size_t n = wrapper(s);
		if (n && !s[n])
			return true;
	}
	return false;
}

bool diff_name_is_waiting(const char *func)
{
	static const char *const packages[] = {
		"sync",    "internal/sync",         "internal/poll",        "internal/synctest",
		"syscall", "internal/syscall/unix", "internal/runtime/sys", "time",
	};
	const char *last = behind_path(func);
	size_t len = (size_t)(last - func) + strcspn(last, ".");
	for (size_t i = 0; i < sizeof(packages) / sizeof(packages[0]); i++) {
		if (strlen(packages[i]) == len && memcmp(packages[i], func, len) == 0)
			return true;
	}
	return false;
}

/* src/runtime/runtime2.go:waitReasonStrings. Go 1.20 told locks apart, 1.24 wait groups and what
 * waits for something of its bubble, under another name than 1.25. What kind of a semaphore it is
 * tells the call of package sync. */
static const struct {
	const char *reason, *name;
} waits[] = {
	{"semacquire", "semaphore"},
	{"sync.Mutex.Lock", "semaphore"},
	{"sync.RWMutex.Lock", "semaphore"},
	{"sync.RWMutex.RLock", "semaphore"},
	{"sync.WaitGroup.Wait", "semaphore"},
	{"sync.WaitGroup.Wait (durable)", "semaphore"},
	{"chan receive (durable)", "chan receive"},
	{"chan receive (synctest)", "chan receive"},
	{"chan send (durable)", "chan send"},
	{"chan send (synctest)", "chan send"},
	{"select (durable)", "select"},
	{"select (synctest)", "select"},
	{"GC worker (idle)", "GC worker"},
	{"GC worker (active)", "GC worker"},
};

const char *diff_wait(const char *reason)
{
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		if (strcmp(reason, waits[i].reason) == 0)
			return waits[i].name;
	}
	return reason;
}
