#include "core/page_gather.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/parallel.h"
#include "core/record_copy.h"

enum {
	/* Of base/parallel.h: a chunk takes some hundred microseconds. */
	CHUNK_ITEMS = 1 << 14,
	/* Groups of 64 words of which none is wanted are not read. */
	GROUP = 64,
	GROUPS = CHUNK_WORDS,
	RUNS_MAX = GROUPS / 2,
	/* So few such groups between others are read, which takes less than to begin anew behind
	   them. */
	GROUPS_BETWEEN = 3,
	/* Fewer records need no copy: all that they lie on is unpacked soon. */
	RECORDS_FROM = 4096,
};
_Static_assert(CHUNK_BYTES == GROUPS * GROUP * 8, "a bit for each word");

/* What a worker needs for a chunk. */
struct room {
	struct range_bits bits;
	uint32_t records[CHUNK_RECORDS_MAX];
	/* From the first word that is wanted to the last one. */
	struct mem_req runs[RUNS_MAX];
	struct page_spare bytes; /* each is at its place in the chunk */
};

struct job {
	const struct page_gather *gather;
	size_t count;
	atomic_size_t next;
	atomic_int code; /* first failure */
	struct gospy_error err;
};

/* A chunk that is being filled. */
struct filling {
	const struct page_gather *gather;
	struct room *room;
	uint64_t addr;
	size_t runs;
};

/* ---- reading */

static size_t list_runs(struct room *room, uint64_t addr)
{
	const uint64_t *wanted = room->bits.wanted;
	size_t n = 0;
	for (size_t group = 0; group < GROUPS; group++) {
		if (!wanted[group])
			continue;
		const size_t from = group * GROUP + (size_t)__builtin_ctzll(wanted[group]);
		for (size_t next = group + 1; next < GROUPS && next - group <= GROUPS_BETWEEN + 1;
		     next++) {
			if (wanted[next])
				group = next;
		}
		const size_t end = (group + 1) * GROUP - (size_t)__builtin_clzll(wanted[group]);
		room->runs[n++] = (struct mem_req){.addr = addr + from * 8,
						   .dst = room->bytes.buffer + from * 8,
						   .len = (end - from) * 8};
	}
	return n;
}

/* The first word of [from, end) whose bit is, or is not, set; `end`: none. */
static size_t next_word(const uint64_t *bits, size_t from, size_t end, bool is_set)
{
	while (from < end) {
		uint64_t group = bits[from / GROUP];
		uint64_t left = (is_set ? group : ~group) >> from % GROUP;
		if (left)
			from += (size_t)__builtin_ctzll(left);
		if (left)
			return from < end ? from : end;
		from = (from / GROUP + 1) * GROUP;
	}
	return end;
}

/* Of a bundle the words that are wanted are there, perhaps, and not those in between. Nobody wants
 * any more what cannot be read. */
static enum gospy_code read_rest(const struct filling *f, const struct mem_req *run,
				 struct gospy_error *err)
{
	uint64_t *wanted = f->room->bits.wanted;
	const size_t first = (size_t)(run->addr - f->addr) / 8, end = first + run->len / 8;
	size_t at = first + run->done / 8;
	while ((at = next_word(wanted, at, end, true)) < end) {
		struct mem_req req = {
			.addr = f->addr + at * 8,
			.dst = (uint8_t *)run->dst + (at - first) * 8,
			.len = (next_word(wanted, at, end, false) - at) * 8,
		};
		enum gospy_code code = f->gather->mem->ops->readv(f->gather->mem, &req, 1, err);
		if (code)
			return code;
		at += req.done / 8;
		if (req.done < req.len)
			wanted[at / GROUP] &= ~(UINT64_C(1) << at % GROUP);
	}
	return GOSPY_OK;
}

static enum gospy_code read_runs(const struct filling *f, struct gospy_error *err)
{
	struct mem *mem = f->gather->mem;
	enum gospy_code code = mem->ops->readv(mem, f->room->runs, f->runs, err);
	for (size_t i = 0; i < f->runs && !code; i++) {
		if (f->room->runs[i].done < f->room->runs[i].len)
			code = read_rest(f, &f->room->runs[i], err);
	}
	return code;
}

/* Take out what is not to be kept. */
static void redact_stacks(const struct filling *f)
{
	const uint64_t *stack = f->room->bits.stack;
	const size_t end = GROUPS * GROUP;
	for (size_t at = next_word(stack, 0, end, true); at < end;
	     at = next_word(stack, at, end, true)) {
		size_t to = next_word(stack, at, end, false);
		f->gather->redact(f->gather->ctx, f->room->bytes.buffer + at * 8, (to - at) * 8);
		at = to;
	}
}

/* ---- pieces */

/* The first piece that begins at `addr` or later. */
static size_t first_piece(const struct mem_pieces *pieces, uint64_t addr)
{
	size_t lo = 0, hi = pieces->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (pieces->at(pieces->ctx, mid).addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Show what was read of pieces, before anything of it is taken out. */
static void show_pieces(const struct filling *f, unsigned worker)
{
	const struct mem_pieces *pieces = f->gather->pieces;
	size_t i = pieces ? first_piece(pieces, f->addr) : 0;
	for (size_t r = 0; pieces && r < f->runs; r++) {
		const struct mem_req *run = &f->room->runs[r];
		for (; i < pieces->count; i++) {
			const struct mem_range piece = pieces->at(pieces->ctx, i);
			if (piece.addr >= run->addr + run->len)
				break;
			if (piece.addr < run->addr || piece.addr - run->addr > run->done ||
			    piece.len > run->done - (piece.addr - run->addr))
				continue;
			pieces->visit(pieces->ctx, worker, i,
				      (const uint8_t *)run->dst + (piece.addr - run->addr));
		}
	}
}

/* ---- records */

/* The first record that begins at `addr` or later. */
static size_t first_record(const struct mem_pieces *pieces, uint64_t addr)
{
	size_t lo = 0, hi = pieces->record_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (pieces->record_at(pieces->ctx, mid) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* List those that lie in the chunk, and not over one another: a target may claim anything. */
static struct page_records list_records(const struct filling *f)
{
	const struct mem_pieces *pieces = f->gather->pieces;
	uint32_t *words = f->room->records;
	struct page_records ret = {.at = words};
	const size_t len = pieces ? pieces->record_len : 0;
	if (!len || len % 8 || len / 8 > RECORD_WORDS_MAX || pieces->record_count < RECORDS_FROM)
		return ret;
	size_t least = 0; // where the next one may begin
	for (size_t i = first_record(pieces, f->addr);
	     i < pieces->record_count && ret.count < CHUNK_RECORDS_MAX; i++) {
		const uint64_t addr = pieces->record_at(pieces->ctx, i);
		if (addr - f->addr >= CHUNK_BYTES)
			break;
		const size_t at = (size_t)(addr - f->addr);
		if (at % 8 || at < least || len > CHUNK_BYTES - at)
			continue;
		words[ret.count++] = (uint32_t)(at / 8);
		least = at + len;
	}
	ret.words = len / 8;
	return ret;
}

/* ---- the whole */

static enum gospy_code gather_chunk(struct job *job, struct room *room, size_t i, unsigned worker,
				    struct gospy_error *err)
{
	struct filling filling = {.gather = job->gather, .room = room};
	enum gospy_code code = page_spare_make(job->gather->store, &room->bytes, err);
	if (code)
		return code;
	filling.addr = range_notes_get(job->gather->notes, i, &room->bits);
	filling.runs = list_runs(room, filling.addr);
	if (!filling.runs)
		return GOSPY_OK;
	code = read_runs(&filling, err);
	if (code)
		return code;
	show_pieces(&filling, worker);
	redact_stacks(&filling);
	const struct page_records records = list_records(&filling);
	return page_store_fill(job->gather->store, filling.addr, room->bits.wanted, &records,
			       &room->bytes, err);
}

static enum gospy_code gather_some(struct job *job, struct room *room, unsigned worker,
				   struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	while (!code && !atomic_load(&job->code)) {
		size_t i = atomic_fetch_add(&job->next, 1);
		if (i >= job->count)
			break;
		code = cancel_check(err);
		if (!code)
			code = gather_chunk(job, room, i, worker, err);
	}
	return code;
}

static void work(void *ctx, unsigned worker)
{
	struct job *job = ctx;
	struct gospy_error err;
	struct room *room = calloc(1, sizeof(*room));
	enum gospy_code code = room ? gather_some(job, room, worker, &err) : err_nomem(&err);
	if (room)
		page_spare_drop(job->gather->store, &room->bytes);
	free(room);
	int none = GOSPY_OK;
	if (code && atomic_compare_exchange_strong(&job->code, &none, (int)code))
		job->err = err;
}

enum gospy_code page_gather_run(const struct page_gather *gather, struct gospy_error *err)
{
	struct job job = {.gather = gather};
	if (!range_notes_sort(gather->notes, &job.count))
		return err_nomem(err);
	// Each worker has some MiB of its own.
	parallel_run_most(PARALLEL_TWO, job.count * CHUNK_ITEMS, work, &job);
	if (atomic_load(&job.code) && err)
		*err = job.err;
	return (enum gospy_code)atomic_load(&job.code);
}
