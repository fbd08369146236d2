/*
 * The records of a capture and the stacks that they refer to. A collector keeps them for its next
 * capture, and the snapshot that they were made for may be read meanwhile, so they are counted.
 *
 * What enters: allgs in the order of its addresses, from collect.c or keep.c. Who owns it: whoever
 * holds a reference; only its single holder may write to it.
 */
#ifndef GOSPY_CAPTURE_STORE_H
#define GOSPY_CAPTURE_STORE_H

#include <stdatomic.h>

#include "capture/stacks.h"

/* A store that nobody holds any more goes here, because its memory is of use: most of what fresh
 * memory costs is that the kernel clears it. */
struct store_pool;

struct store {
	atomic_uint refs;
	struct store_pool *pool; /* NULL: it is freed */
	struct g_rec *recs;
	size_t cap;
	uint32_t *by_index;        /* index in allgs -> position in recs; `cap` of them */
	struct stack_table stacks; /* what the records' stacks are */
	uint64_t number;           /* of the capture that it is of, for its collector */
	bool extras;               /* some have .chan or .label_set */
};

/** Room for `n` records, which are zero, and for those that come later. `pool` may be NULL. NULL:
 * out of memory. */
struct store *store_create(size_t n, struct store_pool *pool);
struct store *store_ref(struct store *store);
/** NULL is allowed. */
void store_unref(struct store *store);
/** Has nobody else a reference? Then nobody else can get one. */
bool store_is_mine(const struct store *store);

/** It keeps one store at most. NULL: out of memory. */
struct store_pool *store_pool_create(void);
/** Take the pool's store, with memory for `n` records and what it held when it was given back.
 * NULL: there is none. */
struct store *store_pool_take(struct store_pool *pool, size_t n);
/** From now on the pool keeps nothing. It ends with the last store that knows it. NULL is allowed.
 */
void store_pool_close(struct store_pool *pool);

#endif
