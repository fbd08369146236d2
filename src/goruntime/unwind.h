/*
 * Walking stacks by the frame sizes of pclntab, over captured bytes. What is known of a program
 * counter is looked up once and kept, so that a frame costs a table look-up; names and lines are
 * not touched here. Rules: src/runtime/traceback.go, gentraceback up to Go 1.20, then unwinder.
 */
#ifndef GOSPY_GORUNTIME_UNWIND_H
#define GOSPY_GORUNTIME_UNWIND_H

#include <pthread.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "dwarf/args.h"

/* Where a value that tracebacks print lies, from the end of the frame on. */
struct unwind_value {
	uint8_t off, size;
};

/* What a walk has to know of a program counter. */
struct unwind_site {
	bool known;          /* a Go function holds it */
	enum pcln_step step; /* behind its frame */
	enum pcln_known func;
	int64_t size; /* of the frame, return address included; 0: makes no sense */
	/* The return address is not on the stack but in r12, as a child of vfork is about to write
	 * to that stack. size is 0. src/syscall/asm_linux_amd64.s:rawVforkSyscall, Go 1.12-1.27 */
	bool popped;
	uint8_t value_count;
	const struct unwind_value *values;
};

/* Shared by all workers of a capture. */
struct unwind_sites {
	struct pclntab *pcln; /* borrowed; used under the lock */
	pthread_mutex_t lock;
	struct map by_pc; /* struct unwind_site * */
	struct arena arena;
};

void unwind_sites_init(struct unwind_sites *sites, struct pclntab *pcln);
void unwind_sites_deinit(struct unwind_sites *sites);

/* Why a walk ended. */
enum unwind_end {
	UNWIND_DONE,       /* at the top of the stack, or where the runtime's own walk ends */
	UNWIND_UNKNOWN_PC, /* no function holds `end_addr` */
	UNWIND_BAD_FRAME,  /* the frame size at pc `end_addr` makes no sense */
	UNWIND_OUTSIDE,    /* a frame reaches beyond the stack, to `end_addr` */
	UNWIND_UNREADABLE, /* the bytes at `end_addr` are not there */
	UNWIND_TOO_DEEP,   /* UNWIND_FRAMES_MAX; the next one is at sp `end_addr` */
	UNWIND_NO_MEMORY,  /* what may be kept of all stacks together is used up */
};

enum {
	/* Frames of one walk. A stack of 1 GiB, Go's limit, could hold more; a megabyte of the
	 * target and more is behind that many. */
	UNWIND_FRAMES_MAX = 1 << 20,
};

/* Captured bytes of a stack. */
struct unwind_bytes {
	uint64_t addr; /* of the first byte */
	const uint8_t *bytes;
	size_t len;
	uint64_t hi; /* end of the stack */
	/* Put other bytes in place, those from `addr` on; false: none. NULL: this is all. */
	bool (*refill)(struct unwind_bytes *bytes, uint64_t addr);
	void *ctx;
};

struct unwind_start {
	uint64_t pc, sp;
	bool interrupted; /* pc is where it was interrupted, not a return address */
	/* The innermost function, or its caller, has not switched stacks yet, whatever it is going
	 * to do: it was seen on its own stack, or in a system call whose entry was noted
	 * (syscallpc, syscallsp). */
	bool on_stack;
	/* Where it goes on if it is caught inside gogo, which has the new stack already. */
	uint64_t gogo_pc;
	uint64_t bp;  /* the frame pointer register, or 0: not known */
	uint64_t r12; /* that register, or 0: not known */
};

enum { UNWIND_NEAR = 128 };

/* One of several that may walk at the same time. All zero but for `sites` is fresh. */
struct unwinder {
	struct unwind_sites *sites;
	bool want_values;
	struct map cache; /* of sites->by_pc */
	/* Of this, what was looked up last: goroutines that wait do so at few places, and these
	 * stay in the processor's nearest cache. */
	struct unwind_near {
		uint64_t pc;
		const struct unwind_site *site;
		/* Of the last caller found: a guess, for its pc tells whether it is right. With it
		 * the processor need not wait for the stack's bytes to go on. */
		struct unwind_near *caller;
	} near[UNWIND_NEAR];
	/* The last walk: innermost first; return addresses but for the first. */
	VEC(uint64_t) pcs;
	/* Its printed arguments, frame by frame; all of them, or those up to the first frame with
	 * one that was not there. */
	VEC(uint64_t) values;
	enum unwind_end end;
	uint64_t end_addr, end_sp; /* end_sp: if the pc is unknown */
	/* Those of pcs that pclntab has led to. There are more if frame pointers lead from code
	 * that is not Go's, at pc `end_addr`, to Go code from which a walk comes to its end. */
	size_t certain;
	bool interrupted; /* the first pc is no return address */
	uint64_t hash;    /* of pcs */
};

/** What is known of a program counter; NULL: out of memory. */
const struct unwind_site *unwind_site(struct unwinder *u, uint64_t pc);
/** Walk; false: out of memory. */
bool unwind(struct unwinder *u, struct unwind_bytes *bytes, const struct unwind_start *start);
void unwinder_deinit(struct unwinder *u);

#endif
