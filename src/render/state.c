#include "render/state.h"

#include <string.h>

/* Of all versions from Go 1.12 on: src/runtime/runtime2.go:waitReasonStrings; those that are short
 * already are not among them. What tells a reason from others is in both of its forms. */
static const struct reason {
	const char *text, *shorter;
} reasons[] = {
	{"GC assist marking", "GC assist"},
	{"GC mark termination", "GC mark term"},
	{"GC scavenge wait", "GC scavenge"},
	{"GC weak to strong wait", "GC weak wait"},
	{"GC worker (active)", "GC work active"},
	{"GC worker (idle)", "GC work idle"},
	{"GOMAXPROCS updater (idle)", "GOMAXPROCS"},
	{"chan receive (durable)", "chan recv dur"},
	{"chan receive (nil chan)", "chan recv nil"},
	{"chan receive (synctest)", "chan recv sync"},
	{"chan receive", "chan recv"},
	{"chan send (durable)", "chan send dur"},
	{"chan send (nil chan)", "chan send nil"},
	{"chan send (synctest)", "chan send sync"},
	{"flushing proc caches", "flush caches"},
	{"force gc (idle)", "force gc"},
	{"garbage collection scan", "GC scan"},
	{"garbage collection", "GC"},
	{"page trace flush", "page trace"},
	{"select (durable)", "select dur"},
	{"select (no cases)", "select{}"},
	{"select (synctest)", "select sync"},
	{"stopping the world", "stop world"},
	{"sync.Cond.Wait", "Cond.Wait"},
	{"sync.Mutex.Lock", "Mutex.Lock"},
	{"sync.RWMutex.Lock", "RWMutex.Lock"},
	{"sync.RWMutex.RLock", "RWMutex.RLock"},
	{"sync.WaitGroup.Wait (durable)", "WaitGroup dur"},
	{"sync.WaitGroup.Wait", "WaitGroup.Wait"},
	{"timer goroutine (idle)", "timer idle"},
	{"trace goroutine status", "trace g status"},
	{"trace proc status", "trace p status"},
	{"trace reader (blocked)", "trace reader"},
	{"wait for GC cycle", "GC cycle"},
};

void state_short(const char *state, struct strbuf *text)
{
	// As a word: those that go on stand before those that do not.
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		size_t len = strlen(reasons[i].text);
		if (strncmp(state, reasons[i].text, len) != 0 || (state[len] && state[len] != ' '))
			continue;
		strbuf_puts(text, reasons[i].shorter);
		strbuf_puts(text, state + len);
		return;
	}
	strbuf_puts(text, state);
}
