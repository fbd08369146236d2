#include "profile/buckets.h"

#include <inttypes.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/radix.h"

enum { HEADER = 48, WORD = 8, PAGE = 4096, BLOCK = 64 << 10, PAGES = BLOCK / PAGE };

/* Memory of the target that was looked at, in blocks. */
struct blocks {
	struct mem *mem;
	uint64_t left;        /* bytes that may still be read */
	struct map by_number; /* address / BLOCK -> 1 + index */
	struct block {
		uint8_t *bytes;
		uint32_t present; /* a bit for each page */
	} * at;
	size_t count, cap;
	size_t made; /* so many have memory; it is used again */
};

static void blocks_deinit(struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->made; i++)
		free(blocks->at[i].bytes);
	free(blocks->at);
	map_deinit(&blocks->by_number);
}

/* Forget what was read, and keep the memory. */
static void blocks_restart(struct blocks *blocks)
{
	blocks->count = 0;
	map_deinit(&blocks->by_number);
	blocks->by_number = (struct map){0};
}

static enum gospy_code fetch(struct blocks *blocks, uint64_t addr, struct block *block,
			     struct gospy_error *err)
{
	struct mem_req reqs[PAGES];
	for (size_t i = 0; i < PAGES; i++)
		reqs[i] = (struct mem_req){
			.addr = addr + i * PAGE, .dst = block->bytes + i * PAGE, .len = PAGE};
	enum gospy_code code = mem_readv(blocks->mem, reqs, PAGES, err);
	if (code && code != GOSPY_E_FAULT)
		return code;
	for (size_t i = 0; i < PAGES; i++)
		block->present |= (uint32_t)(reqs[i].done == PAGE) << i;
	return GOSPY_OK;
}

static enum gospy_code add_block(struct blocks *blocks, uint64_t number, uint64_t *slot,
				 struct gospy_error *err)
{
	if (blocks->left < BLOCK)
		return err_set(err, GOSPY_E_LIMIT,
			       "the profile's buckets take more memory than the process has");
	if (cancel_asked())
		return err_set(err, GOSPY_E_CANCELLED, "cancelled");
	if (blocks->count == blocks->cap) {
		struct block *at =
			vec_grown_(blocks->at, &blocks->cap, blocks->count + 1, sizeof(*at));
		if (!at)
			return err_nomem(err);
		blocks->at = at;
	}
	struct block *block = &blocks->at[blocks->count];
	if (blocks->count == blocks->made) {
		*block = (struct block){.bytes = malloc(BLOCK)};
		if (!block->bytes)
			return err_nomem(err);
		blocks->made++;
	}
	block->present = 0;
	enum gospy_code code = fetch(blocks, number * BLOCK, block, err);
	if (code)
		return code;
	blocks->left -= BLOCK;
	*slot = ++blocks->count;
	return GOSPY_OK;
}

/* NULL: `*code_ret` says why. */
static const struct block *find_block(struct blocks *blocks, uint64_t number,
				      enum gospy_code *code_ret, struct gospy_error *err)
{
	uint64_t *slot = map_put(&blocks->by_number, number);
	if (!slot)
		*code_ret = err_nomem(err);
	else
		*code_ret = *slot ? GOSPY_OK : add_block(blocks, number, slot, err);
	return *code_ret ? NULL : &blocks->at[*slot - 1];
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
	vec_free(&buckets->pcs);
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
	struct bucket bucket = {
		.addr = addr,
		.size = header.size,
		.first_pc = ret->pcs.len,
		.pc_count = (uint32_t)header.nstk,
	};
	if (!vec_reserve(&ret->pcs, ret->pcs.len + header.nstk + 1))
		return err_nomem(err);
	code = copy_out(blocks, addr + HEADER, ret->pcs.at + ret->pcs.len, header.nstk * WORD, err);
	if (!code)
		code = copy_out(blocks, addr + HEADER + header.nstk * WORD, bucket.words,
				(size_t)list->words * WORD, err);
	if (code)
		return code;
	ret->pcs.len += header.nstk;
	*next_ret = header.allnext;
	return vec_push(&ret->all, bucket) ? GOSPY_OK : err_nomem(err);
}

enum gospy_code buckets_read(struct mem *mem, const struct bucket_list *list, uint64_t limit,
			     struct buckets *ret, struct gospy_error *err)
{
	CLEANUP(blocks_deinit) struct blocks blocks = {.mem = mem, .left = limit};
	uint64_t addr = 0;
	ret->all.len = ret->pcs.len = 0;
	enum gospy_code code = mem_read_u64(mem, list->head_addr, &addr, err);
	while (!code && addr) {
		// No two of them overlap, so a list that is longer than its memory is a circle.
		if (ret->all.len * HEADER > blocks.count * BLOCK)
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
	enum { BLOCKS_KEPT = 16 };
	CLEANUP(blocks_deinit) struct blocks blocks = {.mem = mem, .left = UINT64_MAX};
	CLEANUP_FREE struct radix_item *order = order_of(buckets);
	size_t bytes = (size_t)list->words * WORD;
	enum gospy_code code = order ? GOSPY_OK : err_nomem(err);
	for (size_t i = 0; i < buckets->all.len && !code; i++) {
		struct bucket *bucket = &buckets->all.at[order[i].index];
		uint64_t before[BUCKET_WORDS_MAX];
		memcpy(before, bucket->words, sizeof(before));
		if (blocks.count >= BLOCKS_KEPT)
			blocks_restart(&blocks);
		code = copy_out(&blocks, bucket->addr + HEADER + bucket->pc_count * WORD,
				bucket->words, bytes, err);
		if (!code)
			seen(ctx, bucket, before);
	}
	return code;
}
