#include "capture/sync_object.h"

#include <stddef.h>
#include <string.h>

#include "dwarf/go/go_version.h"

/* Where the words are that goroutines wait at, the same on 64 bits in Go 1.12 to 1.27 but for
 * WaitGroup:
 * - src/sync/mutex.go, from Go 1.24 on src/internal/sync/mutex.go, which sync.Mutex begins with:
 *   Mutex{state int32; sema uint32}
 * - src/sync/rwmutex.go: RWMutex{w Mutex; writerSem, readerSem uint32; ...}
 * - src/sync/cond.go: Cond{noCopy; L Locker; notify notifyList; ...}
 * - src/internal/poll/fd_mutex.go: fdMutex{state uint64; rsema, wsema uint32}
 * - src/sync/waitgroup.go: WaitGroup{noCopy; state uint64; sema uint32} from Go 1.18 on; before,
 *   WaitGroup{noCopy; state1 [3]uint32}, of which two words that are aligned to 8 are the state. */
enum {
	MUTEX_SEMA = 4,
	RWMUTEX_W = 0,
	RWMUTEX_WRITER_SEM = 8,
	RWMUTEX_READER_SEM = 12,
	COND_NOTIFY = 16,
	FD_MUTEX_RSEMA = 8,
	FD_MUTEX_WSEMA = 12,
	WAITGROUP_SEMA = 8,
	WAITGROUP_ALIGNED_SINCE = 18,
};

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

static bool is_known(int go_minor)
{
	return go_minor >= GO_MINOR_OLDEST && go_minor <= GO_MINOR_NEWEST;
}

/* The object of which the word has its place at `off`. All have an alignment of 4 at least. */
static struct sync_object object_at(enum gospy_wait_kind kind, uint64_t word, uint64_t off,
				    uint64_t alignment)
{
	if (word <= off || (word - off) % alignment)
		return (struct sync_object){0};
	return (struct sync_object){kind, word - off};
}

static struct sync_object wait_group(int go_minor, uint64_t word)
{
	// (*WaitGroup).state up to Go 1.17: the last word, if the first two are aligned, else the
	// first one.
	if (go_minor < WAITGROUP_ALIGNED_SINCE && word % 8)
		return object_at(GOSPY_WAIT_WAITGROUP, word, 0, 4);
	return object_at(GOSPY_WAIT_WAITGROUP, word, WAITGROUP_SEMA, 8);
}

struct sync_object sync_object_by_reason(int go_minor, const char *reason, uint64_t word)
{
	if (!is_known(go_minor))
		return (struct sync_object){0};
	// src/runtime/sema.go: sync_runtime_SemacquireRWMutexR, ..RWMutex, ..WaitGroup.
	if (begins(reason, "sync.RWMutex.RLock"))
		return object_at(GOSPY_WAIT_RWMUTEX, word, RWMUTEX_READER_SEM, 4);
	if (begins(reason, "sync.RWMutex.Lock"))
		return object_at(GOSPY_WAIT_RWMUTEX, word, RWMUTEX_WRITER_SEM, 4);
	if (begins(reason, "sync.WaitGroup.Wait"))
		return wait_group(go_minor, word);
	return (struct sync_object){0};
}

/* src/runtime/sema.go: what is linked into other packages. */
bool sync_is_semacquire(const char *func)
{
	return begins(func, "sync.runtime_Semacquire") ||
	       begins(func, "internal/sync.runtime_Semacquire") ||
	       strcmp(func, "internal/poll.runtime_Semacquire") == 0;
}

static bool is_one_of(const char *func, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(func, names[i]) == 0)
			return true;
	}
	return false;
}

/* (*Mutex).lockSlow is apart from Lock since Go 1.13. */
static bool is_sync_lock(const char *func)
{
	static const char *const names[] = {"sync.(*Mutex).Lock", "sync.(*Mutex).lockSlow"};
	return is_one_of(func, names, sizeof(names) / sizeof(names[0]));
}

static bool is_internal_lock(const char *func)
{
	static const char *const names[] = {"internal/sync.(*Mutex).Lock",
					    "internal/sync.(*Mutex).lockSlow"};
	return is_one_of(func, names, sizeof(names) / sizeof(names[0]));
}

static bool know(struct sync_calls *calls, enum gospy_wait_kind kind)
{
	calls->at = SYNC_CALLS_KNOWN;
	calls->kind = kind;
	return true;
}

/* Who has called the runtime? */
static bool take_caller(struct sync_calls *calls, const char *func)
{
	if (is_sync_lock(func) || is_internal_lock(func)) {
		calls->at = SYNC_CALLS_MUTEX;
		calls->mutex_of_sync = is_sync_lock(func);
		return false;
	}
	calls->reader = strcmp(func, "sync.(*RWMutex).RLock") == 0;
	calls->writer = strcmp(func, "sync.(*RWMutex).Lock") == 0;
	if (calls->reader || calls->writer)
		return know(calls, GOSPY_WAIT_RWMUTEX);
	if (strcmp(func, "sync.(*WaitGroup).Wait") == 0)
		return know(calls, GOSPY_WAIT_WAITGROUP);
	if (strcmp(func, "internal/poll.(*fdMutex).rwlock") == 0)
		return know(calls, GOSPY_WAIT_FD_MUTEX);
	return know(calls, GOSPY_WAIT_NONE);
}

bool sync_calls_take(struct sync_calls *calls, const char *func)
{
	switch (calls->at) {
	case SYNC_CALLS_RUNTIME:
		if (sync_is_semacquire(func))
			calls->at = SYNC_CALLS_ENTERED;
		else if (!begins(func, "runtime."))
			return know(calls, GOSPY_WAIT_NONE);
		return false;
	case SYNC_CALLS_ENTERED:
		return take_caller(calls, func);
	case SYNC_CALLS_MUTEX:
		calls->mutex_of_sync |= is_sync_lock(func);
		if (is_sync_lock(func) || is_internal_lock(func))
			return false;
		// It has locked its w, and nobody else locks that: src/sync/rwmutex.go.
		if (strcmp(func, "sync.(*RWMutex).Lock") == 0)
			return know(calls, GOSPY_WAIT_RWMUTEX);
		return know(calls,
			    calls->mutex_of_sync ? GOSPY_WAIT_MUTEX : GOSPY_WAIT_INTERNAL_MUTEX);
	case SYNC_CALLS_KNOWN:
		break;
	}
	return true;
}

static struct sync_object fd_mutex(uint64_t word)
{
	return object_at(GOSPY_WAIT_FD_MUTEX, word, word % 8 ? FD_MUTEX_WSEMA : FD_MUTEX_RSEMA, 8);
}

struct sync_object sync_object_by_calls(int go_minor, const struct sync_calls *calls, uint64_t word)
{
	if (calls->at != SYNC_CALLS_KNOWN || !is_known(go_minor))
		return (struct sync_object){0};
	switch (calls->kind) {
	case GOSPY_WAIT_MUTEX:
	case GOSPY_WAIT_INTERNAL_MUTEX:
		return object_at(calls->kind, word, MUTEX_SEMA, 4);
	case GOSPY_WAIT_RWMUTEX:
		return object_at(calls->kind, word,
				 calls->reader   ? RWMUTEX_READER_SEM
				 : calls->writer ? RWMUTEX_WRITER_SEM
						 : RWMUTEX_W + MUTEX_SEMA,
				 4);
	case GOSPY_WAIT_WAITGROUP:
		return wait_group(go_minor, word);
	case GOSPY_WAIT_FD_MUTEX:
		return fd_mutex(word);
	case GOSPY_WAIT_NONE:
	case GOSPY_WAIT_CHANNEL:
	case GOSPY_WAIT_NIL_CHANNEL:
	case GOSPY_WAIT_SELECT:
	case GOSPY_WAIT_SEMAPHORE:
	case GOSPY_WAIT_COND:
	case GOSPY_WAIT_FD:
	case GOSPY_WAIT_SLEEP:
	case GOSPY_WAIT_SYSCALL:
		break;
	}
	return (struct sync_object){0};
}

struct sync_object sync_object_of_notify_list(int go_minor, uint64_t list)
{
	return is_known(go_minor) ? object_at(GOSPY_WAIT_COND, list, COND_NOTIFY, 8)
				  : (struct sync_object){0};
}
