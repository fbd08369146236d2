/*
 * What one capture may use up for what its target claims. Each loop whose length the target decides
 * takes what it is going to need from the one budget of the capture before it needs it. Whoever
 * asked for something that does not fit marks it and counts it, so that nothing is dropped without
 * a word.
 *
 * It may be asked by several threads at once.
 */
#ifndef GOSPY_BASE_BUDGET_H
#define GOSPY_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/clock.h"

struct budget {
	atomic_size_t bytes; /* of memory, left to take */
	atomic_size_t reads; /* of pieces of the target's memory: some 0.5 us each */
};

static inline void budget_init(struct budget *budget, size_t bytes, size_t reads)
{
	atomic_init(&budget->bytes, bytes);
	atomic_init(&budget->reads, reads);
}

static inline bool budget_take_(atomic_size_t *left, size_t n)
{
	size_t now = atomic_load_explicit(left, memory_order_relaxed);
	while (n <= now) {
		if (atomic_compare_exchange_weak_explicit(left, &now, now - n, memory_order_relaxed,
							  memory_order_relaxed))
			return true;
	}
	return false;
}

/** Take memory; false: there is not so much left, and none was taken. */
static inline bool budget_take(struct budget *budget, size_t bytes)
{
	return !bytes || budget_take_(&budget->bytes, bytes);
}

/** What it costs in bytes that an array of `cap` elements grows to hold `need`: vec.h. For arrays
 * that grow together, take the sum at once. */
static inline size_t budget_growth(size_t cap, size_t need, size_t elem)
{
	size_t want = cap + cap / 2 > need ? cap + cap / 2 : need;
	return need <= cap ? 0 : (want - cap) * elem;
}

/** Give back what is used no more. */
static inline void budget_give(struct budget *budget, size_t bytes)
{
	atomic_fetch_add_explicit(&budget->bytes, bytes, memory_order_relaxed);
}

/** The same for reads; and when the call was called off (base/cancel.h) nothing is read any more.
 */
static inline bool budget_read(struct budget *budget, size_t reads)
{
	return budget_take_(&budget->reads, reads) && !cancel_asked();
}

/** Is it `deadline_ns` of clock_mono_ns(), or later? 0: there is no deadline. For loops that are
 * inside a stop; asks the clock once in 64 `steps`. */
static inline bool budget_late(uint64_t deadline_ns, size_t steps)
{
	enum { STEPS = 64 };
	return deadline_ns && steps % STEPS == STEPS - 1 && clock_mono_ns() >= deadline_ns;
}

#endif
