/*
 * Copying very many small records of a target. Addresses are sorted; runs on the same or on
 * neighbouring pages are fetched as one; many runs go into a system call; the buffer stays in the
 * cache, and each record is handed to a visitor while it is hot. Two threads work where that pays.
 * The cost is per page of the target, not per byte.
 */
#ifndef GOSPY_CAPTURE_BULK_H
#define GOSPY_CAPTURE_BULK_H

#include "base/parallel.h"
#include "target/mem.h"

enum {
	BULK_WORKERS = PARALLEL_WORKERS,
	/* Bytes fetched at a time by each worker: they stay in the L2 cache, and a validating
	 * second read follows closely. */
	BULK_BUFFER = 128 << 10,
};

/* The memory that runs work with, kept from one run to the next: so nobody asks the kernel for
 * memory inside a stop. */
struct bulk_room;

/** The memory that a run over `count` items is going to touch is there already. NULL: none is left.
 */
struct bulk_room *bulk_room_create(size_t count);
void bulk_room_destroy(struct bulk_room *room);

struct bulk {
	struct mem *mem;
	struct bulk_room *room; /* of no other run meanwhile; NULL: one for this run alone */
	/* Items: anything that begins with the uint64_t address of its record, in ascending order.
	 */
	const void *items;
	size_t stride; /* size of an item */
	size_t count;
	size_t first; /* start with this item */
	size_t len;   /* bytes to copy of each record, at most BULK_BUFFER */
	/* Records differ in length: behind its address each item has a uint32_t, the bytes to copy
	 * of it, at most `len`. */
	bool lengths;
	/* Of the records. */
	enum mem_kind kind;
	/* Read each buffer twice in a row and hand out both copies. */
	bool twice;
	/* Do not start another buffer after this clock_mono_ns(); 0: none. */
	uint64_t deadline_ns;
	/* Called for item `index` by worker `worker` (0 is the caller's thread). `bytes` is NULL if
	 * the record cannot be read; `again` is the second copy if `twice`. Different workers never
	 * get the same item. */
	void (*visit)(void *ctx, unsigned worker, size_t index, const uint8_t *bytes,
		      const uint8_t *again);
	/* Called now and then by worker 0; may be NULL. */
	void (*progress)(void *ctx, size_t done, size_t total);
	void *ctx;
};

/** Copy items [first, count). `*done_ret` (may be NULL): items [first, done) were visited; less
 * than `count` only when the deadline came. Errors: GOSPY_E_NOMEM, GOSPY_E_LIMIT (`len`),
 * GOSPY_E_CANCELLED, or what the reader says when nothing can be read. */
enum gospy_code bulk_run(const struct bulk *bulk, size_t *done_ret, struct gospy_error *err);

#endif
