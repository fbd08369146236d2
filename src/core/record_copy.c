#include "core/record_copy.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

enum { WORD = 8, SLOTS = 4, LEB_MAX = 10 };

/* ---- writing */

static size_t put_leb(uint8_t *at, uint64_t value)
{
	size_t n = 0;
	for (; value >= 0x80; value >>= 7)
		at[n++] = (uint8_t)(value | 0x80);
	at[n++] = (uint8_t)value;
	return n;
}

static uint64_t zigzag(uint64_t difference)
{
	return difference << 1 ^ (difference >> 63 ? UINT64_MAX : 0);
}

static uint64_t words_that_differ(const uint64_t *before, const uint64_t *now, size_t words)
{
	uint64_t differ = 0;
	for (size_t i = 0; i < words && i < RECORD_WORDS_MAX; i++)
		differ |= (uint64_t)(before[i] != now[i]) << i;
	return differ;
}

bool record_block_add(struct record_block_writer *block, uint64_t addr, const uint8_t *record)
{
	uint64_t now[RECORD_WORDS_MAX];
	const size_t most = 2 * LEB_MAX + WORD + block->words * LEB_MAX;
	if (!block->count)
		block->bytes.len = RECORD_BLOCK_HEADER;
	if (!vec_reserve(&block->bytes, block->bytes.len + most))
		return false;
	memcpy(now, record, block->words * WORD);
	if (!block->count)
		block->first = block->last = addr;
	uint8_t *at = block->bytes.at + block->bytes.len;
	const uint64_t differ = words_that_differ(block->before, now, block->words);
	const bool others = !block->count || differ != block->differ;
	at += put_leb(at, (addr - block->last) / WORD << 1 | others);
	if (others) {
		memcpy(at, &differ, sizeof(differ));
		at += sizeof(differ);
	}
	for (uint64_t left = differ; left; left &= left - 1) {
		const int i = __builtin_ctzll(left);
		at += put_leb(at, zigzag(now[i] - block->before[i]));
		block->before[i] = now[i];
	}
	block->bytes.len = (size_t)(at - block->bytes.at);
	block->differ = differ;
	block->last = addr;
	block->count++;
	return true;
}

void record_block_end(struct record_block_writer *block)
{
	const uint32_t numbers[] = {(uint32_t)block->count,
				    (uint32_t)(block->bytes.len - RECORD_BLOCK_HEADER)};
	if (!block->count)
		return;
	memcpy(block->bytes.at, &block->first, sizeof(block->first));
	memcpy(block->bytes.at + sizeof(block->first), numbers, sizeof(numbers));
}

void record_note_header(uint8_t dst[RECORD_NOTE_HEADER], size_t words)
{
	const uint32_t numbers[] = {RECORD_VERSION, (uint32_t)words};
	memcpy(dst, numbers, sizeof(numbers));
}

/* ---- reading a note */

struct block {
	uint64_t first;
	size_t count;
	struct span bytes; /* without the header */
};

/* A block that was read. */
struct slot {
	size_t block;  /* 1 + its number; 0: none */
	size_t count;  /* 0: there is something wrong with it */
	uint64_t used; /* when it was last used */
	uint64_t *addrs, *words;
};

struct record_copy {
	size_t words; /* of a record */
	VEC(struct block) blocks;
	pthread_mutex_t lock; /* of what follows */
	struct slot slots[SLOTS];
	uint64_t uses;
};

static uint64_t end_of_span(uint64_t addr)
{
	return (addr | (RECORD_BLOCK_SPAN - 1)) - (RECORD_BLOCK_SPAN - 1) + RECORD_BLOCK_SPAN;
}

static bool read_block(struct cursor *c, const struct record_copy *copy, struct block *ret)
{
	const struct block *before =
		copy->blocks.len ? &copy->blocks.at[copy->blocks.len - 1] : NULL;
	ret->first = cursor_u64(c);
	ret->count = cursor_u32(c);
	ret->bytes.len = cursor_u32(c);
	ret->bytes.ptr = cursor_bytes(c, ret->bytes.len);
	// Each takes a byte at least, and all lie in one MiB.
	return !c->failed && ret->count && ret->count <= ret->bytes.len &&
	       ret->count <= RECORD_BLOCK_SPAN / (copy->words * WORD) && ret->first % WORD == 0 &&
	       ret->first <= UINT64_MAX - RECORD_BLOCK_SPAN &&
	       (!before || ret->first >= end_of_span(before->first));
}

static enum gospy_code read_note(struct span note, struct record_copy *copy,
				 struct gospy_error *err)
{
	struct cursor c = cursor_at(note, 0);
	const uint32_t version = cursor_u32(&c);
	copy->words = cursor_u32(&c);
	if (c.failed || version != RECORD_VERSION || !copy->words || copy->words > RECORD_WORDS_MAX)
		return err_set(err, GOSPY_E_BAD_DATA, "the note of records is damaged");
	while (cursor_left(&c)) {
		struct block block;
		if (!read_block(&c, copy, &block))
			return err_set(err, GOSPY_E_BAD_DATA,
				       "the note of records contradicts itself");
		if (!vec_push(&copy->blocks, block))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

enum gospy_code record_copy_create(struct span note, struct record_copy **ret,
				   struct gospy_error *err)
{
	struct record_copy *copy = calloc(1, sizeof(*copy));
	if (!copy)
		return err_nomem(err);
	pthread_mutex_init(&copy->lock, NULL);
	enum gospy_code code = read_note(note, copy, err);
	if (code)
		record_copy_destroy(copy);
	else
		*ret = copy;
	return code;
}

void record_copy_destroy(struct record_copy *copy)
{
	if (!copy)
		return;
	for (size_t i = 0; i < SLOTS; i++) {
		free(copy->slots[i].addrs);
		free(copy->slots[i].words);
	}
	vec_free(&copy->blocks);
	pthread_mutex_destroy(&copy->lock);
	free(copy);
}

/* ---- reading records */

static uint64_t unzigzag(uint64_t value)
{
	return value >> 1 ^ (value & 1 ? UINT64_MAX : 0);
}

/* Read the record behind `before`, which is NULL for the first. */
static bool read_record(struct cursor *c, size_t words, const uint64_t *before, uint64_t *now,
			uint64_t *differ, uint64_t *distance_ret)
{
	const uint64_t head = cursor_uleb128(c);
	*distance_ret = head >> 1;
	if (head & 1)
		*differ = cursor_u64(c);
	if (words < RECORD_WORDS_MAX && *differ >> words)
		return false;
	if (before)
		memcpy(now, before, words * WORD);
	else
		memset(now, 0, words * WORD);
	for (uint64_t left = *differ; left; left &= left - 1)
		now[__builtin_ctzll(left)] += unzigzag(cursor_uleb128(c));
	return !c->failed;
}

static bool read_records(const struct record_copy *copy, const struct block *block,
			 struct slot *slot)
{
	struct cursor c = cursor_at(block->bytes, 0);
	const uint64_t end = end_of_span(block->first);
	uint64_t addr = block->first, differ = 0, distance;
	for (size_t i = 0; i < block->count; i++) {
		uint64_t *now = slot->words + i * copy->words;
		if (!read_record(&c, copy->words, i ? now - copy->words : NULL, now, &differ,
				 &distance) ||
		    (i ? distance < copy->words : distance != 0) || distance > (end - addr) / WORD)
			return false;
		addr += distance * WORD;
		if (copy->words * WORD > end - addr)
			return false;
		slot->addrs[i] = addr;
	}
	return !cursor_left(&c);
}

/* With the lock. */
static struct slot *slot_of(struct record_copy *copy, size_t number)
{
	struct slot *oldest = &copy->slots[0];
	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &copy->slots[i];
		if (slot->block == number + 1)
			return slot;
		if (slot->used < oldest->used)
			oldest = slot;
	}
	const struct block *block = &copy->blocks.at[number];
	if (!oldest->words) {
		const size_t most = RECORD_BLOCK_SPAN / (copy->words * WORD);
		oldest->words = malloc(most * copy->words * WORD);
		oldest->addrs = malloc(most * sizeof(*oldest->addrs));
	}
	if (!oldest->words || !oldest->addrs)
		return NULL;
	oldest->block = number + 1;
	oldest->count = read_records(copy, block, oldest) ? block->count : 0;
	return oldest;
}

/* The last block that begins at `addr` or before; the number of blocks: there is none. */
static size_t block_of(const struct record_copy *copy, uint64_t addr)
{
	size_t lo = 0, hi = copy->blocks.len;
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		if (copy->blocks.at[mid].first <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	const bool is_of = lo && addr < end_of_span(copy->blocks.at[lo - 1].first);
	return is_of ? lo - 1 : copy->blocks.len;
}

static const uint64_t *find(const struct record_copy *copy, const struct slot *slot, uint64_t addr)
{
	size_t lo = 0, hi = slot->count;
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		if (slot->addrs[mid] < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < slot->count && slot->addrs[lo] == addr ? slot->words + lo * copy->words : NULL;
}

/* With the lock. */
static void read_one(struct record_copy *copy, struct mem_req *req)
{
	const size_t number = block_of(copy, req->addr);
	struct slot *slot = number < copy->blocks.len ? slot_of(copy, number) : NULL;
	if (!slot)
		return;
	slot->used = ++copy->uses;
	const uint64_t *words = find(copy, slot, req->addr);
	if (!words)
		return;
	memcpy(req->dst, words, req->len);
	req->done = req->len;
}

void record_copy_read(struct record_copy *copy, struct mem_req *reqs, size_t n)
{
	pthread_mutex_lock(&copy->lock);
	for (size_t i = 0; i < n; i++) {
		reqs[i].done = 0;
		if (reqs[i].len == copy->words * WORD)
			read_one(copy, &reqs[i]);
	}
	pthread_mutex_unlock(&copy->lock);
}
