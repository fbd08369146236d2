#include "capture/object_state.h"

#include <string.h>

enum {
	/* src/sync/mutex.go, from Go 1.24 on src/internal/sync/mutex.go: state, sema */
	MUTEX_BYTES = 8,
	MUTEX_LOCKED = 1,
	MUTEX_WAITER_SHIFT = 3,
	/* src/sync/rwmutex.go: w, writerSem, readerSem, readerCount, readerWait */
	RWMUTEX_WRITER_SEM = 8,
	RWMUTEX_READER_COUNT = 16,
	RWMUTEX_READER_WAIT = 20,
	RWMUTEX_READERS_MAX = 1 << 30,
	/* src/sync/waitgroup.go: see sync_object.c */
	WAITGROUP_BYTES = 12,
	WAITGROUP_ALIGNED_SINCE = 18,
	WAITGROUP_WAITERS = 0x7fffffff, /* Go 1.25+: the highest bit is another flag */
	/* src/sync/cond.go: noCopy, which takes no room, and L, an interface */
	COND_LOCK = 8,
	COND_BYTES = 16,
};

size_t object_state_bytes(enum gospy_wait_kind kind)
{
	switch (kind) {
	case GOSPY_WAIT_MUTEX:
	case GOSPY_WAIT_INTERNAL_MUTEX:
		return MUTEX_BYTES;
	case GOSPY_WAIT_RWMUTEX:
		return OBJECT_BYTES;
	case GOSPY_WAIT_WAITGROUP:
		return WAITGROUP_BYTES;
	case GOSPY_WAIT_COND:
		return COND_BYTES;
	case GOSPY_WAIT_NONE:
	case GOSPY_WAIT_CHANNEL:
	case GOSPY_WAIT_NIL_CHANNEL:
	case GOSPY_WAIT_SELECT:
	case GOSPY_WAIT_SEMAPHORE:
	case GOSPY_WAIT_FD_MUTEX:
	case GOSPY_WAIT_FD:
	case GOSPY_WAIT_SLEEP:
	case GOSPY_WAIT_SYSCALL:
		break;
	}
	return 0;
}

bool object_is_writer_sem(unsigned kind, uint64_t off)
{
	return kind == GOSPY_WAIT_RWMUTEX && off == RWMUTEX_WRITER_SEM;
}

static uint32_t word_at(const struct object_rec *object, unsigned off)
{
	uint32_t word;
	memcpy(&word, object->bytes + off, sizeof(word));
	return word;
}

/* What a sync.RWMutex counts. */
struct readers {
	bool writer;         /* one has it, or waits for its readers */
	uint32_t all;        /* that have it, or wait for a writer */
	uint32_t waited_for; /* by a writer that waits */
};

static struct readers readers_of(const struct object_rec *object)
{
	int32_t count = (int32_t)word_at(object, RWMUTEX_READER_COUNT);
	int32_t wait = (int32_t)word_at(object, RWMUTEX_READER_WAIT);
	int64_t all = count < 0 ? (int64_t)count + RWMUTEX_READERS_MAX : count;
	return (struct readers){
		.writer = count < 0,
		.all = all < 0 ? 0 : (uint32_t)all,
		.waited_for = wait < 0 ? 0 : (uint32_t)wait,
	};
}

static void state_of_rwmutex(const struct object_rec *object, struct object_state *ret)
{
	struct readers readers = readers_of(object);
	uint32_t have = readers.writer ? readers.waited_for : readers.all;
	ret->locked = readers.writer && !readers.waited_for;
	ret->readers = have;
	ret->readers_waiting = readers.writer && readers.all > have ? readers.all - have : 0;
}

static void state_of_waitgroup(const struct object_rec *object, int go_minor,
			       struct object_state *ret)
{
	bool behind = go_minor < WAITGROUP_ALIGNED_SINCE && object->addr % 8;
	unsigned at = behind ? 4 : 0;
	ret->waiters = word_at(object, at) & WAITGROUP_WAITERS;
	ret->counter = word_at(object, at + 4);
}

struct object_state object_state(const struct object_rec *object, int go_minor)
{
	struct object_state state = {GOSPY_UNKNOWN, GOSPY_UNKNOWN, GOSPY_UNKNOWN,
				     GOSPY_UNKNOWN, GOSPY_UNKNOWN, 0};
	if (!object->read)
		return state;
	switch ((enum gospy_wait_kind)object->kind) {
	case GOSPY_WAIT_MUTEX:
	case GOSPY_WAIT_INTERNAL_MUTEX:
		state.locked = word_at(object, 0) & MUTEX_LOCKED;
		state.waiters = word_at(object, 0) >> MUTEX_WAITER_SHIFT;
		break;
	case GOSPY_WAIT_RWMUTEX:
		state_of_rwmutex(object, &state);
		break;
	case GOSPY_WAIT_WAITGROUP:
		state_of_waitgroup(object, go_minor, &state);
		break;
	case GOSPY_WAIT_COND:
		memcpy(&state.lock, object->bytes + COND_LOCK, sizeof(state.lock));
		break;
	case GOSPY_WAIT_NONE:
	case GOSPY_WAIT_CHANNEL:
	case GOSPY_WAIT_NIL_CHANNEL:
	case GOSPY_WAIT_SELECT:
	case GOSPY_WAIT_SEMAPHORE:
	case GOSPY_WAIT_FD_MUTEX:
	case GOSPY_WAIT_FD:
	case GOSPY_WAIT_SLEEP:
	case GOSPY_WAIT_SYSCALL:
		break;
	}
	return state;
}

/* Can anybody hold it so, by what is in it? */
static bool allows(const struct object_rec *object, bool reader)
{
	if (object->kind != GOSPY_WAIT_RWMUTEX)
		return word_at(object, 0) & MUTEX_LOCKED;
	struct readers readers = readers_of(object);
	if (reader)
		return (readers.writer ? readers.waited_for : readers.all) > 0;
	// A writer that waits for its readers has kept all others out.
	return readers.writer && !readers.waited_for && !object->writer_waits;
}

/* How many readers can have it. */
static uint32_t readers_at_most(const struct object_rec *object)
{
	struct readers readers = readers_of(object);
	return readers.writer ? readers.waited_for : readers.all;
}

static void doubt(struct holder_rec *holder, enum gospy_doubt why)
{
	if (!holder->doubt)
		holder->doubt = (uint8_t)why;
}

void object_judge(const struct object_rec *object, struct holder_rec *holders)
{
	size_t writers = 0, readers = 0;
	for (size_t i = 0; i < object->count; i++) {
		struct holder_rec *holder = &holders[i];
		bool read = object->read && (object->at_instant || holder->held);
		if (!read || !allows(object, holder->reader))
			doubt(holder, GOSPY_DOUBT_STATE);
		writers += !holder->doubt && !holder->reader;
		readers += !holder->doubt && holder->reader;
	}
	bool several = writers > 1 || (writers && readers) ||
		       (readers && readers > readers_at_most(object));
	for (size_t i = 0; several && i < object->count; i++)
		doubt(&holders[i], GOSPY_DOUBT_SEVERAL);
}
