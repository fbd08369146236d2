/*
 * Which goroutines can nobody wake any more? Everything is marked that goroutines which may run can
 * reach; one that waits may run if what it waits for is marked, and so on until nothing changes. As
 * src/runtime/mgc.go:findGoroutineLeaks of Go 1.27 does it, for all versions.
 *
 * The target may run meanwhile. Then what is found is no more than likely: a pointer may have moved
 * from where nobody had looked yet to where somebody had looked. proof.h tells what is certain.
 */
#ifndef GOSPY_HEAP_SEARCH_H
#define GOSPY_HEAP_SEARCH_H

#include "heap/candidates.h"
#include "heap/mark.h"
#include "heap/origin.h"
#include "heap/roots.h"
#include "heap/stack_roots.h"

/* A goroutine that waits for a lock, and one that has it for certain: positions in the capture's
 * recs. */
struct search_lock {
	uint32_t waiter, holder;
};

#define SEARCH_NOBODY UINT32_MAX

struct search {
	struct image *image;           /* borrowed */
	const struct capture *capture; /* borrowed */
	struct budget *budget;         /* borrowed */
	struct candidates candidates;
	bool *live;       /* of each candidate: it may run again */
	size_t found;     /* candidates that are not */
	uint64_t unknown; /* that count as live only because of .unknown of the options */
	/* Of each candidate, with locks: the candidate that has the lock it waits for, and is not
	 * live. SEARCH_NOBODY: there is none, or nobody who may run can reach the lock anyway.
	 * NULL: of locks nothing is known. */
	uint32_t *behind;
	struct heap heap;
	struct mark mark;
	struct stack_roots *stacks;
	struct roots_count roots;
	/* With paths: where the pointers were by which objects were reached first, by the number
	 * that their marks have, from 1 on. */
	VEC(struct origin) origins;
	bool paths;
	bool no_memory;
	uint64_t cpu_ns; /* of this thread: how long it took to read all */
};

struct search_options {
	struct budget *budget;
	/* Called now and then while the heap is read; may be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *ctx;
	/* Remember how objects are reached, and find out what types they have; NULL: do not. */
	struct types *types;
	bool runs; /* the target may run meanwhile */
	/* Who cannot run before others do, be what he waits for reachable or not. Nobody else may
	 * release these locks. */
	const struct search_lock *locks;
	size_t lock_count;
	/* Addresses of g's that count as if they may run: of their waits it is not known whether
	 * they are as old as the heap. May be NULL. */
	const struct map *unknown;
};

/** `capture` was taken with .objects, just now. Errors as heap_build(). */
enum gospy_code search_run(struct image *image, const struct capture *capture,
			   const struct search_options *options, struct search *ret,
			   struct gospy_error *err);
void search_deinit(struct search *search);

/** Whose lock keeps this candidate from running, and nothing else; or SEARCH_NOBODY. */
static inline uint32_t search_behind(const struct search *search, size_t candidate)
{
	return search->behind ? search->behind[candidate] : SEARCH_NOBODY;
}

static inline const struct g_rec *search_rec(const struct search *search, size_t candidate)
{
	return &search->capture->recs[search->candidates.list.at[candidate].g];
}

#endif
