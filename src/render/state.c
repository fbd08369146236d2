#include "render/state.h"

#include <string.h>

/* Of all versions from Go 1.12 on: src/runtime/runtime2.go:waitReasonStrings. What tells a reason
 * from others is in both of its forms. Those that go on stand before those that do not. */
static const struct reason {
	const char *text, *shorter; /* NULL: it is short already */
} reasons[] = {
	{"GC assist marking", "GC assist"},
	{"GC assist wait", NULL},
	{"GC mark termination", "GC mark term"},
	{"GC scavenge wait", "GC scavenge"},
	{"GC sweep wait", NULL},
	{"GC weak to strong wait", "GC weak wait"},
	{"GC worker (active)", "GC work active"},
	{"GC worker (idle)", "GC work idle"},
	{"GOMAXPROCS updater (idle)", "GOMAXPROCS"},
	{"IO wait", NULL},
	{"chan receive (nil chan)", "chan recv nil"},
	{"chan receive (synctest)", "chan recv sync"},
	{"chan receive (durable)", "chan recv dur"},
	{"chan receive", "chan recv"},
	{"chan send (nil chan)", "chan send nil"},
	{"chan send (synctest)", "chan send sync"},
	{"chan send (durable)", "chan send dur"},
	{"chan send", NULL},
	{"cleanup wait", NULL},
	{"coroutine", NULL},
	{"debug call", NULL},
	{"dumping heap", NULL},
	{"finalizer wait", NULL},
	{"flushing proc caches", "flush caches"},
	{"force gc (idle)", "force gc"},
	{"garbage collection scan", "GC scan"},
	{"garbage collection", "GC"},
	{"page trace flush", "page trace"},
	{"panicwait", NULL},
	{"preempted", NULL},
	{"select (no cases)", STATE_NO_CASES},
	{"select (synctest)", "select sync"},
	{"select (durable)", "select dur"},
	{"select", NULL},
	{"semacquire", NULL},
	{"sleep", NULL},
	{"stopping the world", "stop world"},
	{"sync.Cond.Wait", "Cond.Wait"},
	{"sync.Mutex.Lock", "Mutex.Lock"},
	{"sync.RWMutex.Lock", "RWMutex.Lock"},
	{"sync.RWMutex.RLock", "RWMutex.RLock"},
	{"sync.WaitGroup.Wait (durable)", "WaitGroup dur"},
	{"sync.WaitGroup.Wait", "WaitGroup"},
	{"synctest.Run", NULL},
	{"synctest.Wait", NULL},
	{"timer goroutine (idle)", "timer idle"},
	{"trace goroutine status", "trace g status"},
	{"trace proc status", "trace p status"},
	{"trace reader (blocked)", "trace reader"},
	{"wait for GC cycle", "GC cycle"},
};
enum { REASONS = sizeof(reasons) / sizeof(reasons[0]) };

/* The shorter form of the reason that it begins with, and what stands behind that. */
static const char *shorten(const char *state, const char **rest_ret)
{
	for (size_t i = 0; i < REASONS; i++) {
		size_t len = strlen(reasons[i].text);
		bool begins = strncmp(state, reasons[i].text, len) == 0;
		if (!begins || (state[len] && state[len] != ' '))
			continue;
		*rest_ret = state + len;
		return reasons[i].shorter ? reasons[i].shorter : reasons[i].text;
	}
	*rest_ret = "";
	return state;
}

void state_short(const char *state, struct strbuf *text)
{
	const char *rest;
	strbuf_puts(text, shorten(state, &rest));
	strbuf_puts(text, rest);
}

int state_compare_short(const char *a, const char *b)
{
	const char *rest_a, *rest_b;
	if (strcmp(a, b) == 0)
		return 0;
	int order = strcmp(shorten(a, &rest_a), shorten(b, &rest_b));
	return order ? order : strcmp(rest_a, rest_b);
}

static bool is(const char *name, const char *text, size_t len)
{
	return name && strlen(name) == len && memcmp(name, text, len) == 0;
}

const char *state_reason(const char *text, size_t len)
{
	for (size_t i = 0; i < REASONS; i++) {
		if (is(reasons[i].text, text, len) || is(reasons[i].shorter, text, len))
			return reasons[i].text;
	}
	return NULL;
}
