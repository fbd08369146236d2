/*
 * What refers to some objects at one instant, in which the target stands still: docs/internals.md,
 * "Leaked goroutines", has the proof that leans on it.
 *
 * A node is an object, by its number in the heap of the search, or a goroutine that the search has
 * found to wait in vain. What refers to a node and is none itself makes it reached, in one of
 * several ways; what refers to it and is one is an edge.
 */
#ifndef GOSPY_HEAP_INSTANT_H
#define GOSPY_HEAP_INSTANT_H

#include "heap/closure.h"
#include "heap/search.h"
#include "target/source.h"

/* How somebody may have a node, in bits. */
enum reached {
	REACHED = 1, /* by a pointer that counts for the garbage collector */
	/* A word of a register, of a system stack, or of the stack of a goroutine that runs. */
	REACHED_THREAD = 2,
	REACHED_WEAK = 4,      /* weak pointers to it may become strong */
	REACHED_FINALIZER = 8, /* its finalizer may run */
	REACHED_GARBAGE = 16,  /* by an object that itself nobody seemed to have */
	/* By one whose lock another one waits for, which perhaps he has no more. */
	REACHED_LOCK = 32,
	REACHED_UNLOCKED = 64, /* only if somebody unlocks what another one has locked */
};

enum {
	/* Most words lead to pages that have no node: a bit for each page, modulo this, tells that
	 * from the first level cache. */
	NODE_PAGES = 1 << 16,
};

/** The node of a goroutine: its position among the candidates of the search. */
#define NODE_GOROUTINE (UINT64_C(1) << 32)

struct instant_edge {
	uint64_t from, to;
};

struct instant {
	const struct search *search;   /* borrowed */
	const struct closure *closure; /* borrowed: what leads to what they wait for */
	struct source *source;         /* borrowed */
	/* Of each candidate: it waits, as it did before, for the same objects. */
	bool *still;
	struct map reached; /* node -> enum reached */
	VEC(struct instant_edge) edges;
	VEC(pid_t) late; /* threads whose registers are still to come */
	/* Not all that might refer to a node was looked at. */
	const char *incomplete;
	bool no_memory;
	uint64_t scanned; /* bytes of the heap */
	/* Its own, while it reads. */
	uint64_t pages[NODE_PAGES / 64];
	struct map by_g;    /* address of a g -> 1 + position of the candidate */
	struct map handles; /* address of a g or a sudog -> 1 + position of the candidate */
};

/** Its members up to .source are set, the others 0. It is large. GOSPY_E_NOMEM. */
enum gospy_code instant_init(struct instant *instant, struct gospy_error *err);
void instant_deinit(struct instant *instant);
/** Look at everything; to be called while the target stands still, perhaps several times: then only
 * the last time counts. GOSPY_E_LIMIT: the moment's time was up. */
enum gospy_code instant_read(struct instant *instant, const struct moment *moment,
			     struct gospy_error *err);
/** The registers of a thread that could not report before. */
void instant_settle(struct instant *instant, const struct moment_thread *thread);

#endif
