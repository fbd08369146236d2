/*
 * Walking C code by the unwind tables of the mapped ELF files (libunwind), over registers and
 * captured bytes of a stack. Bytes that are not on the captured stack are read from the target as
 * it runs on, and only where it cannot write. Nothing is guessed: without unwind information a walk
 * ends.
 */
#ifndef GOSPY_CAPTURE_NATIVE_H
#define GOSPY_CAPTURE_NATIVE_H

#include <sys/user.h>

#include "image/modules.h"

struct native_frame {
	uint64_t pc;
	const char *func;     /* NULL: not known */
	uint64_t entry;       /* of func */
	const char *module;   /* path of the file; NULL: none is mapped there */
	uint64_t module_base; /* address of its first byte */
	bool interrupted;     /* it was at pc, not in a call that returns there */
};

/* Why a walk ended. */
enum native_end {
	NATIVE_DONE,       /* at Go code, or with the first function of the thread */
	NATIVE_NO_INFO,    /* nothing tells how to go on from pc `end_addr` */
	NATIVE_NO_FILE,    /* the same, of a core file: the file of that code is not at hand */
	NATIVE_BAD_INFO,   /* what tells how to go on from pc `end_addr` makes no sense */
	NATIVE_UNREADABLE, /* the bytes at `end_addr` are not there */
	NATIVE_ASTRAY,     /* the caller's frame, at `end_addr`, is not above */
	NATIVE_TOO_DEEP,   /* NATIVE_FRAMES_MAX; the next one is at pc `end_addr` */
	NATIVE_TOO_LONG,   /* NATIVE_READS_MAX, at pc `end_addr` */
	NATIVE_NOT_COPIED, /* there was no time for it */
};

enum {
	/* Frames of one walk: more than its captured bytes hold of ordinary ones. */
	NATIVE_FRAMES_MAX = 4096,
	/* Words that one walk may read; a frame takes some hundreds. */
	NATIVE_READS_MAX = 1 << 21,
};

struct native_stack {
	const struct native_frame *frames; /* innermost first */
	size_t count;
	enum native_end end;
	uint64_t end_addr;
	/* Where Go code goes on, if it does: a return address, unless there are no frames. */
	uint64_t go_pc, go_sp;
	uint64_t go_bp; /* the frame pointer there, or 0: not known */
};

/* What a walk begins with. */
struct native_start {
	const struct user_regs_struct *regs;
	struct span bytes; /* of the stack */
	uint64_t addr;     /* of the first of them */
};

struct native_walker;

/**
 * `is_go` says whether Go code is at an address: there a walk ends. `modules` is borrowed.
 * GOSPY_E_UNSUPPORTED: this gospy was built without libunwind.
 */
enum gospy_code native_walker_create(struct modules *modules, bool (*is_go)(void *ctx, uint64_t pc),
				     void *ctx, struct native_walker **ret,
				     struct gospy_error *err);
void native_walker_destroy(struct native_walker *walker);

/** Walk; frames and their texts are allocated from `arena`. False: out of memory. */
bool native_walk(struct native_walker *walker, const struct native_start *start,
		 struct arena *arena, struct native_stack *ret);

#endif
