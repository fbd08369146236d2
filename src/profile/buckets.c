#include "profile/buckets.h"

#include <inttypes.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/radix.h"

enum { HEADER = 48, WORD = 8, PAGE = 4096, BLOCK = 64 << 10, PAGES = BLOCK / PAGE };

/* Memory of the target that is being looked at, in blocks. A list leads back to a block that it has
 * left only where processors took memory in turn, so few are kept; memory of our own that is new
 * costs more than the copy into it. */
struct blocks {
	struct mem *mem;
	uint64_t left;        /* bytes that may still be looked at */
	struct map by_number; /* address / BLOCK -> 1 + index in .kept, or DROPPED */
	VEC(struct block) kept;
	struct block *last; /* the one that was asked for last; NULL: none */
	size_t room;        /* so many are kept at most */
	size_t hand;        /* the next one to drop */
	size_t looked_at;   /* different blocks so far */
	size_t fetched;     /* how often one was read */
};

struct block {
	uint64_t number;
	uint8_t *bytes;
	uint32_t present; /* a bit for each page */
};

enum { ROOM = 8 };
#define DROPPED UINT64_MAX

static void blocks_deinit(struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->kept.len; i++)
		free(blocks->kept.at[i].bytes);
	vec_free(&blocks->kept);
	map_deinit(&blocks->by_number);
}

static enum gospy_code fetch(struct blocks *blocks, struct block *block, struct gospy_error *err)
{
	struct mem_req reqs[PAGES];
	for (size_t i = 0; i < PAGES; i++)
		reqs[i] = (struct mem_req){.addr = block->number * BLOCK + i * PAGE,
					   .dst = block->bytes + i * PAGE,
					   .len = PAGE};
	enum gospy_code code = mem_readv(blocks->mem, reqs, PAGES, err);
	if (code && code != GOSPY_E_FAULT)
		return code;
	block->present = 0;
	for (size_t i = 0; i < PAGES; i++)
		block->present |= (uint32_t)(reqs[i].done == PAGE) << i;
	return GOSPY_OK;
}

/* A block to read into: a new one, or the one that has been there longest. NULL: out of memory. */
static struct block *make_room(struct blocks *blocks)
{
	if (blocks->kept.len < blocks->room) {
		struct block block = {.bytes = malloc(BLOCK)};
		if (!block.bytes || !vec_push(&blocks->kept, block)) {
			free(block.bytes);
			return NULL;
		}
		return &blocks->kept.at[blocks->kept.len - 1];
	}
	struct block *block = &blocks->kept.at[blocks->hand];
	blocks->hand = (blocks->hand + 1) % blocks->room;
	// It was put there, so this does not make the map larger.
	*map_put(&blocks->by_number, block->number) = DROPPED;
	return block;
}

static enum gospy_code add_block(struct blocks *blocks, uint64_t number, struct gospy_error *err)
{
	if (cancel_asked())
		return err_set(err, GOSPY_E_CANCELLED, "cancelled");
	// It goes to and fro: what is kept is too little.
	if (blocks->fetched > 2 * blocks->looked_at + ROOM)
		blocks->room = 2 * blocks->looked_at;
	struct block *block = make_room(blocks);
	if (!block)
		return err_nomem(err);
	block->number = number;
	blocks->fetched++;
	enum gospy_code code = fetch(blocks, block, err);
	if (!code)
		blocks->last = block;
	return code;
}

/* NULL: `*code_ret` says why. */
static const struct block *find_block(struct blocks *blocks, uint64_t number,
				      enum gospy_code *code_ret, struct gospy_error *err)
{
	*code_ret = GOSPY_OK;
	if (blocks->last && blocks->last->number == number)
		return blocks->last;
	uint64_t *index = map_put(&blocks->by_number, number);
	blocks->last = NULL;
	if (!index) {
		*code_ret = err_nomem(err);
		return NULL;
	}
	if (*index && *index != DROPPED) {
		blocks->last = &blocks->kept.at[*index - 1];
		return blocks->last;
	}
	if (!*index && blocks->left < BLOCK) {
		*code_ret = err_set(err, GOSPY_E_LIMIT,
				    "the profile's buckets take more memory than the process has");
		return NULL;
	}
	if (!*index) {
		blocks->left -= BLOCK;
		blocks->looked_at++;
	}
	*code_ret = add_block(blocks, number, err);
	if (blocks->last)
		*map_put(&blocks->by_number, number) =
			(uint64_t)(blocks->last - blocks->kept.at) + 1;
	return blocks->last;
}

static enum gospy_code copy_out(struct blocks *blocks, uint64_t addr, void *dst, size_t len,
				struct gospy_error *err)
{
	uint8_t *to = dst;
	while (len) {
		enum gospy_code code;
		const struct block *block = find_block(blocks, addr / BLOCK, &code, err);
		if (!block)
			return code;
		size_t off = addr % BLOCK, n = PAGE - addr % PAGE;
		n = n < len ? n : len;
		if (!(block->present >> off / PAGE & 1))
			return err_fault(err, addr, "cannot read a profile bucket at 0x%" PRIx64,
					 addr);
		memcpy(to, block->bytes + off, n);
		to += n;
		addr += n;
		len -= n;
	}
	return GOSPY_OK;
}

void buckets_deinit(struct buckets *buckets)
{
	vec_free(&buckets->all);
	arena_deinit(&buckets->arena);
}

static enum gospy_code bad_bucket(uint64_t addr, const char *what, struct gospy_error *err)
{
	return err_set(err, GOSPY_E_BAD_DATA, "the profile bucket at 0x%" PRIx64 " %s", addr, what);
}

/* One bucket; `*next_ret` is that behind it. */
static enum gospy_code read_bucket(struct blocks *blocks, const struct bucket_list *list,
				   uint64_t addr, struct buckets *ret, uint64_t *next_ret,
				   struct gospy_error *err)
{
	struct {
		uint64_t next, allnext, type, hash, size, nstk;
	} header;
	_Static_assert(sizeof(header) == HEADER, "runtime.bucket");
	if (addr % WORD || addr > UINT64_MAX - (HEADER + WORD * BUCKET_STACK_MAX + BLOCK))
		return bad_bucket(addr, "is not where one can be", err);
	enum gospy_code code = copy_out(blocks, addr, &header, HEADER, err);
	if (code)
		return code;
	if (header.type != list->type || header.nstk > BUCKET_STACK_MAX)
		return bad_bucket(addr, "is none", err);
	size_t words = header.nstk + list->words;
	struct bucket bucket = {
		.addr = addr,
		.size = header.size,
		.pcs = arena_calloc(&ret->arena, words, WORD),
		.pc_count = (uint32_t)header.nstk,
	};
	if (!bucket.pcs)
		return err_nomem(err);
	bucket.words = bucket.pcs + header.nstk; // as they are in the target
	code = copy_out(blocks, addr + HEADER, bucket.pcs, words * WORD, err);
	if (code)
		return code;
	*next_ret = header.allnext;
	return vec_push(&ret->all, bucket) ? GOSPY_OK : err_nomem(err);
}

enum gospy_code buckets_read(struct mem *mem, const struct bucket_list *list, uint64_t limit,
			     struct buckets *ret, struct gospy_error *err)
{
	CLEANUP(blocks_deinit) struct blocks blocks = {.mem = mem, .left = limit, .room = ROOM};
	uint64_t addr = 0;
	ret->all.len = 0;
	arena_deinit(&ret->arena);
	enum gospy_code code = mem_read_u64(mem, list->head_addr, &addr, err);
	while (!code && addr) {
		// No two of them overlap, so a list that is longer than its memory is a circle.
		if (ret->all.len * HEADER > blocks.looked_at * BLOCK)
			return bad_bucket(addr, "is in the list for the second time", err);
		code = read_bucket(&blocks, list, addr, ret, &addr, err);
	}
	return code;
}

/* In the order of their addresses, so that each block is read once and few are kept. */
static struct radix_item *order_of(const struct buckets *buckets)
{
	struct radix_item *order = calloc(buckets->all.len + 1, sizeof(*order));
	for (size_t i = 0; order && i < buckets->all.len; i++)
		order[i] =
			(struct radix_item){.key = buckets->all.at[i].addr, .index = (uint32_t)i};
	if (order && !radix_sort(order, buckets->all.len)) {
		free(order);
		return NULL;
	}
	return order;
}

enum gospy_code
buckets_read_again(struct mem *mem, const struct bucket_list *list, struct buckets *buckets,
		   void (*seen)(void *ctx, const struct bucket *bucket, const uint64_t *before),
		   void *ctx, struct gospy_error *err)
{
	CLEANUP(blocks_deinit)
	struct blocks blocks = {.mem = mem, .left = UINT64_MAX, .room = ROOM};
	CLEANUP_FREE struct radix_item *order = order_of(buckets);
	size_t bytes = (size_t)list->words * WORD;
	enum gospy_code code = order ? GOSPY_OK : err_nomem(err);
	for (size_t i = 0; i < buckets->all.len && !code; i++) {
		const struct bucket *bucket = &buckets->all.at[order[i].index];
		uint64_t before[BUCKET_WORDS_MAX];
		memcpy(before, bucket->words, bytes);
		code = copy_out(&blocks, bucket->addr + HEADER + bucket->pc_count * WORD,
				bucket->words, bytes, err);
		if (!code)
			seen(ctx, bucket, before);
	}
	return code;
}
