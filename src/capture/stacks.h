/*
 * The stacks of a capture, each different one kept once: a goroutine keeps a number. Only the
 * arguments that tracebacks print are kept for each goroutine, and only if they were asked for.
 */
#ifndef GOSPY_CAPTURE_STACKS_H
#define GOSPY_CAPTURE_STACKS_H

#include "base/budget.h"
#include "base/map.h"
#include "capture/bulk.h"
#include "capture/grec.h"
#include "capture/unwind.h"

struct stack_rec {
	uint64_t hash;
	uint64_t end_addr;
	size_t first;     /* of its pcs; behind them its gap, if there is one */
	uint32_t count;   /* innermost first; return addresses but for an interrupted first one */
	uint32_t next;    /* 1 + index of another one with the same hash, or 0 */
	uint32_t certain; /* of the pcs, see unwind.h */
	uint8_t end;      /* enum unwind_end */
	uint8_t lead;     /* see unwind.h */
	bool gap;         /* behind the first UNWIND_INNER pcs */
	bool interrupted;
};

enum {
	/* So many frames one worker walks, and so many more for each g; a frame takes some
	 * nanoseconds. Any number of g's may say that the same deep stack is theirs. A stack may
	 * have 512 MiB (the largest power of two that is not over the limit of
	 * src/runtime/proc.go:main): of frames of 16 bytes, and copied window by window. */
	STACKS_FRAMES = 1 << 26,
	STACKS_FRAMES_EACH = 64,
};

/* Instead of a goroutine's values: the budget did not hold them. */
#define STACKS_NO_VALUES UINT32_MAX

/* Different stacks; the first has number 1. A table only grows. */
struct stack_table {
	VEC(uint64_t) pcs;
	VEC(struct stack_rec) recs;
	struct map by_hash;
};

void stack_table_deinit(struct stack_table *table);
/** Make `to`, which is valid or all zero, hold what `from` holds. False: out of memory. */
bool stack_table_copy(struct stack_table *to, const struct stack_table *from);
/** Forget the stacks whose entry in `numbers` is 0; the others get new numbers, which are put
 * there. The first entry is that of stack 1. False: out of memory, and nothing changed. */
bool stack_table_shrink(struct stack_table *table, uint32_t *numbers);

struct stacks {
	/* Borrowed, up to the end of stacks_merge. What it does not hold ends in UNWIND_NO_MEMORY.
	 */
	struct budget *budget;
	/* Borrowed: the table of worker 0, which in the end is that of all. It may hold the stacks
	 * of an earlier capture, which keep their numbers. */
	struct stack_table *all;
	/* No locks: each worker has tables of its own until stacks_merge. */
	struct stacks_worker {
		struct unwinder unwinder;
		struct stack_table own; /* empty of worker 0 */
		VEC(uint64_t) values;
		VEC(uint32_t) merged; /* its stacks' final numbers */
		size_t frames;        /* left to walk */
	} workers[BULK_WORKERS];
};

/** Begin. The number of goroutines, `gs`, decides how many frames are walked at most. `all`,
 * `symbols` and `budget` are borrowed. */
void stacks_init(struct stacks *stacks, struct stack_table *all, struct symbols *symbols,
		 bool want_values, struct budget *budget, size_t gs);
void stacks_deinit(struct stacks *stacks);

/** Walk a stack and note it in `rec->stack` and `rec->values`; false: out of memory. */
bool stacks_walk(struct stacks *stacks, unsigned worker, struct unwind_bytes *bytes,
		 const struct unwind_start *start, struct g_rec *rec);
/** Count work of a worker that costs as much as walking so many frames. */
void stacks_spend(struct stacks *stacks, unsigned worker, size_t frames);
/** After all walks: one table for all. False: out of memory. */
bool stacks_merge(struct stacks *stacks);

/** 1 + the index in that table of the stack that stacks_walk has noted as `walked`; 0 of 0. What
 * a record holds that was kept from an earlier capture (G_NAMED) is such a number already. */
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
/** What is missing between its pcs, if `stack->gap`. */
struct unwind_gap stacks_gap(const struct stacks *stacks, const struct stack_rec *stack);
/** The values of a goroutine's printed arguments, frame by frame; none of STACKS_NO_VALUES. */
const uint64_t *stacks_values(const struct stacks *stacks, uint32_t values, size_t *count_ret);

#endif
