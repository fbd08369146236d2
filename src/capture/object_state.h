/*
 * What is in an object of package sync, and whether those who seem to hold it can do so by that.
 * The types are the same on 64 bits in Go 1.12 to 1.27, but for sync.WaitGroup.
 */
#ifndef GOSPY_CAPTURE_OBJECT_STATE_H
#define GOSPY_CAPTURE_OBJECT_STATE_H

#include "capture/capture.h"

/* Of a kind that does not have it, or that was not read, GOSPY_UNKNOWN. */
struct object_state {
	uint64_t locked;          /* 1 or 0; of a sync.RWMutex: for writing */
	uint64_t waiters;         /* of a Mutex or WaitGroup */
	uint64_t readers;         /* of a RWMutex: those that have it */
	uint64_t readers_waiting; /* of a RWMutex: for a writer */
	uint64_t counter;         /* of a WaitGroup */
	uint64_t lock;            /* of a Cond: the address in its .L; 0 */
};

/** How many bytes of it tell; 0: objects of this kind are not looked at. */
size_t object_state_bytes(enum gospy_wait_kind kind);
/** Is the word at this place the one at which a writer waits for readers? */
bool object_is_writer_sem(unsigned kind, uint64_t off);
struct object_state object_state(const struct object_rec *object, int go_minor);
/** Note why those among its holders who are certain so far are not, if the object says otherwise.
 */
void object_judge(const struct object_rec *object, struct holder_rec *holders);

#endif
