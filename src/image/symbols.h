/*
 * What program counters of an image mean: how to step over a frame there, which calls tracebacks
 * print of it, where in the source it is. Each is looked up in the function table once, when it is
 * asked for first, and kept; the unwinder, frames and locations all ask here.
 *
 * All functions may be called by several threads at once. What is known is found without a lock;
 * what is not is looked up under the lock of the symbolizer, which also guards the function
 * table and the window (base/paged.h) that it is read through. An answer never changes.
 *
 * Processes of one program share the table, but each has answers of its own: none can fill the
 * others' set. A target chooses the program counters, so there is a limit to what is kept:
 * SYMBOLS_MAX. Beyond it nothing more is named until somebody calls symbolizer_hold(), which then
 * begins an empty set. The old set, and each pointer into it, lives until all who hold it have
 * released it.
 */
#ifndef GOSPY_IMAGE_SYMBOLS_H
#define GOSPY_IMAGE_SYMBOLS_H

#include <pthread.h>
#include <stdatomic.h>

#include "image/frames.h"
#include "image/location.h"

enum {
	/* One set keeps so many bytes, and no more. The pcs on the stacks of a large program, some
	 * ten thousand different ones, take a few megabytes. Whoever holds a set has at least half
	 * of it left at first. */
	SYMBOLS_MAX = 64 << 20,
};

/* Where a value that tracebacks print lies, from the end of the frame on. */
struct site_value {
	uint8_t off, size;
};

/* What a walk has to know of a program counter. */
struct site {
	uint64_t pc;
	int64_t size; /* of the frame, return address included; 0: makes no sense */
	const struct site_value *values;
	uint8_t value_count;
	uint8_t step; /* enum pcln_step: behind its frame */
	uint8_t func; /* enum pcln_known */
	bool known;   /* a Go function holds it */
	bool no_room; /* it is not known whether one does: SYMBOLS_MAX */
	/* The return address is not on the stack but in r12, as a child of vfork is about to write
	 * to that stack. size is 0. src/syscall/asm_linux_amd64.s:rawVforkSyscall, Go 1.12-1.27 */
	bool popped;
	/* Only symbols.c uses these: they hold further answers once somebody has asked. */
	_Atomic(const struct frame_site *) frames[2];
	_Atomic(const struct location *) locations[LOCATION_KINDS];
};

/* One set of answers. */
struct symbols;

/* The way to a function table; each image has one of these. */
struct symbolizer {
	/* It guards the table and its window, what is held, and the adding to a set. Symbolizers
	 * that share the table share the lock. Borrowed. */
	pthread_mutex_t *lock;
	struct pclntab *pcln; /* borrowed, and used under the lock only */
	uint64_t bias;        /* by how much program counters are above those of the table */
	uint64_t main_main;   /* entry of main.main in the table, or 0: not known */
	const struct origins *origins; /* borrowed */
	struct symbols *current;
};

/** What is given is borrowed; `lock` is an initialized mutex. */
void symbolizer_init(struct symbolizer *symbolizer, pthread_mutex_t *lock, struct pclntab *pcln,
		     uint64_t bias, uint64_t main_main, const struct origins *origins);
/** Nothing is held any more. */
void symbolizer_deinit(struct symbolizer *symbolizer);

/** The newest set, with room in it; NULL: out of memory. To be given back by symbols_release(). */
struct symbols *symbolizer_hold(struct symbolizer *symbolizer);
/** One more holder of a set that is held. */
struct symbols *symbols_ref(struct symbols *symbols);
/** NULL is allowed. */
void symbols_release(struct symbols *symbols);

/** Never NULL. */
const struct site *symbols_site(struct symbols *symbols, uint64_t pc);
/** What tracebacks print at a return address, or at an exact pc. Never NULL; without room it is
 * one call of no name. */
const struct frame_site *symbols_frames(struct symbols *symbols, uint64_t pc, bool exact);
/** NULL: there is no room. */
const struct location *symbols_location(struct symbols *symbols, uint64_t pc,
					enum location_kind kind);
/** The function that holds `pc`, [*entry_ret, *end_ret); false: none does. It is looked up each
 * time. */
bool symbols_function(struct symbols *symbols, uint64_t pc, uint64_t *entry_ret, uint64_t *end_ret);
/** Has an answer been left out because there was no room, or no memory? */
bool symbols_full(const struct symbols *symbols);

#endif
