/*
 * Which goroutines may wait for ever: those that wait for something that only another goroutine can
 * do, and whose object nobody may have any more. As in src/runtime/mgc.go:goroutineLeakGC of Go
 * 1.27, (*g).isMaybeRunnable and setSyncObjectsUntraceable, for what older versions have.
 */
#ifndef GOSPY_HEAP_CANDIDATES_H
#define GOSPY_HEAP_CANDIDATES_H

#include "capture/capture.h"
#include "image/image.h"

enum candidate_kind {
	CANDIDATE_NEVER,   /* a nil channel, or a select without cases */
	CANDIDATE_CHANNEL, /* a channel, or the channels of a select */
	CANDIDATE_SYNC,    /* a semaphore of package sync */
	CANDIDATE_COND,    /* the list of a sync.Cond */
};

/* What one waits for. */
struct candidate_object {
	uint64_t addr;  /* of the hchan, the semaphore or the list */
	uint64_t sudog; /* that leads to it, or 0: none does */
};

struct candidate {
	uint32_t g; /* position in the capture's recs */
	uint8_t kind;
	uint32_t first, count; /* of its objects */
};

struct candidates {
	VEC(struct candidate) list; /* by position of the g */
	VEC(struct candidate_object) objects;
};

/** `capture` was taken with .objects. GOSPY_E_NOMEM. */
enum gospy_code candidates_find(const struct image *image, const struct capture *capture,
				struct candidates *ret, struct gospy_error *err);
void candidates_deinit(struct candidates *candidates);

/** The words by which their sudogs lead to what they wait for, ascending, to be freed: these do not
 * keep it alive. GOSPY_E_NOMEM. */
enum gospy_code candidates_hidden(const struct image *image, const struct candidates *candidates,
				  uint64_t **ret, size_t *count_ret, struct gospy_error *err);

#endif
