/*
 * What following a function's code keeps of it: symbolic values in registers and stack slots, and
 * the locks that were taken and released on the way. No value is ever guessed: what cannot be told
 * apart is nothing, and equal to nothing.
 */
#ifndef GOSPY_DWARF_GO_LOCK_VALUES_H
#define GOSPY_DWARF_GO_LOCK_VALUES_H

#include "base/map.h"
#include "base/vec.h"
#include "dwarf/go/insn.h"

/* What a value is an offset from; also a number from BASE_FIRST on, see struct base. */
enum {
	BASE_NOTHING, /* it is not known; no two of these are equal */
	BASE_CONST,   /* 0: the offset is the value */
	BASE_STACK,   /* the stack pointer at entry, which leads to the return address */
	BASE_FIRST,
};

struct value {
	uint32_t base;
	int64_t off;
};

enum base_kind {
	BASE_KIND_ARG,     /* register `a` at entry */
	BASE_KIND_SLOT,    /* what was in the stack slot at `b` when it was read first */
	BASE_KIND_LOAD,    /* what the instruction at `a` has read from .from */
	BASE_KIND_RESULT,  /* what the call at `a` has left in register `b` */
	BASE_KIND_MERGED,  /* what is at location `b` where paths meet, at the instruction at `a` */
	BASE_KIND_TAKEN,   /* true if the instruction or call at `a` took the lock at .from */
	BASE_KIND_REFUSED, /* the opposite */
	/* The value that `a`, a number of a base, had when the instruction that defines it was
	   passed before. */
	BASE_KIND_BEFORE,
};

struct base {
	uint64_t key;
	uint8_t kind;
	uint8_t mode; /* of BASE_KIND_TAKEN and _REFUSED: enum lock_mode */
	bool noted;   /* .from was set; if it is nothing it differs from time to time */
	struct value from;
};

/* All zero is empty. */
struct bases {
	VEC(struct base) list;
	struct map by_key; /* -> BASE_FIRST + index */
};

enum {
	BASES_MAX = 1 << 16, /* of one function */
	SLOTS_MAX = 96,      /* of which values are known at one place */
	LOCKS_MAX = 12,      /* taken, and released, at one place */
};

enum lock_mode { LOCK_WRITE, LOCK_READ };

/* A lock that was taken, or released without having been taken. */
struct lock_event {
	struct value at;  /* the sync.Mutex or sync.RWMutex */
	struct value via; /* it counts if that is the address of a function that takes it, unless
			     the base of this is nothing */
	uint32_t off;     /* of the instruction or call */
	uint8_t mode;     /* enum lock_mode */
	bool certain;     /* on all paths */
	bool crossed;     /* since then something was called of which nothing is known */
	bool somewhere;   /* on some paths it was not taken at all */
	/* How often more it was taken, to read, and not released, on all paths at least. */
	uint8_t again;
};
enum { AGAIN_MAX = 3 };

struct lock_events {
	struct lock_event list[LOCKS_MAX];
	uint8_t count;
};

struct slot {
	int64_t off; /* from the stack pointer at entry */
	struct value value;
};

/* At one place in the code. */
struct lock_state {
	struct value regs[INSN_REGS];
	struct value flag; /* what was compared with zero, of BASE_KIND_TAKEN or _REFUSED */
	struct slot slots[SLOTS_MAX]; /* in order */
	uint8_t slot_count;
	struct lock_events held, released;
	/* The word by which an instruction has released something, and nothing was called since:
	   a call that does the rest of it may follow. */
	struct value dropped;
	bool lost; /* more happened than is kept: nothing is certain */
};

void bases_deinit(struct bases *bases);
/** The base with this kind and these two numbers; BASE_NOTHING: there is no room. */
uint32_t bases_get(struct bases *bases, enum base_kind kind, uint32_t a, int32_t b);
/** NULL of those below BASE_FIRST. */
struct base *bases_at(const struct bases *bases, uint32_t base);

static inline bool value_same(struct value a, struct value b)
{
	return a.base && a.base == b.base && a.off == b.off;
}
/** Are they equal, or were they read from the same place at different times? */
bool value_alike(const struct bases *bases, struct value a, struct value b);

/** NULL: nothing is known of the slot. */
const struct slot *state_slot(const struct lock_state *state, int64_t off);
void state_set_slot(struct lock_state *state, int64_t off, struct value value);
/** Forget the slots that overlap with [off, off + len). */
void state_forget_slots(struct lock_state *state, int64_t off, int64_t len);
/** The value that `base` stands for is defined anew: what was it until now becomes another. */
void state_redefine(struct lock_state *state, struct bases *bases, uint32_t base);
/** A lock is taken. */
void state_take(struct lock_state *state, struct lock_event event);
/** A lock is released. */
void state_release(struct lock_state *state, const struct bases *bases, struct lock_event event);
/** What is held, perhaps, as this value and in this way; or NULL. */
const struct lock_event *state_find_held(const struct lock_state *state, struct value at,
					 enum lock_mode mode);
/** Nothing that is held is certain any more. */
void state_doubt(struct lock_state *state);
/** Something is called of which nothing is known. */
void state_cross(struct lock_state *state);
/** Put what `from` has in common with `to` into `to`, where paths meet at the instruction at `off`.
 * Returns whether `to` has changed. */
bool state_merge(struct lock_state *to, const struct lock_state *from, struct bases *bases,
		 uint32_t off);

#endif
