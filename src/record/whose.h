/*
 * Whose sample it is: the goroutine that the thread ran.
 *
 * From Go 1.17 on a register holds g while Go code runs; it counts if the stack pointer lies in the
 * stack of that g. Otherwise the stack that the pointer lies in tells, or the thread's M. What a g
 * is, its goroutine, its stack, its labels, is read after the sample was taken, be it a moment or
 * half a second. So it counts only if
 *
 *  - a look before the sample has found the same. Of the goroutine this is a proof: it was that in
 *    between, for no two goroutines have one id. Labels and stacks may have been others meanwhile,
 *    and the same again; that is rare, and nothing tells it; or
 *  - the sample is hardly older than WHOSE_LAG_NS. Then the stack has to begin with the function
 *    that the goroutine was started with, too.
 *
 * A look serves all samples that were taken before it, so one is enough for those that are fetched
 * together.
 */
#ifndef GOSPY_RECORD_WHOSE_H
#define GOSPY_RECORD_WHOSE_H

#include "capture/grec.h"
#include "capture/label_reader.h"
#include "image/schedstate.h"
#include "record/walk.h"

enum {
	/* Within this time a goroutine does not end and another one begin at the same g, with the
	 * same function, but seldom; and labels are those of the sample, but for the shortest
	 * work. */
	WHOSE_LAG_NS = 20 * 1000 * 1000,
};

enum whose_kind {
	WHOSE_UNKNOWN,
	WHOSE_GOROUTINE,
	WHOSE_NONE, /* no goroutine ran */
};

struct whose {
	enum whose_kind kind;
	uint64_t goid;
	uint64_t startpc;
	bool has_labels; /* they are known; and that is all of them, be it none */
	uint32_t labels; /* number of the set, for owners_labels(); 0: it has none */
};

/* What a look found a g to be. */
struct owner_look {
	uint64_t goid, lo, hi, startpc, labels;
};

struct owner {
	uint64_t g;
	/* The last look, and when it began and was over; and since when all looks have found the
	 * same goroutine, and that with the same stack, and with the same labels. */
	struct owner_look now;
	uint64_t begin_ns, end_ns, goid_ns, stack_ns, labels_ns;
	uint64_t old_lo, old_hi; /* its stack before that was moved, or 0 */
	/* Its callers of C code, hashed, and since when they were found to be these. */
	uint64_t callers, callers_ns;
	uint32_t set; /* number of the labels, if they were asked for; or 0 */
};

/* The end of a stack, and the index of who had it when that was noted. */
struct owner_stack {
	uint64_t hi, owner;
};

/* What the M of a thread had for a goroutine. */
struct thread_look {
	uint64_t begin_ns, curg;
};

/* All that were met. */
struct owners {
	struct source *source; /* borrowed, as the next two */
	struct image *image;
	struct symbols *symbols;
	struct map all;   /* addresses of allgs */
	uint64_t all_len; /* so many of them were read */
	VEC(struct owner) known;
	struct map by_g;                /* -> 1 + index in known */
	VEC(struct owner_stack) stacks; /* the first stacks_sorted are in order */
	size_t stacks_sorted;
	struct map by_tid;       /* thread -> 1 + index of the last one it ran */
	struct map thread_index; /* thread -> 1 + index in threads */
	VEC(struct thread_look) threads;
	struct map m_of;        /* thread -> address of its m */
	uint64_t ms_ns;         /* when that was listed */
	struct map by_goid;     /* goroutines that samples were found to be of */
	struct map label_index; /* hash of the texts of a set -> 1 + index */
	VEC(struct label_set) label_sets;
	struct arena label_arena;
	uint8_t *window; /* bytes of a g */
};

/** Set what is borrowed first. GOSPY_E_NOMEM, or nothing can be read. */
enum gospy_code owners_init(struct owners *owners, struct gospy_error *err);
void owners_deinit(struct owners *owners);

/** Before the walk: is the thread on the stack of a goroutine? */
struct walk_place owners_place(struct owners *owners, const struct cpu_sample *sample);
/** After it. False: out of memory. */
bool owners_find(struct owners *owners, const struct cpu_sample *sample, struct walker *walker,
		 struct whose *ret);
/** The number of the set of labels at an address; 0: it cannot be read. False: out of memory. */
bool owners_number_labels(struct owners *owners, uint64_t addr, uint32_t *ret);
/** The labels of that number, which is none of 0. */
const struct label_set *owners_labels(const struct owners *owners, uint32_t number);

#endif
