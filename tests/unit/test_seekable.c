/* Seekable zstd files, whose tables may lie, read in place by several threads. */
#include "packed.h"

#include <pthread.h>
#include <zstd.h>

#include "core/seek_table.h"
#include "core/seekable_write.h"

enum { FRAME = 64 << 10, FRAMES = 200, TAIL = 4711 };
static const size_t SIZE = FRAME * FRAMES + TAIL;

static struct gospy_error err;

struct entry {
	uint32_t packed_len, len;
};

static VEC(struct entry) entries;

static void put_frame(octets *to, uint64_t off, size_t len)
{
	octets bytes = {0};
	put_content(&bytes, off, len);
	assert_true(vec_reserve(to, to->len + ZSTD_compressBound(len)));
	size_t n = ZSTD_compress(to->at + to->len, to->cap - to->len, bytes.at, len, 1);
	assert_false(ZSTD_isError(n));
	to->len += n;
	const struct entry entry = {(uint32_t)n, (uint32_t)len};
	assert_true(vec_push(&entries, entry));
	vec_free(&bytes);
}

static void put_table(octets *to, bool checksums)
{
	put_le32(to, 0x184d2a5e);
	put_le32(to, (uint32_t)(entries.len * (checksums ? 12 : 8) + 9));
	for (size_t i = 0; i < entries.len; i++) {
		put_le32(to, entries.at[i].packed_len);
		put_le32(to, entries.at[i].len);
		if (checksums)
			put_le32(to, 0);
	}
	put_le32(to, (uint32_t)entries.len);
	put_bytes(to, checksums ? "\x80" : "", 1);
	put_le32(to, 0x8f92eab1);
}

/* All frames, but not the table. */
static octets frames_of(size_t size, size_t frame)
{
	octets packed = {0};
	entries.len = 0;
	for (size_t off = 0; off < size; off += frame)
		put_frame(&packed, off, size - off < frame ? size - off : frame);
	return packed;
}

static void assert_is(const octets *packed, const char *format, uint64_t size)
{
	struct input *in;
	assert_int_equal(open_bytes(packed, packed->len, &in, &err), GOSPY_OK);
	assert_string_equal(input_format(in), format);
	assert_content(in, size);
	assert_false(input_cut(in));
	input_destroy(in);
}

static void whole(void **state)
{
	(void)state;
	octets packed = frames_of(SIZE, FRAME);
	const size_t len = packed.len;
	put_table(&packed, false);
	assert_is(&packed, "seekable zstd", SIZE);
	packed.len = len;
	put_table(&packed, true);
	assert_is(&packed, "seekable zstd", SIZE);
	vec_free(&packed);
}

/* Frames that are empty, or to be skipped, are in the table, too. */
static void empty_frames(void **state)
{
	(void)state;
	octets packed = {0};
	entries.len = 0;
	for (int i = 0; i < 3; i++) {
		const struct entry skip = {12, 0};
		put_frame(&packed, 0, 0);
		put_frame(&packed, (uint64_t)i * FRAME, FRAME);
		put_le32(&packed, 0x184d2a50);
		put_le32(&packed, 4);
		put_bytes(&packed, "skip", 4);
		assert_true(vec_push(&entries, skip));
	}
	put_table(&packed, false);
	assert_is(&packed, "seekable zstd", 3 * FRAME);
	entries.len = 0;
	packed.len = 0;
	put_table(&packed, false);
	struct input *in;
	assert_int_equal(open_bytes(&packed, packed.len, &in, &err), GOSPY_E_BAD_DATA);
	assert_non_null(strstr(err.msg, "is empty"));
	vec_free(&packed);
}

/* A table that cannot be that of this file: it is read as any other zstd file. */
static void wrong_tables(void **state)
{
	(void)state;
	const struct {
		size_t from_end;
		uint8_t bit;
	} places[] = {
		{1, 1},                        // the footer's magic
		{5, 4},                        // a bit of the descriptor that is reserved
		{5, 0x80},                     // there would be checksums
		{9, 1},                        // the count
		{6, 0x80},                     // the count, very much
		{9 + 8, 1},                    // a packed size
		{9 + 5, 0x80},                 // the same, very much
		{9 + 1, 0x80},                 // an unpacked size, very much
		{9 + 8 * (FRAMES + 1) + 4, 1}, // the table's own size
		{9 + 8 * (FRAMES + 1) + 8, 1}, // the magic in front of it: no frame that zstd knows
	};
	octets packed = frames_of(SIZE, FRAME);
	put_table(&packed, false);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		uint8_t *byte = &packed.at[packed.len - places[i].from_end];
		struct input *in;
		*byte ^= places[i].bit;
		assert_int_equal(open_bytes(&packed, packed.len, &in, &err), GOSPY_OK);
		assert_string_equal(input_format(in), "zstd");
		assert_content(in, SIZE);
		input_destroy(in);
		*byte ^= places[i].bit;
	}
	// Cut off anywhere, it has no table.
	for (size_t i = 1; i < 40; i++) {
		struct input *in;
		assert_int_equal(open_bytes(&packed, packed.len * i / 40, &in, &err), GOSPY_OK);
		assert_string_equal(input_format(in), "zstd");
		assert_true(input_size(in) < SIZE);
		assert_true(input_cut(in));
		assert_content(in, input_size(in));
		input_destroy(in);
	}
	vec_free(&packed);
}

/* Frame 3 is not what the table says. Others are. */
static void assert_lie(const octets *packed, uint64_t from, size_t len)
{
	struct input *in;
	uint8_t *bytes = malloc(2 * FRAME + len);
	size_t done;
	assert_non_null(bytes);
	assert_int_equal(open_bytes(packed, packed->len, &in, &err), GOSPY_OK);
	assert_string_equal(input_format(in), "seekable zstd");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(input_read(in, from - FRAME, bytes, 2 * FRAME + len, &done, &err),
				 GOSPY_E_BAD_DATA);
		assert_int_equal(done, FRAME);
		assert_non_null(strstr(err.msg, "frame 4 of"));
		assert_int_equal(bytes[1], byte_at(from - FRAME + 1));
		assert_int_equal(input_read(in, from + len - 1, bytes, 1, &done, &err),
				 GOSPY_E_BAD_DATA);
		assert_int_equal(done, 0);
	}
	assert_int_equal(input_read(in, from + len, bytes, 100, &done, &err), GOSPY_OK);
	assert_int_equal(done, 100);
	assert_int_equal(bytes[1], byte_at(4 * FRAME + 1));
	input_destroy(in);
	free(bytes);
}

static void lies(void **state)
{
	(void)state;
	const uint32_t claims[] = {FRAME - 1, FRAME + 1, 1, 16 << 20};
	octets packed = frames_of(10 * FRAME, FRAME);
	const size_t len = packed.len;
	for (size_t i = 0; i < sizeof(claims) / sizeof(*claims); i++) {
		entries.at[3].len = claims[i];
		packed.len = len;
		put_table(&packed, false);
		assert_lie(&packed, 3 * FRAME, claims[i]);
	}
	entries.at[3].len = FRAME;
	packed.len = len;
	put_table(&packed, false);
	size_t at = 0;
	for (int i = 0; i < 3; i++)
		at += entries.at[i].packed_len;
	packed.at[at] ^= 1; // its magic
	assert_lie(&packed, 3 * FRAME, FRAME);
	packed.at[at] ^= 1;
	// The sum is right, and two frames are wrong.
	entries.at[3].packed_len--;
	entries.at[4].packed_len++;
	packed.len = len;
	put_table(&packed, false);
	struct input *in;
	uint8_t byte;
	size_t done;
	assert_int_equal(open_bytes(&packed, packed.len, &in, &err), GOSPY_OK);
	for (int i = 0; i < 10; i++)
		assert_int_equal(input_read(in, (uint64_t)i * FRAME, &byte, 1, &done, &err),
				 i == 3 || i == 4 ? GOSPY_E_BAD_DATA : GOSPY_OK);
	input_destroy(in);
	// A frame may say itself that it is 2^60 bytes long.
	const uint8_t huge[] = {0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58, 0, 0, 0,
				0,    0,    0,    0,    0x10, 9,    0, 0, 'x'};
	entries.at[0] = (struct entry){sizeof(huge), 1};
	entries.len = 1;
	packed.len = 0;
	put_bytes(&packed, huge, sizeof(huge));
	put_table(&packed, false);
	assert_int_equal(open_bytes(&packed, packed.len, &in, &err), GOSPY_OK);
	assert_int_equal(input_read(in, 0, &byte, 1, &done, &err), GOSPY_E_BAD_DATA);
	input_destroy(in);
	vec_free(&packed);
}

/* More than SEEK_FRAME_MAX in a frame: it is not kept in memory. */
static void large_frames(void **state)
{
	enum { LARGE = (16 << 20) + 1 };
	(void)state;
	octets packed = frames_of(LARGE - 1, LARGE);
	put_table(&packed, false);
	assert_is(&packed, "seekable zstd", LARGE - 1);
	vec_free(&packed);
	packed = frames_of(LARGE, LARGE);
	put_table(&packed, false);
	assert_is(&packed, "zstd", LARGE);
	vec_free(&packed);
}

static enum gospy_code put_written(void *ctx, const void *bytes, size_t len, struct gospy_error *e)
{
	(void)e;
	put_bytes(ctx, bytes, len);
	return GOSPY_OK;
}

/* What gospy has written itself: whichever byte of a frame is changed shows. */
static void checks(void **state)
{
	enum { STEP = 97 };
	(void)state;
	octets bytes = {0}, file = {0};
	struct seekable_writer writer;
	struct seek_table table;
	struct input *in;
	bool found;
	uint8_t byte;
	size_t done;
	put_content(&bytes, 0, 3 * SEEKABLE_FRAME);
	assert_int_equal(seekable_writer_begin(&writer, true, put_written, &file, &err), GOSPY_OK);
	assert_int_equal(seekable_writer_put(&writer, bytes.at, bytes.len, &err), GOSPY_OK);
	assert_int_equal(seekable_writer_end(&writer, &err), GOSPY_OK);
	seekable_writer_deinit(&writer);
	assert_is(&file, "seekable zstd", bytes.len);
	int fd = memory_file(file.at, file.len);
	assert_int_equal(seek_table_read(fd, file.len, &table, &found, &err), GOSPY_OK);
	assert_true(found && table.has_checks);
	assert_int_equal(table.frames.len, 3);
	const struct seek_frame second = table.frames.at[1];
	const size_t checks_at =
		(size_t)(table.frames.at[2].packed_at + table.frames.at[2].packed_len);
	for (size_t i = 0; i < second.packed_len; i += STEP) {
		uint8_t *changed = &file.at[second.packed_at + i];
		*changed ^= (uint8_t)(1 << i % 8);
		assert_int_equal(open_bytes(&file, file.len, &in, &err), GOSPY_OK);
		assert_int_equal(input_read(in, SEEKABLE_FRAME, &byte, 1, &done, &err),
				 GOSPY_E_BAD_DATA);
		assert_non_null(strstr(err.msg, "frame 2 of 3: its checksum differs"));
		assert_int_equal(input_read(in, 0, &byte, 1, &done, &err), GOSPY_OK);
		input_destroy(in);
		*changed ^= (uint8_t)(1 << i % 8);
	}
	// Who it is by, how many there are: then they are somebody else's.
	for (size_t i = 0; i < SEEK_CHECKS_HEADER; i++) {
		file.at[checks_at + i] ^= 0x80;
		assert_is(&file, "seekable zstd", bytes.len);
		file.at[checks_at + i] ^= 0x80;
	}
	seek_table_deinit(&table);
	close(fd);
	vec_free(&bytes);
	vec_free(&file);
}

/* ---- several threads */

enum { READERS = 8 };

struct reader {
	pthread_t thread;
	struct input *in;
	uint64_t size, random;
	unsigned reads;
	bool failed;
};

static uint64_t next(struct reader *reader)
{
	reader->random = reader->random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return reader->random >> 24;
}

static bool is_right(struct input *in, uint64_t off, uint8_t *bytes, size_t len)
{
	size_t done;
	if (input_read(in, off, bytes, len, &done, NULL) || done != len)
		return false;
	for (size_t i = 0; i < len; i += 61) {
		if (bytes[i] != byte_at(off + i))
			return false;
	}
	return true;
}

/* In turn anywhere, and where the others are. */
static void *reads(void *arg)
{
	struct reader *reader = arg;
	uint8_t bytes[10000];
	for (unsigned i = 0; i < reader->reads && !reader->failed; i++) {
		size_t len = 1 + next(reader) % sizeof(bytes);
		uint64_t room = reader->size - len;
		uint64_t off = i & 1 ? next(reader) % room : (uint64_t)i * 4096 % room;
		reader->failed = !is_right(reader->in, off, bytes, len);
	}
	return NULL;
}

static void assert_readers(const octets *packed, uint64_t size, unsigned count)
{
	struct reader readers[READERS];
	struct input *in;
	assert_int_equal(open_bytes(packed, packed->len, &in, &err), GOSPY_OK);
	assert_string_equal(input_format(in), "seekable zstd");
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){
			.in = in, .size = size, .random = (uint64_t)i, .reads = count};
		assert_int_equal(pthread_create(&readers[i].thread, NULL, reads, &readers[i]), 0);
	}
	for (int i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_false(readers[i].failed);
	}
	input_destroy(in);
}

static void many_small(void **state)
{
	(void)state;
	octets packed = frames_of(SIZE, FRAME);
	put_table(&packed, false);
	assert_readers(&packed, SIZE, 400);
	vec_free(&packed);
}

/* Fewer of them fit the memory for them than there are threads. */
static void few_large(void **state)
{
	enum { LARGE = 15 << 20, HOW_MANY = 8 };
	(void)state;
	octets packed = {0};
	entries.len = 0;
	put_frame(&packed, 0, LARGE);
	const size_t len = packed.len;
	_Static_assert(LARGE % (1 << 20) == 0, "each frame has the same content");
	for (int i = 1; i < HOW_MANY; i++) {
		octets first = {0};
		put_bytes(&first, packed.at, len);
		put_bytes(&packed, first.at, len);
		assert_true(vec_push(&entries, entries.at[0]));
		vec_free(&first);
	}
	put_table(&packed, false);
	assert_readers(&packed, (uint64_t)LARGE * HOW_MANY, 12);
	vec_free(&packed);
}

/* What is damaged is so for all who wait for it. */
static void *reads_damage(void *arg)
{
	struct reader *reader = arg;
	uint8_t byte;
	size_t done;
	for (int i = 0; i < 20; i++)
		reader->failed |=
			input_read(reader->in, 0, &byte, 1, &done, NULL) != GOSPY_E_BAD_DATA;
	return NULL;
}

static void damage(void **state)
{
	(void)state;
	struct reader readers[READERS];
	struct input *in;
	octets packed = frames_of(FRAME, FRAME);
	entries.at[0].len++;
	put_table(&packed, false);
	assert_int_equal(open_bytes(&packed, packed.len, &in, &err), GOSPY_OK);
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct reader){.in = in};
		assert_int_equal(
			pthread_create(&readers[i].thread, NULL, reads_damage, &readers[i]), 0);
	}
	for (int i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_false(readers[i].failed);
	}
	input_destroy(in);
	vec_free(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),        cmocka_unit_test(empty_frames),
		cmocka_unit_test(wrong_tables), cmocka_unit_test(lies),
		cmocka_unit_test(large_frames), cmocka_unit_test(many_small),
		cmocka_unit_test(few_large),    cmocka_unit_test(damage),
		cmocka_unit_test(checks),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	vec_free(&entries);
	return failed;
}
