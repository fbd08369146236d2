/*
 * The runtime's lists of profile buckets: a stack, and a record of what happened there.
 * src/runtime/mprof.go of Go 1.12-1.27: struct bucket, memRecord, blockRecord; a bucket is never
 * freed, and nothing but its record changes.
 *
 * Buckets of one time lie together (persistentalloc), so memory is read in blocks, and lazily: what
 * the list does not lead to is not read. Few blocks are kept at a time.
 */
#ifndef GOSPY_PROFILE_BUCKETS_H
#define GOSPY_PROFILE_BUCKETS_H

#include "base/arena.h"
#include "base/vec.h"
#include "target/mem.h"

enum {
	/* debug.profstackdepth, Go 1.23+, is at most so much; before, there were 32. */
	BUCKET_STACK_MAX = 1024,
	BUCKET_WORDS_MAX = 16, /* of a record: the most that a list may say it has */
};

struct bucket {
	uint64_t addr;
	uint64_t size;   /* of the object; 0 in lists of waits */
	uint64_t *pcs;   /* its stack */
	uint64_t *words; /* its record, as long as the list says */
	uint32_t pc_count;
};

struct buckets {
	VEC(struct bucket) all; /* in the order of the list */
	struct arena arena;     /* stacks and records lie in it */
};

void buckets_deinit(struct buckets *buckets);

/** What a list holds. */
struct bucket_list {
	uint64_t head_addr; /* of the variable */
	uint8_t type;       /* bucketType: 1 memProfile, 2 blockProfile, 3 mutexProfile */
	uint8_t words;      /* of a record */
};

/** Copy a list as it is now. At most `limit` bytes of memory are read. GOSPY_E_BAD_DATA: a bucket
 * that cannot be one, or a circle; GOSPY_E_LIMIT; GOSPY_E_FAULT. */
enum gospy_code buckets_read(struct mem *mem, const struct bucket_list *list, uint64_t limit,
			     struct buckets *ret, struct gospy_error *err);
/** Read the records once more: `seen` is called with each bucket, which has the new record, and
 * with the record before. */
enum gospy_code
buckets_read_again(struct mem *mem, const struct bucket_list *list, struct buckets *buckets,
		   void (*seen)(void *ctx, const struct bucket *bucket, const uint64_t *before),
		   void *ctx, struct gospy_error *err);

#endif
