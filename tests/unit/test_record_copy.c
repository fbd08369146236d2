/* record_copy.c: what was put comes back, and a note that lies gives nothing. */
#include "core/record_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS = 56, RECORDS = 1500, BLOCKS = 3, BYTES = WORDS * 8 };
static const uint64_t BASE = UINT64_C(0xc000000000);

static struct gospy_error err;

struct record {
	uint64_t addr, words[WORDS];
};

static struct record records[BLOCKS][RECORDS];
static uint8_t *note;
static size_t note_len;

static uint64_t next(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *random >> 11;
}

/* Many words are what they were in the record before, some are a little more or less, and some
 * anything. */
static void make_record(struct record *record, const struct record *before, uint64_t *random)
{
	for (size_t i = 0; i < WORDS; i++) {
		const uint64_t was = before ? before->words[i] : 0, r = next(random);
		record->words[i] = r % 8 == 0    ? was + r % 1000 - 500
				   : r % 64 == 1 ? next(random) << 13 ^ r
				   : r % 64 == 2 ? UINT64_MAX
				   : r % 64 == 3 ? UINT64_C(1) << 63
						 : was;
	}
}

static int setup(void **state)
{
	uint64_t random = 1;
	(void)state;
	note = malloc(BLOCKS * (RECORDS * (BYTES + BYTES) + RECORD_BLOCK_HEADER));
	if (!note)
		return -1;
	record_note_header(note, WORDS);
	note_len = RECORD_NOTE_HEADER;
	for (size_t b = 0; b < BLOCKS; b++) {
		struct record_block_writer writer = {.words = WORDS};
		uint64_t addr = BASE + (2 * b + 1) * RECORD_BLOCK_SPAN;
		for (size_t i = 0; i < RECORDS; i++) {
			struct record *record = &records[b][i];
			make_record(record, i ? record - 1 : NULL, &random);
			record->addr = addr;
			addr += BYTES + (i % 3) * 8;
			if (!record_block_add(&writer, record->addr, (void *)record->words))
				return -1;
		}
		record_block_end(&writer);
		memcpy(note + note_len, writer.bytes.at, writer.bytes.len);
		note_len += writer.bytes.len;
		vec_free(&writer.bytes);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(note);
	return 0;
}

static struct record_copy *open_note(const uint8_t *bytes, size_t len)
{
	struct record_copy *copy = NULL;
	assert_int_equal(record_copy_create((struct span){bytes, len}, &copy, &err), GOSPY_OK);
	return copy;
}

static size_t read_at(struct record_copy *copy, uint64_t addr, size_t len, uint8_t *bytes)
{
	struct mem_req req = {.addr = addr, .dst = bytes, .len = len, .done = 1};
	record_copy_read(copy, &req, 1);
	return req.done;
}

static void all(void **state)
{
	(void)state;
	uint8_t bytes[BYTES + 8];
	struct record_copy *copy = open_note(note, note_len);
	for (size_t i = 0; i < RECORDS; i++) {
		for (size_t b = 0; b < BLOCKS; b++) {
			assert_int_equal(read_at(copy, records[b][i].addr, BYTES, bytes), BYTES);
			assert_memory_equal(bytes, records[b][i].words, BYTES);
		}
	}
	// Nothing but whole records.
	assert_int_equal(read_at(copy, records[0][5].addr, BYTES - 8, bytes), 0);
	assert_int_equal(read_at(copy, records[0][5].addr, BYTES + 8, bytes), 0);
	assert_int_equal(read_at(copy, records[0][5].addr + 8, BYTES, bytes), 0);
	assert_int_equal(read_at(copy, records[0][0].addr - 8, BYTES, bytes), 0);
	assert_int_equal(read_at(copy, BASE + 2 * RECORD_BLOCK_SPAN, BYTES, bytes), 0);
	assert_int_equal(read_at(copy, UINT64_MAX, BYTES, bytes), 0);
	assert_int_equal(read_at(copy, 0, BYTES, bytes), 0);
	record_copy_destroy(copy);
	record_copy_destroy(NULL);
}

/* More blocks than there are slots, back and forth. */
static void many_blocks(void **state)
{
	enum { MANY = 20 };
	(void)state;
	VEC(uint8_t) bytes = {0};
	assert_true(vec_reserve(&bytes, 1 << 16));
	record_note_header(bytes.at, 1);
	bytes.len = RECORD_NOTE_HEADER;
	for (uint64_t i = 0; i < MANY; i++) {
		struct record_block_writer writer = {.words = 1};
		assert_true(record_block_add(&writer, i * RECORD_BLOCK_SPAN, (const void *)&i));
		record_block_end(&writer);
		memcpy(bytes.at + bytes.len, writer.bytes.at, writer.bytes.len);
		bytes.len += writer.bytes.len;
		vec_free(&writer.bytes);
	}
	struct record_copy *copy = open_note(bytes.at, bytes.len);
	for (uint64_t i = 0; i < 7 * MANY; i++) {
		uint64_t value, number = i * 13 % MANY;
		assert_int_equal(read_at(copy, number * RECORD_BLOCK_SPAN, 8, (void *)&value), 8);
		assert_int_equal(value, number);
	}
	record_copy_destroy(copy);
	vec_free(&bytes);
}

/* Does the note give a record that was not put there? */
static void expect_truth(const uint8_t *bytes, size_t len)
{
	struct record_copy *copy = NULL;
	uint8_t got[BYTES];
	uint8_t *exact = malloc(len ? len : 1); // so that nothing behind it may be read
	assert_non_null(exact);
	memcpy(exact, bytes, len);
	if (!record_copy_create((struct span){exact, len}, &copy, &err)) {
		for (size_t b = 0; b < BLOCKS; b++) {
			for (size_t i = 0; i < RECORDS; i += 100) {
				size_t done = read_at(copy, records[b][i].addr, BYTES, got);
				assert_true(!done || done == BYTES);
			}
		}
		record_copy_destroy(copy);
	}
	free(exact);
}

static void cut_off(void **state)
{
	(void)state;
	for (size_t len = 0; len < 200; len++)
		expect_truth(note, len);
	for (size_t len = 200; len < note_len; len += 997)
		expect_truth(note, len);
}

static void damaged(void **state)
{
	uint64_t random = 7;
	(void)state;
	for (size_t i = 0; i < 600; i++) {
		const size_t at = i < 100 ? i : next(&random) % note_len;
		const uint8_t was = note[at];
		note[at] ^= (uint8_t)(1 + next(&random) % 255);
		expect_truth(note, note_len);
		note[at] = was;
	}
}

struct lie {
	size_t at, len;
	uint64_t value;
};

static void headers_that_lie(void **state)
{
	static const struct lie lies[] = {
		{0, 4, 2}, // a version that is not known
		{4, 4, 0}, // records of no words
		{4, 4, RECORD_WORDS_MAX + 1},
		{8, 8, 4}, // an address that is none of a word
		{8, 8, UINT64_MAX - 7},
		{8, 8, UINT64_C(0xd000000000)}, // behind the next block
		{16, 4, 0},                     // no records
		{16, 4, UINT32_MAX},
		{20, 4, UINT32_MAX}, // more bytes than there are
		{20, 4, 10},         // fewer bytes than records
	};
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		uint8_t was[8];
		struct record_copy *copy;
		memcpy(was, note + lies[i].at, sizeof(was));
		memcpy(note + lies[i].at, &lies[i].value, lies[i].len);
		assert_int_equal(record_copy_create((struct span){note, note_len}, &copy, &err),
				 GOSPY_E_BAD_DATA);
		memcpy(note + lies[i].at, was, sizeof(was));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all),
		cmocka_unit_test(many_blocks),
		cmocka_unit_test(cut_off),
		cmocka_unit_test(damaged),
		cmocka_unit_test(headers_that_lie),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
