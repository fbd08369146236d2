/*
 * Walking stacks by the frame sizes of pclntab, over captured bytes. A frame costs a look-up in
 * what is known of its program counter (symbols.h); names and lines are not touched here. Rules:
 * src/runtime/traceback.go, gentraceback up to Go 1.20, then unwinder.
 */
#ifndef GOSPY_CAPTURE_UNWIND_H
#define GOSPY_CAPTURE_UNWIND_H

#include "base/vec.h"
#include "image/symbols.h"

/* Why a walk ended. */
enum unwind_end {
	UNWIND_DONE,       /* at the top of the stack, or where the runtime's own walk ends */
	UNWIND_UNKNOWN_PC, /* no function holds `end_addr` */
	UNWIND_BAD_FRAME,  /* the frame size at pc `end_addr` makes no sense */
	UNWIND_OUTSIDE,    /* a frame reaches beyond the stack, to `end_addr` */
	UNWIND_UNREADABLE, /* the bytes at `end_addr` are not there */
	UNWIND_TOO_DEEP,   /* there are more than `frames_max`; the next is at sp `end_addr` */
	UNWIND_NO_MEMORY,  /* what may be kept of all stacks together, or of pcs, is used up */
};

enum {
	/* Frames that are kept of one walk: the innermost and the outermost. Those between are
	 * counted. */
	UNWIND_INNER = 4096,
	UNWIND_OUTER = 512,
};

/* The frames between those that are kept. */
struct unwind_gap {
	uint64_t frames; /* 0: there is no gap */
	uint64_t calls;  /* of the frames, inlined ones too */
	uint64_t shown;  /* of the calls, those that tracebacks do not hide: frames.h */
	uint64_t bytes; /* of the stack, from the innermost frame to the first one behind the gap */
	uint64_t callee; /* pc of the last frame of the gap */
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

/* One walker; several may walk at the same time. All zero but for `symbols` and `frames_max` is a
 * fresh one. */
struct unwinder {
	struct symbols *symbols; /* borrowed */
	bool want_values;
	size_t frames_max; /* of a walk */
	/* The sites that were looked up last in `symbols`. Goroutines wait at few places, and these
	 * stay in the processor's nearest cache. */
	struct unwind_near {
		uint64_t pc;
		const struct site *site;
		/* The entry of the caller that was found last. It is a guess, and its pc tells
		 * whether it is right. With it the processor need not wait for the stack's bytes
		 * to go on. */
		struct unwind_near *caller;
		/* What a call of `callee` from there is, once that was asked for. */
		uint64_t callee;
		uint32_t calls, shown;
	} near[UNWIND_NEAR];
	/* The last walk: innermost first; return addresses but for the first. */
	VEC(uint64_t) pcs;
	struct unwind_gap gap; /* behind the first UNWIND_INNER of pcs */
	/* Its printed arguments, frame by frame; all of them, or those up to the first frame with
	 * one that was not there. */
	VEC(uint64_t) values;
	enum unwind_end end;
	uint64_t end_addr, end_sp; /* end_sp: if the pc is unknown */
	/* How many of pcs pclntab has led to. There are more if frame pointers lead from code that
	 * is not Go's, at pc `end_addr`, to Go code from which a walk comes to its end. */
	size_t certain;
	bool interrupted; /* the first pc is no return address */
	uint8_t lead;     /* bytes of the stack before the first frame: a return address, or 0 */
	uint64_t hash;    /* of all pcs, those of the gap, too */
	/* While it walks: frames beyond UNWIND_INNER, and the last of them. */
	uint64_t beyond, calls, shown;
	bool values_gone; /* one was not there */
	struct unwind_outer {
		uint64_t pc, sp, callee;
		uint64_t calls, shown; /* of those beyond before this one */
	} * outer; /* number i is at i % UNWIND_OUTER; NULL: none was needed yet */
};

/** Walk; false: out of memory. */
bool unwind(struct unwinder *u, struct unwind_bytes *bytes, const struct unwind_start *start);
/** Instead of a walk: there is no room for it. It ends in UNWIND_NO_MEMORY, without a frame. */
void unwind_nothing(struct unwinder *u);
void unwinder_deinit(struct unwinder *u);

#endif
