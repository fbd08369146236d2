/*
 * Roots that are not on stacks: globals, what the specials of objects keep alive, finalizers and
 * cleanups that are to run. src/runtime/mgcmark.go:markroot, mheap.go, mfinal.go, mcleanup.go; Go
 * 1.12-1.27.
 */
#ifndef GOSPY_HEAP_ROOTS_H
#define GOSPY_HEAP_ROOTS_H

#include "heap/heap.h"

enum root_kind {
	ROOT_GLOBAL,      /* a word of .data or .bss */
	ROOT_FINALIZER,   /* the function of a finalizer */
	ROOT_FINALIZED,   /* an object with a finalizer: what it points to are roots, it is not */
	ROOT_CLEANUP,     /* the function of a cleanup, or what that is going to get */
	ROOT_WEAK_HANDLE, /* the word that all weak pointers to an object lead to */
	ROOT_FINALIZER_QUEUE, /* of a finalizer that is to run */
	ROOT_CLEANUP_QUEUE,   /* of a cleanup that is to run */
};

struct root {
	enum root_kind kind;
	uint64_t pointer; /* ROOT_FINALIZED: the object's address */
	uint64_t addr;    /* where the pointer is */
	uint64_t before;  /* ROOT_GLOBAL: the word before it, if it is of the same range; else 0 */
	/* Of specials: the object that they belong to; else HEAP_NONE. */
	uint32_t object;
};

/* What was found. */
struct roots_count {
	uint64_t globals, specials, queued;
	/* Ranges of globals without a mask that can be read: any word counted. */
	uint64_t conservative;
	uint64_t unread; /* ranges or records that could not be read, or were too many */
};

typedef void root_visit(void *ctx, const struct root *root);

/** Visit all of them. What cannot be read is counted. GOSPY_E_GONE, GOSPY_E_CANCELLED,
 * GOSPY_E_NOMEM. */
enum gospy_code roots_each(struct image *image, const struct heap *heap, root_visit *visit,
			   void *ctx, struct roots_count *ret, struct gospy_error *err);

/** Visit the words of globals that may be pointers. Other than these globals have none. */
enum gospy_code roots_globals(struct image *image, root_visit *visit, void *ctx,
			      struct roots_count *count, struct gospy_error *err);

#endif
