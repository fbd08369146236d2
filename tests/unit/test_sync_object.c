/* sync_object.c: calls and wait reasons as tracebacks of Go 1.12 to 1.27 have them, and words at
 * the places that the types of those versions give them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "capture/sync_object.h"

static const uint64_t base = 0xc000012340; /* aligned to 8 */

/* Takes the calls, innermost first, which end with an empty one. */
static struct sync_object by_calls(int minor, uint64_t word, const char *const *calls)
{
	struct sync_calls found = {0};
	for (size_t i = 0; calls[i]; i++) {
		if (sync_calls_take(&found, calls[i]))
			break;
	}
	return sync_object_by_calls(minor, &found, word);
}

#define BY_CALLS(minor, word, ...) by_calls(minor, word, (const char *const[]){__VA_ARGS__, NULL})

static void check(struct sync_object object, enum gospy_wait_kind kind, uint64_t addr)
{
	assert_int_equal(object.kind, kind);
	assert_true(object.addr == addr);
}

static void test_mutex(void **state)
{
	(void)state;
	check(BY_CALLS(12, base + 4, "runtime.goparkunlock", "runtime.semacquire1",
		       "sync.runtime_SemacquireMutex", "sync.(*Mutex).Lock", "main.f"),
	      GOSPY_WAIT_MUTEX, base);
	check(BY_CALLS(18, base + 4, "runtime.gopark", "runtime.semacquire1",
		       "sync.runtime_SemacquireMutex", "sync.(*Mutex).lockSlow",
		       "sync.(*Mutex).Lock", "main.f"),
	      GOSPY_WAIT_MUTEX, base);
	// Since Go 1.24 a sync.Mutex has an internal/sync.Mutex.
	check(BY_CALLS(24, base + 4, "runtime.gopark", "internal/sync.runtime_SemacquireMutex",
		       "internal/sync.(*Mutex).lockSlow", "internal/sync.(*Mutex).Lock",
		       "sync.(*Mutex).Lock", "main.f"),
	      GOSPY_WAIT_MUTEX, base);
	check(BY_CALLS(24, base + 4, "runtime.gopark", "internal/sync.runtime_SemacquireMutex",
		       "internal/sync.(*Mutex).lockSlow", "internal/sync.(*Mutex).Lock",
		       "internal/sync.(*HashTrieMap[go.shape.int,go.shape.int]).LoadOrStore"),
	      GOSPY_WAIT_INTERNAL_MUTEX, base);
	// Who has called Lock() is not known: it may be a part of something else.
	check(BY_CALLS(18, base + 4, "runtime.gopark", "sync.runtime_SemacquireMutex",
		       "sync.(*Mutex).lockSlow", "sync.(*Mutex).Lock"),
	      GOSPY_WAIT_NONE, 0);
}

static void test_rwmutex(void **state)
{
	(void)state;
	check(BY_CALLS(16, base + 12, "runtime.gopark", "sync.runtime_SemacquireMutex",
		       "sync.(*RWMutex).RLock", "main.f"),
	      GOSPY_WAIT_RWMUTEX, base);
	check(BY_CALLS(20, base + 8, "runtime.gopark", "sync.runtime_SemacquireRWMutex",
		       "sync.(*RWMutex).Lock"),
	      GOSPY_WAIT_RWMUTEX, base);
	// Its w is not a mutex of the program.
	check(BY_CALLS(26, base + 4, "runtime.gopark", "internal/sync.runtime_SemacquireMutex",
		       "internal/sync.(*Mutex).lockSlow", "internal/sync.(*Mutex).Lock",
		       "sync.(*Mutex).Lock", "sync.(*RWMutex).Lock", "main.f"),
	      GOSPY_WAIT_RWMUTEX, base);
	check(sync_object_by_reason(20, "sync.RWMutex.RLock", base + 12), GOSPY_WAIT_RWMUTEX, base);
	check(sync_object_by_reason(27, "sync.RWMutex.Lock", base + 8), GOSPY_WAIT_RWMUTEX, base);
	// The reason of a Mutex is that of a w, too.
	check(sync_object_by_reason(20, "sync.Mutex.Lock", base + 4), GOSPY_WAIT_NONE, 0);
}

static void test_wait_group(void **state)
{
	(void)state;
	static const char *const calls[] = {"runtime.gopark", "sync.runtime_Semacquire",
					    "sync.(*WaitGroup).Wait", NULL};
	// Up to Go 1.17 it is aligned to 4, and the word is where the state is not.
	check(by_calls(17, base + 8, calls), GOSPY_WAIT_WAITGROUP, base);
	check(by_calls(12, base + 4, calls), GOSPY_WAIT_WAITGROUP, base + 4);
	check(by_calls(18, base + 8, calls), GOSPY_WAIT_WAITGROUP, base);
	check(by_calls(23, base + 8, calls), GOSPY_WAIT_WAITGROUP, base);
	check(by_calls(23, base + 4, calls), GOSPY_WAIT_NONE, 0);
	check(sync_object_by_reason(24, "sync.WaitGroup.Wait", base + 8), GOSPY_WAIT_WAITGROUP,
	      base);
	check(sync_object_by_reason(25, "sync.WaitGroup.Wait (durable)", base + 8),
	      GOSPY_WAIT_WAITGROUP, base);
}

static void test_others(void **state)
{
	(void)state;
	static const char *const rwlock[] = {"runtime.gopark", "internal/poll.runtime_Semacquire",
					     "internal/poll.(*fdMutex).rwlock", NULL};
	check(by_calls(21, base + 8, rwlock), GOSPY_WAIT_FD_MUTEX, base);
	check(by_calls(21, base + 12, rwlock), GOSPY_WAIT_FD_MUTEX, base);
	check(sync_object_of_notify_list(12, base + 16), GOSPY_WAIT_COND, base);
	check(BY_CALLS(21, base, "runtime.gopark", "internal/poll.runtime_Semacquire",
		       "internal/poll.(*FD).Close"),
	      GOSPY_WAIT_NONE, 0);
	check(BY_CALLS(21, base, "runtime.gopark", "runtime.semacquire1", "runtime.semacquire",
		       "runtime.stopTheWorld", "runtime.GC"),
	      GOSPY_WAIT_NONE, 0);
	// A package that has got the runtime's function by a linkname, and another package sync.
	check(BY_CALLS(21, base, "runtime.gopark", "sync.runtime_Semacquire", "x/y.(*Lock).Wait"),
	      GOSPY_WAIT_NONE, 0);
	check(BY_CALLS(21, base + 4, "runtime.gopark", "sync.runtime_SemacquireMutex",
		       "x/sync.(*Mutex).Lock", "main.f"),
	      GOSPY_WAIT_NONE, 0);
}

/* What another Go has where is not known. */
static void test_other_versions(void **state)
{
	(void)state;
	static const char *const calls[] = {"sync.runtime_Semacquire", "sync.(*WaitGroup).Wait",
					    NULL};
	for (int minor = 0; minor < 40; minor++) {
		bool known = minor >= 12 && minor <= 27;
		assert_int_equal(by_calls(minor, base + 8, calls).kind,
				 known ? GOSPY_WAIT_WAITGROUP : GOSPY_WAIT_NONE);
		assert_int_equal(sync_object_of_notify_list(minor, base + 16).kind,
				 known ? GOSPY_WAIT_COND : GOSPY_WAIT_NONE);
		assert_int_equal(sync_object_by_reason(minor, "sync.RWMutex.Lock", base + 8).kind,
				 known ? GOSPY_WAIT_RWMUTEX : GOSPY_WAIT_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutex),          cmocka_unit_test(test_rwmutex),
		cmocka_unit_test(test_wait_group),     cmocka_unit_test(test_others),
		cmocka_unit_test(test_other_versions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
