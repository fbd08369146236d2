#include "heap/roots.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "image/image.h"

enum {
	WORD = 8,
	PIECE = 64 << 10, /* of globals, read at a time */
	/* As much as a program may have mapped: base/paged.h:PAGED_MAX. */
	RANGE_WORDS_MAX = INT32_MAX / WORD,

	SPECIAL_PAYLOAD_WORDS = 3,
	SPECIAL_BYTES = 24 + SPECIAL_PAYLOAD_WORDS * WORD,
	/* Each slot has one finalizer, one profile record and so on, but any number of cleanups. */
	SPECIALS_EACH = 1 << 16, /* of a span */
	SPECIALS_BATCH = 256,

	/* src/runtime/mfinal.go: finblock, finalizer. */
	FIN_BLOCK = 4096,
	FIN_COUNT_AT = 16,
	FIN_AT = 24,
	FIN_WORDS = 5,
	FIN_COUNT_MAX = (FIN_BLOCK - FIN_AT) / (FIN_WORDS * WORD),
	/* src/runtime/mcleanup.go: cleanupBlock. */
	CLEANUP_BLOCK = 512,
	CLEANUP_LINK_AT = 16,
	CLEANUP_COUNT_AT = 24,
	CLEANUP_AT = 32,
	/* Blocks are never freed: a hundred entries each, so this is a queue of millions. */
	BLOCKS_MAX = 1 << 16,
};

struct finder {
	struct image *image;
	const struct heap *heap; /* NULL: only globals are wanted */
	root_visit *visit;
	void *ctx;
	struct roots_count *count;
};

static uint64_t load(const uint8_t *bytes)
{
	uint64_t v;
	memcpy(&v, bytes, sizeof(v));
	return v;
}

/* Can nothing more be read? One range that cannot be is counted, no more. */
static enum gospy_code weigh(struct finder *f, enum gospy_code code)
{
	f->count->unread += code == GOSPY_E_FAULT;
	return code == GOSPY_E_FAULT ? GOSPY_OK : code;
}

static void give(struct finder *f, enum root_kind kind, uint64_t addr, uint64_t pointer,
		 uint32_t object)
{
	const struct root root = {.kind = kind, .pointer = pointer, .addr = addr, .object = object};
	if (pointer)
		f->visit(f->ctx, &root);
}

/* ------------------------------------------------------------------------------------- globals --
 */

/* A part of the globals, and the bits of it: NULL: each word may be a pointer. */
static void give_words(struct finder *f, uint64_t addr, const uint8_t *bytes, size_t words,
		       const uint8_t *mask)
{
	for (size_t i = 0; i < words; i++) {
		if (mask && !(mask[i / 8] >> i % 8 & 1))
			continue;
		const struct root root = {.kind = ROOT_GLOBAL,
					  .pointer = load(bytes + i * WORD),
					  .addr = addr + i * WORD,
					  .before = i ? load(bytes + (i - 1) * WORD) : 0,
					  .object = HEAP_NONE};
		f->count->globals++;
		if (root.pointer)
			f->visit(f->ctx, &root);
	}
}

/* The bytes of a mask: bit i of it is word i of the range. */
static enum gospy_code give_range(struct finder *f, uint64_t start, uint64_t words, uint64_t mask,
				  uint8_t *room, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	for (uint64_t at = 0; at < words && !code; at += PIECE / WORD) {
		size_t n = words - at < PIECE / WORD ? words - at : PIECE / WORD;
		struct mem_req reqs[] = {
			{.addr = start + at * WORD, .dst = room, .len = n * WORD},
			{.addr = mask + at / 8, .dst = room + PIECE, .len = (n + 7) / 8},
		};
		code = cancel_check(err);
		if (!code)
			code = mem_readv(f->image->mem, reqs, mask ? 2 : 1, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		code = GOSPY_OK;
		bool masked = mask && reqs[1].done == reqs[1].len;
		f->count->conservative += !masked;
		f->count->unread += reqs[0].done != reqs[0].len;
		give_words(f, start + at * WORD, room, reqs[0].done / WORD,
			   masked ? room + PIECE : NULL);
	}
	return code;
}

static enum gospy_code give_module(struct finder *f, const struct moduledata *md, uint64_t shift,
				   struct gospy_error *err)
{
	const uint64_t ranges[2][2] = {{md->data, md->edata}, {md->bss, md->ebss}};
	uint8_t masks[2][2 * WORD];
	CLEANUP_FREE uint8_t *room = malloc(PIECE + PIECE / WORD / 8);
	if (!room)
		return err_nomem(err);
	enum gospy_code code =
		mem_read(f->image->mem, md->gcmasks + shift, masks, sizeof(masks), err);
	bool known = !code;
	code = weigh(f, code);
	for (size_t i = 0; i < 2 && !code; i++) {
		uint64_t start = ranges[i][0] + shift, end = ranges[i][1] + shift;
		uint64_t words = end > start ? (end - start) / WORD : 0, mask = 0;
		uint32_t n;
		memcpy(&n, masks[i], sizeof(n));
		// A mask that is not of this range is none.
		if (known && n == words)
			mask = load(masks[i] + WORD);
		f->count->unread += words > RANGE_WORDS_MAX;
		if (words <= RANGE_WORDS_MAX)
			code = give_range(f, start, words, mask, room, err);
	}
	return code;
}

static enum gospy_code give_globals(struct finder *f, struct gospy_error *err)
{
	const struct program *program = f->image->program;
	uint64_t shift = image_shift(f->image);
	enum gospy_code code = give_module(f, &program->md, shift, err);
	for (const struct pclntab *pcln = program->pcln.next; pcln && !code; pcln = pcln->next)
		code = give_module(f, &pcln->md, shift, err);
	return code;
}

/* ------------------------------------------------------------------------------------ specials --
 */

enum special { SPECIAL_OTHER, SPECIAL_FINALIZER, SPECIAL_WEAK_HANDLE, SPECIAL_CLEANUP };

/* src/runtime/mheap.go: _KindSpecial... */
static enum special special_of(int minor, unsigned kind)
{
	static const struct {
		int since;
		uint8_t finalizer, weak_handle, cleanup;
	} kinds[] = {{25, 2, 3, 7}, {24, 1, 2, 6}, {23, 1, 2, 0}, {0, 1, 0, 0}};
	for (size_t i = 0;; i++) {
		if (minor < kinds[i].since)
			continue;
		return !kind                          ? SPECIAL_OTHER
		       : kind == kinds[i].finalizer   ? SPECIAL_FINALIZER
		       : kind == kinds[i].weak_handle ? SPECIAL_WEAK_HANDLE
		       : kind == kinds[i].cleanup     ? SPECIAL_CLEANUP
						      : SPECIAL_OTHER;
	}
}

/* The place in a span's list of specials. */
struct link {
	uint64_t addr;
	uint32_t span; /* index */
	uint32_t steps;
};

static void give_special(struct finder *f, const struct link *link, const uint8_t *bytes)
{
	const struct layout *l = &f->image->layout;
	const struct heap_span *span = &f->heap->spans.all.at[link->span];
	size_t payload_at = l->special.size;
	const uint8_t *payload = bytes + payload_at;
	uint64_t object = span->start + field_load(bytes, l->special.offset);
	uint32_t number = heap_number(&f->heap->spans, object);
	uint64_t at = link->addr + payload_at;
	unsigned kind = (unsigned)field_load(bytes, l->special.kind);
	f->count->specials++;
	switch (special_of(f->image->version.minor, kind)) {
	case SPECIAL_FINALIZER:
		give(f, ROOT_FINALIZER, at, load(payload), number);
		give(f, ROOT_FINALIZED, link->addr, object, number);
		break;
	case SPECIAL_WEAK_HANDLE:
		give(f, ROOT_WEAK_HANDLE, at, load(payload), number);
		break;
	case SPECIAL_CLEANUP:
		// The function and an id; from Go 1.26 on three pointers. An id is no address.
		for (size_t i = 0; i < SPECIAL_PAYLOAD_WORDS; i++)
			give(f, ROOT_CLEANUP, at + i * WORD, load(payload + i * WORD), number);
		break;
	case SPECIAL_OTHER:
		break;
	}
}

/* Read a batch of specials, and put those that come after them in their places. Returns how many
 * there are. */
static size_t step_batch(struct finder *f, struct link *links, size_t n, uint8_t *bytes,
			 const struct mem_req *reqs)
{
	const struct field next = f->image->layout.special.next;
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		struct link link = links[i];
		const uint8_t *at = bytes + i * SPECIAL_BYTES;
		// The last words may be behind what is mapped.
		if (reqs[i].done < f->image->layout.special.size + WORD) {
			f->count->unread++;
			continue;
		}
		give_special(f, &link, at);
		link.addr = field_load(at, next);
		f->count->unread += link.addr && link.steps == SPECIALS_EACH;
		if (link.addr && link.steps++ < SPECIALS_EACH)
			links[kept++] = link;
	}
	return kept;
}

/* The next special of each list that has one. */
static enum gospy_code step_lists(struct finder *f, struct link *links, size_t *count,
				  uint8_t *bytes, struct mem_req *reqs, struct gospy_error *err)
{
	size_t kept = 0;
	for (size_t from = 0; from < *count; from += SPECIALS_BATCH) {
		size_t n = *count - from < SPECIALS_BATCH ? *count - from : SPECIALS_BATCH;
		for (size_t i = 0; i < n; i++)
			reqs[i] = (struct mem_req){.addr = links[from + i].addr,
						   .dst = bytes + i * SPECIAL_BYTES,
						   .len = SPECIAL_BYTES};
		memset(bytes, 0, n * SPECIAL_BYTES);
		enum gospy_code code = cancel_check(err);
		if (!code)
			code = mem_readv(f->image->mem, reqs, n, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		n = step_batch(f, links + from, n, bytes, reqs);
		memmove(links + kept, links + from, n * sizeof(*links));
		kept += n;
	}
	*count = kept;
	return GOSPY_OK;
}

static enum gospy_code give_specials(struct finder *f, struct gospy_error *err)
{
	const struct layout *l = &f->image->layout;
	const struct heap_spans *spans = &f->heap->spans;
	CLEANUP_FREE struct link *links = malloc((spans->all.len + 1) * sizeof(*links));
	CLEANUP_FREE uint8_t *bytes = malloc(SPECIALS_BATCH * SPECIAL_BYTES);
	CLEANUP_FREE struct mem_req *reqs = malloc(SPECIALS_BATCH * sizeof(*reqs));
	size_t n = 0;
	if (!links || !bytes || !reqs)
		return err_nomem(err);
	if (!l->special.size || l->special.size > SPECIAL_BYTES - SPECIAL_PAYLOAD_WORDS * WORD ||
	    !field_present(l->mspan.specials)) {
		f->count->unread++;
		return GOSPY_OK;
	}
	for (size_t i = 0; i < spans->all.len; i++) {
		if (spans->all.at[i].specials)
			links[n++] = (struct link){spans->all.at[i].specials, (uint32_t)i, 0};
	}
	enum gospy_code code = GOSPY_OK;
	while (n && !code)
		code = step_lists(f, links, &n, bytes, reqs, err);
	return code;
}

/* -------------------------------------------------------------------------------------- queues --
 */

static void give_fin_block(struct finder *f, uint64_t addr, const uint8_t *bytes)
{
	enum { NRET = 2 };
	uint32_t n;
	memcpy(&n, bytes + FIN_COUNT_AT, sizeof(n));
	n = n < FIN_COUNT_MAX ? n : FIN_COUNT_MAX;
	f->count->queued += n;
	for (size_t i = 0; i < (size_t)n * FIN_WORDS; i++) {
		size_t off = FIN_AT + i * WORD;
		if (i % FIN_WORDS != NRET)
			give(f, ROOT_FINALIZER_QUEUE, addr + off, load(bytes + off), HEAP_NONE);
	}
}

/* Entries are a pointer each, from Go 1.26 on three. Behind the last there may be what has run. */
static void give_cleanup_block(struct finder *f, uint64_t addr, const uint8_t *bytes)
{
	uint32_t n;
	memcpy(&n, bytes + CLEANUP_COUNT_AT, sizeof(n));
	f->count->queued += n < CLEANUP_BLOCK / WORD ? n : CLEANUP_BLOCK / WORD;
	for (size_t off = CLEANUP_AT; n && off < CLEANUP_BLOCK; off += WORD)
		give(f, ROOT_CLEANUP_QUEUE, addr + off, load(bytes + off), HEAP_NONE);
}

/* All blocks of a list. */
static enum gospy_code give_blocks(struct finder *f, uint64_t head, size_t len, size_t link_at,
				   void (*give_block)(struct finder *, uint64_t, const uint8_t *),
				   struct gospy_error *err)
{
	uint8_t bytes[FIN_BLOCK];
	uint64_t block;
	enum gospy_code code = mem_read_u64(f->image->mem, head, &block, err);
	for (size_t i = 0; !code && block; i++) {
		if (i == BLOCKS_MAX) {
			f->count->unread++;
			break;
		}
		code = cancel_check(err);
		if (!code)
			code = mem_read(f->image->mem, block, bytes, len, err);
		if (code)
			break;
		give_block(f, block, bytes);
		block = load(bytes + link_at);
	}
	return weigh(f, code);
}

static enum gospy_code give_queues(struct finder *f, struct gospy_error *err)
{
	const struct globals *globals = &f->image->globals;
	const struct field all = f->image->layout.cleanupQueue.all;
	enum gospy_code code = GOSPY_OK;
	f->count->unread += !globals->allfin.addr;
	if (globals->allfin.addr)
		code = give_blocks(f, globals->allfin.addr, FIN_BLOCK, 0, give_fin_block, err);
	if (!code && globals->gcCleanups.addr && field_present(all))
		code = give_blocks(f, globals->gcCleanups.addr + all.off, CLEANUP_BLOCK,
				   CLEANUP_LINK_AT, give_cleanup_block, err);
	return code;
}

enum gospy_code roots_globals(struct image *image, root_visit *visit, void *ctx,
			      struct roots_count *count, struct gospy_error *err)
{
	struct finder f = {image, NULL, visit, ctx, count};
	return give_globals(&f, err);
}

enum gospy_code roots_each(struct image *image, const struct heap *heap, root_visit *visit,
			   void *ctx, struct roots_count *ret, struct gospy_error *err)
{
	struct finder f = {image, heap, visit, ctx, ret};
	*ret = (struct roots_count){0};
	enum gospy_code code = give_globals(&f, err);
	if (!code)
		code = give_specials(&f, err);
	return code ? code : give_queues(&f, err);
}
