/*
 * The stacks of a capture, each different one kept once: a goroutine keeps a number. What is kept
 * of a goroutine alone are the arguments that tracebacks print, and only if they were asked for.
 */
#ifndef GOSPY_GORUNTIME_STACKS_H
#define GOSPY_GORUNTIME_STACKS_H

#include "goruntime/bulk.h"
#include "goruntime/grec.h"
#include "goruntime/unwind.h"

struct stack_rec {
	uint64_t hash;
	uint64_t end_addr;
	size_t first;     /* of its pcs */
	uint32_t count;   /* innermost first; return addresses but for an interrupted first one */
	uint32_t next;    /* 1 + index of another one with the same hash, or 0 */
	uint32_t certain; /* of the pcs, see unwind.h */
	uint8_t end;      /* enum unwind_end */
	bool interrupted;
};

enum {
	/* Program counters kept by one worker: 256 MiB. Stacks of a program that does not lie about
	 * them are alike, or are backed by its own memory. */
	STACKS_PCS_MAX = 1 << 25,
};

struct stacks {
	struct unwind_sites sites;
	/* No locks: each worker has tables of its own until stacks_merge. */
	struct stacks_worker {
		struct unwinder unwinder;
		VEC(uint64_t) pcs;
		VEC(struct stack_rec) recs;
		struct map by_hash;
		VEC(uint64_t) values;
		VEC(uint32_t) merged; /* its stacks' final numbers */
	} workers[BULK_WORKERS];
};

void stacks_init(struct stacks *stacks, struct pclntab *pcln, bool want_values);
void stacks_deinit(struct stacks *stacks);

/** Walk a stack and note it in `rec->stack` and `rec->values`; false: out of memory. */
bool stacks_walk(struct stacks *stacks, unsigned worker, struct unwind_bytes *bytes,
		 const struct unwind_start *start, struct g_rec *rec);
/** After all walks: one table for all. False: out of memory. */
bool stacks_merge(struct stacks *stacks);

/** 1 + the index in that table of the stack that stacks_walk has noted as `walked`; 0 of 0. */
static inline uint32_t stacks_number(const struct stacks *stacks, uint32_t walked)
{
	return walked ? stacks->workers[(walked - 1) % BULK_WORKERS]
				.merged.at[(walked - 1) / BULK_WORKERS]
		      : 0;
}

/** Number of different stacks, after stacks_merge. */
size_t stacks_count(const struct stacks *stacks);
/** A stack by its number, and its pcs. */
const struct stack_rec *stacks_get(const struct stacks *stacks, uint32_t stack,
				   const uint64_t **pcs_ret);
/** The values of a goroutine's printed arguments, frame by frame. */
const uint64_t *stacks_values(const struct stacks *stacks, uint32_t values, size_t *count_ret);

#endif
