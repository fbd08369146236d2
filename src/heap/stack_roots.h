/*
 * The pointers that the stacks of goroutines hold, as the garbage collector takes them:
 * src/runtime/mgcmark.go:scanstack. A goroutine that does not run tells by the maps of its frames
 * which words are pointers; variables whose address is taken count if something that counts points
 * to them. Where there are no maps, and of goroutines that run, each word may be a pointer. That
 * finds too much, never too little.
 */
#ifndef GOSPY_HEAP_STACK_ROOTS_H
#define GOSPY_HEAP_STACK_ROOTS_H

#include "capture/grec.h"
#include "dwarf/go/stack_map.h"
#include "heap/root.h"
#include "image/image.h"

enum {
	/* The maps of so many bytes are kept; those of a large program take some megabytes. Of pcs
	 * beyond that each word of the frame counts. */
	STACK_MAPS_MAX = 64 << 20,
	/* A larger stack is read piece by piece, and each word of it counts. The runtime's own
	 * limit is 1 GB, and stacks that deep belong to programs about to fail. */
	STACK_ROOTS_WHOLE = 64 << 20,
	/* MiB of such stacks, and of others, that are read in all: what each g claims may be
	 * there, and all may claim the same. */
	STACK_ROOTS_LARGE = 1 << 10,
	STACK_ROOTS_OTHERS = 4 << 10,
	/* Records of defers of one goroutine that are followed. */
	STACK_ROOTS_DEFERS = 1 << 16,
};

/* What scanning a goroutine needs beside its stack. Fields of g; 0 where there is none. */
struct stack_extra {
	uint64_t ctxt;  /* g.sched.ctxt: the closure that it is in, or is about to be */
	uint64_t defer; /* g._defer */
	uint64_t panic; /* g._panic */
	uint64_t xregs; /* g.xRegs.state, Go 1.26+ */
};

/* The bytes of a stack, from where it is used on. */
struct stack_bytes {
	uint64_t lo, hi; /* of the whole stack */
	uint64_t addr;   /* of the first byte */
	const uint8_t *bytes;
	size_t len; /* up to hi */
};

struct stack_roots;

/** `image` and `symbols` are borrowed. GOSPY_E_NOMEM. */
enum gospy_code stack_roots_create(struct image *image, struct symbols *symbols,
				   struct stack_roots **ret, struct gospy_error *err);
/** NULL is allowed. */
void stack_roots_destroy(struct stack_roots *roots);

/** The roots of the goroutines `recs[which[0..n)]`, those of the dead ones left out. `fn` is called
 * by this thread alone, with words that do not lead into the stack itself. What it returns ends
 * the scan and is returned. GOSPY_E_NOMEM, GOSPY_E_CANCELLED, or
 * what the reader says when nothing can be read. */
enum gospy_code stack_roots_of(struct stack_roots *roots, const struct g_rec *recs,
			       const uint32_t *which, size_t n, heap_root_fn *fn, void *ctx,
			       struct gospy_error *err);
/** While `fn` runs: the position in `recs` whose root it is. */
uint32_t stack_roots_current(const struct stack_roots *roots);

/** While `fn` runs: a pc of the frame whose root it is, or 0: it is not known. */
uint64_t stack_roots_frame(const struct stack_roots *roots);

/** The roots of one goroutine, of bytes that are here. `rec`: its pc, sp and status. False: out of
 * memory. */
bool stack_roots_walk(struct stack_roots *roots, const struct g_rec *rec,
		      const struct stack_bytes *stack, const struct stack_extra *extra,
		      heap_root_fn *fn, void *ctx);

/** Of all stacks so far: those that could not be read, or only in part; and frames of parked
 * goroutines of which each word counted. */
uint64_t stack_roots_unread(const struct stack_roots *roots);
uint64_t stack_roots_unmapped(const struct stack_roots *roots);

#endif
