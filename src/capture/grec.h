/*
 * What is kept of each g: a million of them must fit in little memory and be compared quickly. The
 * fields are extracted from the raw bytes of runtime.g through the image's layout.
 */
#ifndef GOSPY_CAPTURE_GREC_H
#define GOSPY_CAPTURE_GREC_H

#include "dwarf/go/layout.h"
#include "image/location.h"

enum {
	G_LOCKED = 1 << 0, /* lockedm is set */
	/* The places of its code addresses were looked up, and its stack has its final number: the
	 * record is of a finished snapshot. Whatever is read of the g later clears it. */
	G_NAMED = 1 << 1,
	G_RUNNING_CLEANUPS = 1 << 2,
	G_ON_M = 1 << 3,     /* g.m is set: it runs, or acts as if waiting on the system stack */
	G_ACTIVE = 1 << 4,   /* was to be read inside the stop */
	G_PC_EXACT = 1 << 5, /* pc is where it was interrupted, not a return address */
	G_PC_STALE = 1 << 6, /* it runs, and where is not known: pc and sp are old */
};

struct g_rec {
	uint64_t addr; /* first: see bulk.h */
	uint64_t goid;
	uint64_t parent_goid;
	uint64_t m;  /* g.m, else g.lockedm: address of an m */
	uint64_t sp; /* with pc where an unwind starts: sched, or syscallpc/sp in a system call */
	uint64_t stack_lo, stack_hi;
	uint64_t waiting;   /* address of the first sudog */
	uint64_t waitsince; /* nanotime() of the target */
	/* Code addresses while g's are captured; then snapshot.c puts what they name in their
	 * place, NULL for 0, and sets G_NAMED. */
	union {
		uint64_t pc;
		const struct location *current;
	};
	union {
		uint64_t startpc;
		const struct location *start;
	};
	union {
		uint64_t gopc;
		const struct location *creator;
	};
	uint64_t labels; /* address of the profiler labels, or 0 */
	uint32_t index;  /* in allgs */
	uint32_t status; /* g.atomicstatus, scan bit included */
	uint8_t waitreason;
	uint8_t seq; /* g.trackingSeq */
	uint8_t flags;
	uint8_t soundness;  /* enum gospy_soundness */
	uint32_t chan;      /* 1 + position of its struct chan_rec, 0: none */
	uint32_t stack;     /* see stacks.h; 0: not known */
	uint32_t label_set; /* 1 + position in label_sets, 0: not known */
	uint32_t values;    /* of the printed arguments, see stacks.h; 0: none */
};

/* _Gscan, src/runtime/runtime2.go */
#define G_SCAN 0x1000u

static inline uint32_t grec_status(const struct g_rec *rec)
{
	return rec->status & ~G_SCAN;
}

/** Bytes of a g that hold every field of interest: what has to be copied of it. */
size_t grec_window(const struct layout *layout);
/** Fill everything but addr, index, soundness, chan, stack, values and label_set from the bytes of
 * a g; of the flags, those that a g itself tells are set (G_PC_STALE if it runs), and the rest are
 * cleared. */
void grec_extract(const struct layout *layout, const uint8_t *bytes, struct g_rec *rec);

/** Its program counter, whether it was looked up or not. */
static inline uint64_t grec_pc(const struct g_rec *rec)
{
	if (!(rec->flags & G_NAMED))
		return rec->pc;
	return rec->current ? rec->current->pub.pc : 0;
}

/** Is what grec_same compares, and the whole status word, still as in `rec`? This is cheaper than
 * extracting: nearly all of a million g's are unchanged. */
bool grec_unchanged(const struct layout *layout, const uint8_t *bytes, const struct g_rec *rec);

/** Is what grec_same compares still as in `rec`, but for the scan bit, with which the GC may hold
 * it?
 */
bool grec_is_still(const struct layout *layout, const uint8_t *bytes, const struct g_rec *rec);

/** Is the same true of what else of a g may change while its goroutine lives? */
bool grec_rest_unchanged(const struct layout *layout, const uint8_t *bytes,
			 const struct g_rec *rec);

/**
 * Was the goroutine parked from one reading to the other? The version counter trackingSeq is
 * incremented each time a goroutine leaves _Grunning (src/runtime/proc.go:casgstatus, Go 1.17+); it
 * wraps at 256, so sp, pc, stack, sudog and the reason must be alike as well. Coroutine switches
 * bypass it: collect_uncounted.
 */
static inline bool grec_same(const struct g_rec *a, const struct g_rec *b)
{
	return grec_status(a) == grec_status(b) && a->seq == b->seq && a->sp == b->sp &&
	       grec_pc(a) == grec_pc(b) && a->stack_hi == b->stack_hi && a->waiting == b->waiting &&
	       a->goid == b->goid && a->waitreason == b->waitreason;
}

/** Does it wait? From Go 1.26 on the runtime may have found out that it will do so for ever. */
static inline bool grec_waits(const struct g_rec *rec)
{
	uint32_t status = grec_status(rec);
	return status == GOSPY_STATUS_WAITING || status == GOSPY_STATUS_LEAKED;
}

/** Does it wait, and not act on the system stack? The garbage collector may be scanning its stack.
 */
static inline bool grec_is_parked(const struct g_rec *rec)
{
	return grec_waits(rec) && !(rec->flags & G_ON_M);
}

/** Can a g that looks like this be proved to have stood still by being found the same again? Not
 * while it can run, is in a system call (1.26+: no count there), or acts on the system stack. */
static inline bool grec_can_stand_still(const struct g_rec *rec)
{
	uint32_t status = rec->status;
	if (status == GOSPY_STATUS_DEAD || status == GOSPY_STATUS_DEADEXTRA)
		return true;
	return !(status & G_SCAN) && // the GC may be moving its stack
	       grec_is_parked(rec);
}

/** Is it free, or a spare one of the runtime's: no goroutine? */
static inline bool grec_is_dead(const struct g_rec *rec)
{
	uint32_t status = grec_status(rec);
	return status == GOSPY_STATUS_DEAD || status == GOSPY_STATUS_DEADEXTRA ||
	       (status == GOSPY_STATUS_IDLE && rec->goid == 0);
}

/** Does a g's stack pointer lie in its stack, where it must when it is not running? */
static inline bool grec_plausible(const struct g_rec *rec)
{
	switch (grec_status(rec)) {
	case GOSPY_STATUS_RUNNABLE:
	case GOSPY_STATUS_WAITING:
	case GOSPY_STATUS_SYSCALL:
	case GOSPY_STATUS_PREEMPTED:
	case GOSPY_STATUS_LEAKED:
		return rec->sp >= rec->stack_lo && rec->sp <= rec->stack_hi;
	default:
		return true;
	}
}

#endif
