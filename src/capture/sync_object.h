/*
 * From the word that a goroutine waits at to the object of package sync that it is a part of: what
 * kind of object is told by the wait reason or by the innermost calls, where it begins by the place
 * of the word in its type. See sync_object.c for the sources.
 */
#ifndef GOSPY_CAPTURE_SYNC_OBJECT_H
#define GOSPY_CAPTURE_SYNC_OBJECT_H

#include <stdbool.h>

#include "gospy.h"

struct sync_object {
	enum gospy_wait_kind kind; /* GOSPY_WAIT_NONE: not known */
	uint64_t addr;
};

/** The object that the word is in, if the reason tells. */
struct sync_object sync_object_by_reason(int go_minor, const char *reason, uint64_t word);

/* The innermost calls of a goroutine that waits at a semaphore, one after the other. */
struct sync_calls {
	enum { SYNC_CALLS_RUNTIME, SYNC_CALLS_ENTERED, SYNC_CALLS_MUTEX, SYNC_CALLS_KNOWN } at;
	bool mutex_of_sync; /* SYNC_CALLS_MUTEX: there is a sync.Mutex around it */
	enum gospy_wait_kind kind;
	bool reader; /* GOSPY_WAIT_RWMUTEX: it waits at readerSem */
	bool writer; /* at writerSem */
};

/** Is it the function of the runtime by which packages wait? Its first argument is the word. */
bool sync_is_semacquire(const char *func);
/** Take the next call, inlined ones too; true: it is known now, or never will be. */
bool sync_calls_take(struct sync_calls *calls, const char *func);
/** The object that the word is in, by those calls. */
struct sync_object sync_object_by_calls(int go_minor, const struct sync_calls *calls,
					uint64_t word);

/** The sync.Cond that a notify list is in. */
struct sync_object sync_object_of_notify_list(int go_minor, uint64_t list);

#endif
