/* page_gather.c and range_notes.c: what was noted is read into the store, and nothing else is. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/parallel.h"
#include "core/page_gather.h"
#include "core/record_copy.h"
#include "target/mem_bytes.h"

enum { CHUNKS = 20, THREADS = 4, WORDS = CHUNKS * CHUNK_BYTES / 8, KEEPS = 0xee };
static const uint64_t BASE = UINT64_C(0xc000000000);
static const size_t SIZE = (size_t)CHUNKS * CHUNK_BYTES;
/* Of what can be read; it begins and ends in the middle of a chunk, and of a page. */
static const size_t HOLE = 5 * CHUNK_BYTES / 2 + 48, HOLE_LEN = 2 * CHUNK_BYTES + 400;

static struct gospy_error err;

struct fixture {
	struct page_store *store;
	struct range_notes *notes;
	uint8_t *memory; /* what is read */
	uint8_t *noted;  /* of each word, a bit for each enum range_kind */
	uint64_t *put;   /* words that were put before: KEEPS in each byte */
	struct mem *mem;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	assert_int_equal(page_store_create(&f->store, &err), GOSPY_OK);
	f->notes = range_notes_create();
	f->memory = malloc(SIZE);
	f->noted = calloc(WORDS, 1);
	f->put = calloc(WORDS, sizeof(*f->put));
	assert_true(f->notes && f->memory && f->noted && f->put);
	for (size_t i = 0; i < SIZE; i++)
		f->memory[i] = (uint8_t)((i / 8 * UINT64_C(0x9e3779b97f4a7c15)) >> 50 | 1);
	const struct mem_bytes_range ranges[] = {
		{BASE, {f->memory, HOLE}},
		{BASE + HOLE + HOLE_LEN, {f->memory + HOLE + HOLE_LEN, SIZE - HOLE - HOLE_LEN}},
	};
	assert_int_equal(mem_bytes_create(ranges, 2, &f->mem, &err), GOSPY_OK);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	page_store_destroy(f->store);
	range_notes_destroy(f->notes);
	mem_destroy(f->mem);
	free(f->memory);
	free(f->noted);
	free(f->put);
	free(f);
	return 0;
}

static uint64_t next(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *random >> 20;
}

/* Words that are wholly in the range. */
static void note(struct fixture *f, size_t at, size_t len, enum range_kind kind)
{
	assert_true(range_notes_add(f->notes, BASE + at, len, kind));
	for (size_t word = (at + 7) / 8; (word + 1) * 8 <= at + len; word++)
		f->noted[word] |= (uint8_t)(1 << kind);
}

static void put(struct fixture *f, size_t word, size_t words)
{
	memset(f->put + word, KEEPS, words * 8);
	assert_int_equal(page_store_put(f->store, BASE + word * 8, f->put + word, words * 8, &err),
			 GOSPY_OK);
}

static void redact(void *ctx, uint8_t *bytes, size_t len)
{
	assert_null(ctx);
	assert_int_equal(len % 8, 0);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)~bytes[i];
}

static void gather(const struct fixture *f)
{
	const struct page_gather how = {
		.store = f->store, .notes = f->notes, .mem = f->mem, .redact = redact};
	assert_int_equal(page_gather_run(&how, &err), GOSPY_OK);
	assert_int_equal(page_store_seal(f->store, &err), GOSPY_OK);
}

/* What is known of a word in the end, or not. */
static bool expected(const struct fixture *f, size_t word, uint64_t *ret)
{
	const unsigned noted = f->noted[word];
	const bool readable = word * 8 < HOLE || word * 8 >= HOLE + HOLE_LEN;
	if (!(noted & (1 << RANGE_DATA | 1 << RANGE_STACK)) || noted & 1 << RANGE_KEPT ||
	    !readable) {
		*ret = f->put[word];
		return *ret;
	}
	memcpy(ret, f->memory + word * 8, 8);
	if (!(noted & 1 << RANGE_DATA))
		redact(NULL, (uint8_t *)ret, 8);
	return true;
}

static size_t assert_page(const struct fixture *f, size_t first, const uint8_t *page,
			  const uint8_t *known)
{
	size_t count = 0;
	for (size_t i = 0; i < PAGE_BYTES / 8; i++) {
		uint64_t want = 0, is;
		const bool is_known = expected(f, first + i, &want);
		memcpy(&is, page + i * 8, 8);
		assert_int_equal(is, want);
		assert_int_equal(known[i / 8] >> i % 8 & 1, is_known);
		count += is_known;
	}
	return count;
}

static size_t assert_block(const struct fixture *f, size_t i)
{
	struct span span;
	struct page_run runs[CHUNK_RUNS_MAX];
	const struct page_block block = page_store_block(f->store, i);
	const size_t n = page_set_runs(block.present, runs);
	size_t at = 0, count = 0;
	uint8_t *pages = malloc(CHUNK_BYTES);
	assert_non_null(pages);
	assert_int_equal(page_store_pages(f->store, i, &span, &err), GOSPY_OK);
	memcpy(pages, span.ptr, span.len);
	assert_int_equal(page_store_known(f->store, i, &span, &err), GOSPY_OK);
	for (size_t k = 0; k < n; k++) {
		for (size_t page = runs[k].from; page < runs[k].to; page++, at++)
			count += assert_page(f, (size_t)(block.addr - BASE + page * PAGE_BYTES) / 8,
					     pages + at * PAGE_BYTES, span.ptr + at * PAGE_KNOWN);
	}
	free(pages);
	return count;
}

static void assert_all(const struct fixture *f)
{
	size_t count = 0, want = 0;
	for (size_t word = 0; word < WORDS; word++) {
		uint64_t value;
		want += expected(f, word, &value);
	}
	for (size_t i = 0; i < page_store_count(f->store); i++)
		count += assert_block(f, i);
	assert_int_equal(count, want);
}

static void nothing(void **state)
{
	struct fixture *f = *state;
	assert_true(range_notes_add(f->notes, BASE + 1, 14, RANGE_DATA)); // no whole word
	assert_true(range_notes_add(f->notes, UINT64_MAX - 3, 8, RANGE_DATA));
	gather(f);
	assert_int_equal(page_store_count(f->store), 0);
	range_notes_destroy(NULL);
}

/* Long ones, over the borders of chunks, and single words at the edges of all. */
static void edges(void **state)
{
	struct fixture *f = *state;
	note(f, 0, 8, RANGE_DATA);
	note(f, SIZE - 8, 8, RANGE_STACK);
	note(f, CHUNK_BYTES - 8, 16, RANGE_DATA);
	note(f, 6 * CHUNK_BYTES - 5, 3 * CHUNK_BYTES + 10, RANGE_STACK);
	note(f, 7 * CHUNK_BYTES, 511, RANGE_DATA);
	put(f, 8 * CHUNK_BYTES / 8, 100);
	note(f, 8 * CHUNK_BYTES + 80, 80, RANGE_KEPT);
	note(f, HOLE - 2000, HOLE_LEN + 5000, RANGE_STACK);
	put(f, HOLE / 8 + 5000, 3000);
	gather(f);
	assert_all(f);
}

/* As goroutines and their stacks lie, and what was put in between. */
static void anywhere(void **state)
{
	struct fixture *f = *state;
	uint64_t random = 1;
	for (int i = 0; i < 20000; i++) {
		size_t len = 1 + next(&random) % (i % 100 ? 600 : 20000);
		size_t at = next(&random) % (SIZE - len);
		if (i % 7 == 0) {
			put(f, at / 8, 1 + len / 800);
			note(f, at / 8 * 8, (1 + len / 800) * 8, RANGE_KEPT);
		} else if (i % 7 == 1) {
			put(f, at / 8, 1 + len / 800);
		} else {
			note(f, at, len, i % 7 & 1 ? RANGE_DATA : RANGE_STACK);
		}
	}
	gather(f);
	assert_all(f);
}

/* What is set aside is noted as it is laid over the rest. */
static void aside(void **state)
{
	struct fixture *f = *state;
	note(f, 0, 4096, RANGE_DATA);
	page_store_set_aside(f->store, &(struct page_store_later){.notes = f->notes}, 0);
	put(f, 10, 20);
	memset(f->noted + 10, 1 << RANGE_KEPT, 20);
	assert_int_equal(page_store_catch_up(f->store, &err), GOSPY_OK);
	put(f, 40, 20); // it is of no moment
	note(f, 0, 400, RANGE_STACK);
	gather(f);
	assert_all(f);
}

enum { PIECES = 8 };

struct shown {
	const struct fixture *fixture;
	struct mem_range pieces[PIECES];
	atomic_uint count[PIECES];
	atomic_bool differs;
};

static struct mem_range piece_at(const void *ctx, size_t i)
{
	const struct shown *shown = ctx;
	return shown->pieces[i];
}

static void visit_piece(void *ctx, unsigned worker, size_t i, const uint8_t *bytes)
{
	struct shown *shown = ctx;
	const struct mem_range *piece = &shown->pieces[i];
	shown->count[i]++;
	shown->differs = shown->differs || worker >= PARALLEL_TWO ||
			 memcmp(bytes, shown->fixture->memory + (piece->addr - BASE), piece->len);
}

/* Pieces are shown as they were read, and those that were not read as a whole are not shown. */
static void pieces(void **state)
{
	const struct fixture *f = *state;
	struct shown shown = {
		.fixture = f,
		.pieces = {{BASE + 512, 4096},
			   {BASE + 512, 64}, // the same stack, as two claim
			   {BASE + 8192, 640},
			   {BASE + 16384, 24}, // next to something that is kept
			   {BASE + CHUNK_BYTES - 64, 128},
			   {BASE + 2 * CHUNK_BYTES, 2048},
			   {BASE + HOLE - 64, 128},
			   {BASE + SIZE - 8, 8}},
	};
	static const unsigned wanted[PIECES] = {1, 1, 1, 1, 0, 1, 0, 1};
	for (size_t i = 0; i < PIECES; i++)
		assert_true(range_notes_add(f->notes, shown.pieces[i].addr,
					    (size_t)shown.pieces[i].len, RANGE_STACK));
	assert_true(range_notes_add(f->notes, BASE + 16384 + 24, 64, RANGE_KEPT));
	const struct mem_pieces how = {
		.count = PIECES, .at = piece_at, .visit = visit_piece, .ctx = &shown};
	const struct page_gather gather = {.store = f->store,
					   .notes = f->notes,
					   .mem = f->mem,
					   .pieces = &how,
					   .redact = redact};
	assert_int_equal(page_gather_run(&gather, &err), GOSPY_OK);
	for (size_t i = 0; i < PIECES; i++)
		assert_int_equal(shown.count[i], wanted[i]);
	assert_false(shown.differs);
}

enum { RECORDS = 9000, RECORD_BYTES = 448 };

static uint64_t record_at(const void *ctx, size_t i)
{
	(void)ctx;
	// Some lie over the one before, and some over the border of a chunk.
	return BASE + i * 2320 - (i % 1000 == 3 ? 2000 : 0);
}

/* Of each record that is known as a whole there is a copy, or none, as it is in the pages. */
static size_t compare_records(const struct fixture *f, struct record_copy *copy)
{
	size_t count = 0;
	for (size_t i = 0; i < RECORDS; i++) {
		uint64_t words[RECORD_BYTES / 8], want;
		bool whole = true;
		struct mem_req req = {
			.addr = record_at(NULL, i), .dst = words, .len = RECORD_BYTES};
		record_copy_read(copy, &req, 1);
		count += req.done != 0;
		for (size_t k = 0; k < RECORD_BYTES / 8; k++) {
			whole &= expected(f, (size_t)(req.addr - BASE) / 8 + k, &want);
			if (req.done)
				assert_int_equal(words[k], want);
		}
		assert_true(whole || !req.done);
	}
	return count;
}

static void records(void **state)
{
	struct fixture *f = *state;
	const struct mem_pieces how = {
		.record_count = RECORDS, .record_len = RECORD_BYTES, .record_at = record_at};
	const struct page_gather gather = {.store = f->store,
					   .notes = f->notes,
					   .mem = f->mem,
					   .pieces = &how,
					   .redact = redact};
	for (size_t i = 0; i < RECORDS; i++) {
		note(f, (size_t)(record_at(NULL, i) - BASE), RECORD_BYTES, RANGE_DATA);
		note(f, (size_t)(record_at(NULL, i) - BASE) + 1000, 248, RANGE_STACK);
	}
	put(f, 2 * CHUNK_BYTES / 8, 5000); // what is there before, in the midst of records
	note(f, 2 * CHUNK_BYTES, 5000 * 8, RANGE_KEPT);
	assert_int_equal(page_gather_run(&gather, &err), GOSPY_OK);
	put(f, 4 * CHUNK_BYTES / 8 + 64, 3); // and afterwards
	for (size_t i = 0; i < 3; i++)
		f->noted[4 * CHUNK_BYTES / 8 + 64 + i] = 1 << RANGE_KEPT;
	assert_int_equal(page_store_seal(f->store, &err), GOSPY_OK);
	assert_all(f);
	assert_int_equal(page_store_record_words(f->store), RECORD_BYTES / 8);
	VEC(uint8_t) bytes = {0};
	for (size_t i = 0; i < page_store_count(f->store); i++)
		bytes.len += page_store_block(f->store, i).records.len;
	assert_true(vec_reserve(&bytes, RECORD_NOTE_HEADER + bytes.len));
	record_note_header(bytes.at, RECORD_BYTES / 8);
	bytes.len = RECORD_NOTE_HEADER;
	for (size_t i = 0; i < page_store_count(f->store); i++) {
		const struct span span = page_store_block(f->store, i).records;
		if (span.len)
			memcpy(bytes.at + bytes.len, span.ptr, span.len);
		bytes.len += span.len;
	}
	struct record_copy *copy = NULL;
	assert_int_equal(record_copy_create((struct span){bytes.at, bytes.len}, &copy, &err),
			 GOSPY_OK);
	assert_in_range(compare_records(f, copy), RECORDS * 3 / 4, RECORDS);
	record_copy_destroy(copy);
	vec_free(&bytes);
}

struct noter {
	pthread_t thread;
	struct fixture *fixture;
	size_t number;
	bool failed;
};

static void *notes_some(void *arg)
{
	struct noter *noter = arg;
	for (size_t at = noter->number * 2048; at < SIZE; at += THREADS * 2048) {
		noter->failed |=
			!range_notes_add(noter->fixture->notes, BASE + at, 440, RANGE_DATA);
		noter->failed |=
			!range_notes_add(noter->fixture->notes, BASE + at + 1800, 248, RANGE_STACK);
	}
	return NULL;
}

static void threads(void **state)
{
	struct fixture *f = *state;
	struct noter noters[THREADS];
	for (size_t i = 0; i < THREADS; i++) {
		noters[i] = (struct noter){.fixture = f, .number = i};
		assert_int_equal(pthread_create(&noters[i].thread, NULL, notes_some, &noters[i]),
				 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(noters[i].thread, NULL), 0);
		assert_false(noters[i].failed);
	}
	for (size_t at = 0; at < SIZE; at += 2048) {
		memset(f->noted + at / 8, 1 << RANGE_DATA, 440 / 8);
		memset(f->noted + (at + 1800) / 8, 1 << RANGE_STACK, 248 / 8);
	}
	gather(f);
	assert_all(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing), TEST(edges),   TEST(anywhere), TEST(aside),
		TEST(pieces),  TEST(records), TEST(threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
