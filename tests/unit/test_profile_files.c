/*
 * decode.c, merge.c, gunzip.c and the encoders of render/pprof.c, on files that Go has written:
 * tests/fuzz/corpus/pprof/. A program of Go 1.26 wrote KIND-0.pb.gz and KIND-1.pb.gz of itself, by
 * runtime/pprof; KIND-delta is their difference by internal/profile, as net/http/pprof makes it;
 * KIND-sum and KIND-diff are what `go tool pprof -proto` made of both, the latter with -diff_base.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "output.h"
#include "profile/decode.h"
#include "profile/gunzip.h"
#include "profile/made.h"
#include "profile/merge.h"
#include "render/pprof.h"
#include "render/profile_folded.h"
#include "render/profile_top.h"

static const char *const kinds[] = {"heap",  "allocs", "goroutine",
				    "block", "mutex",  "threadcreate"};
enum { KINDS = 6 };

static void profile_free(struct gospy_profile **profile)
{
	made_destroy(*profile);
}

struct file {
	uint8_t *bytes; /* as they are in the file */
	size_t size;
	uint8_t *plain;
	size_t plain_size;
};

static void file_free(struct file *file)
{
	free(file->bytes);
	free(file->plain);
}

static struct file read_file(const char *kind, const char *what)
{
	enum { ROOM = 1 << 20 };
	struct file file = {.bytes = malloc(ROOM)};
	char path[4096];
	const char *corpus = getenv("GOSPY_CORPUS");
	if (!corpus)
		skip();
	snprintf(path, sizeof(path), "%s/pprof/%s-%s.pb.gz", corpus, kind, what);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_non_null(file.bytes);
	file.size = fread(file.bytes, 1, ROOM, f);
	fclose(f);
	assert_int_equal(gunzip((struct span){file.bytes, file.size}, ROOM, &file.plain,
				&file.plain_size, NULL),
			 GOSPY_OK);
	return file;
}

static struct gospy_profile *decode(const struct file *file)
{
	struct gospy_profile *profile = NULL;
	struct gospy_error err;
	enum gospy_code code = profile_decode(file->bytes, file->size, &profile, &err);
	if (code)
		fail_msg("%s", err.msg);
	return profile;
}

static void assert_encodes(const struct gospy_profile *profile, enum pprof_writer writer,
			   const struct file *file)
{
	CLEANUP(strbuf_deinit) struct strbuf bytes = {0};
	assert_true(pprof_encode(profile, writer, &bytes));
	assert_int_equal(bytes.len, file->plain_size);
	assert_memory_equal(bytes.s, file->plain, bytes.len);
}

/* What the runtime has written is written again. */
static void test_runtime(void **state)
{
	(void)state;
	for (size_t i = 0; i < (size_t)2 * KINDS; i++) {
		CLEANUP(file_free) struct file file = read_file(kinds[i / 2], i % 2 ? "1" : "0");
		CLEANUP(profile_free) struct gospy_profile *profile = decode(&file);
		assert_encodes(profile, PPROF_RUNTIME, &file);
		assert_int_equal(profile->kind, GOSPY_PROFILE_OTHER);
	}
}

static struct gospy_profile *merge(const struct gospy_profile_part *parts, size_t n)
{
	struct gospy_profile *profile = NULL;
	struct gospy_error err;
	if (profile_merge(parts, n, &profile, &err))
		fail_msg("%s", err.msg);
	return profile;
}

static void test_merge(void **state)
{
	(void)state;
	const struct gospy_label base = {"pprof::base", "true"};
	for (size_t i = 0; i < KINDS; i++) {
		CLEANUP(file_free) struct file first_file = read_file(kinds[i], "0");
		CLEANUP(file_free) struct file second_file = read_file(kinds[i], "1");
		CLEANUP(file_free) struct file delta_file = read_file(kinds[i], "delta");
		CLEANUP(file_free) struct file diff_file = read_file(kinds[i], "diff");
		CLEANUP(file_free) struct file sum_file = read_file(kinds[i], "sum");
		CLEANUP(profile_free) struct gospy_profile *first = decode(&first_file);
		CLEANUP(profile_free) struct gospy_profile *second = decode(&second_file);

		const struct gospy_profile_part as_http[] = {{.profile = first, .factor = -1},
							     {.profile = second, .factor = 1}};
		CLEANUP(profile_free) struct gospy_profile *delta = merge(as_http, 2);
		assert_int_equal(delta->time_unix_ns, first->time_unix_ns);
		delta->time_unix_ns = second->time_unix_ns;
		delta->duration_ns = (int64_t)(second->time_unix_ns - first->time_unix_ns);
		assert_encodes(delta, PPROF_HTTP, &delta_file);

		const struct gospy_profile_part as_tool[] = {{.profile = second, .factor = 1},
							     {first, -1, &base, 1}};
		CLEANUP(profile_free) struct gospy_profile *diff = merge(as_tool, 2);
		assert_encodes(diff, PPROF_TOOL, &diff_file);

		const struct gospy_profile_part all[] = {{.profile = first, .factor = 1},
							 {.profile = second, .factor = 1}};
		CLEANUP(profile_free) struct gospy_profile *sum = merge(all, 2);
		assert_encodes(sum, PPROF_TOOL, &sum_file);
	}
}

/* Merged files are read, too, and to merge them once more changes nothing. */
static void test_merged_files(void **state)
{
	(void)state;
	static const struct {
		const char *what;
		enum pprof_writer writer;
	} files[] = {{"delta", PPROF_HTTP}, {"diff", PPROF_TOOL}, {"sum", PPROF_TOOL}};
	for (size_t i = 0; i < (size_t)3 * KINDS; i++) {
		CLEANUP(file_free) struct file file = read_file(kinds[i / 3], files[i % 3].what);
		CLEANUP(profile_free) struct gospy_profile *profile = decode(&file);
		const struct gospy_profile_part part = {.profile = profile, .factor = 1};
		CLEANUP(profile_free) struct gospy_profile *merged = merge(&part, 1);
		assert_encodes(merged, files[i % 3].writer, &file);
	}
}

/* What is taken off from itself leaves nothing, but for what the profile is of. */
static void test_nothing_left(void **state)
{
	(void)state;
	CLEANUP(file_free) struct file file = read_file("heap", "1");
	CLEANUP(profile_free) struct gospy_profile *profile = decode(&file);
	const struct gospy_profile_part parts[] = {{.profile = profile, .factor = 1},
						   {.profile = profile, .factor = -1}};
	CLEANUP(profile_free) struct gospy_profile *merged = merge(parts, 2);
	assert_int_equal(merged->sample_count, 0);
	assert_int_equal(merged->location_count, 0);
	assert_int_equal(merged->function_count, 0);
	assert_true(merged->mapping_count > 0);
	assert_int_equal(merged->type_count, 4);
}

/* What `go tool pprof -top` prints of a time, and of a difference: shares of the base. */
static void test_top(void **state)
{
	(void)state;
	static const struct {
		const char *what, *text;
	} files[] = {
		{"delta", "File: shop\n"
			  "Build ID: 536814a39c22d402dafba8a32f1b01298d83132b\n"
			  "Type: delay\n"
			  "Time: 2026-11-30 15:48:50 UTC\n"
			  "Duration: 77.69ms, Total samples = 5473.62us ( 7.05%)\n"
			  "Showing nodes accounting for 5473.62us, 100% of 5473.62us total\n"
			  "Dropped 7 nodes (cum <= 27.37us)\n"
			  "Showing top 2 nodes out of 8\n"
			  "      flat  flat%   sum%        cum   cum%\n"
			  " 5400.74us 98.67% 98.67%  5400.74us 98.67%  sync.(*Mutex).Unlock\n"
			  "   72.87us  1.33%   100%    72.87us  1.33%  runtime.unlock\n"},
		{"diff", "File: shop\n"
			 "Build ID: 536814a39c22d402dafba8a32f1b01298d83132b\n"
			 "Type: delay\n"
			 "Time: 2026-11-30 15:48:50 UTC\n"
			 "Showing nodes accounting for 5.47ms, 73.13% of 7.48ms total\n"
			 "Dropped 7 nodes (cum <= 0.04ms)\n"
			 "Showing top 2 nodes out of 8\n"
			 "      flat  flat%   sum%        cum   cum%\n"
			 "    5.40ms 72.15% 72.15%     5.40ms 72.15%  sync.(*Mutex).Unlock\n"
			 "    0.07ms  0.97% 73.13%     0.07ms  0.97%  runtime.unlock\n"},
	};
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(file_free) struct file file = read_file("mutex", files[i].what);
		CLEANUP(profile_free) struct gospy_profile *profile = decode(&file);
		struct out *out = output_open();
		assert_true(profile_top(out, profile, 1, 2));
		CLEANUP_FREE char *text = output_close(out);
		assert_string_equal(text, files[i].text);
	}
}

/* A file whose locations have no lines, as of programs without symbols. */
static void test_no_functions(void **state)
{
	(void)state;
	static const char bytes[] = "\x32\x00\x32\x01"
				    "a\x32\x04/bin"
				    "\x0a\x04\x08\x01\x10\x01"
				    "\x1a\x06\x08\x01\x18\x40\x28\x02" // a mapping: /bin
				    "\x22\x06\x08\x01\x10\x01\x18\x10" // 0x10 in it
				    "\x22\x04\x08\x02\x18\x7f"         // 0x7f in none
				    "\x12\x06\x0a\x02\x01\x02\x10\x05";
	struct gospy_profile *profile = NULL;
	struct gospy_error err = {0};
	if (profile_decode(bytes, sizeof(bytes) - 1, &profile, &err))
		fail_msg("%s", err.msg);
	struct out *out = output_open();
	assert_true(profile_top(out, profile, 0, 0));
	CLEANUP_FREE char *text = output_close(out);
	const char *table = strstr(text, "        5a");
	assert_non_null(table);
	assert_string_equal(table, "        5a   100%   100%         5a   100%  [bin]\n"
				   "         0     0%   100%         5a   100%  <unknown>\n");
	out = output_open();
	assert_true(profile_folded(out, profile, NULL, 0));
	CLEANUP_FREE char *folded = output_close(out);
	assert_string_equal(folded, "0x7f;0x10 5\n");
	made_destroy(profile);
}

static void test_other_types(void **state)
{
	(void)state;
	static const char *const others[] = {"goroutine", "block"};
	struct gospy_profile *merged = NULL;
	struct gospy_error err;
	CLEANUP(file_free) struct file file = read_file("heap", "0");
	CLEANUP(profile_free) struct gospy_profile *profile = decode(&file);
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(file_free) struct file other_file = read_file(others[i], "0");
		CLEANUP(profile_free) struct gospy_profile *other = decode(&other_file);
		const struct gospy_profile_part parts[] = {{.profile = profile, .factor = 1},
							   {.profile = other, .factor = -1}};
		assert_int_equal(profile_merge(parts, 2, &merged, &err), GOSPY_E_USAGE);
		assert_non_null(strstr(err.msg, "'space' in 'bytes'"));
		assert_null(merged);
	}
}

/* ----------------------------------------------------------------------------- made by hand --
 */

static enum gospy_code decode_bytes(const char *bytes, size_t size, struct gospy_profile **ret,
				    struct gospy_error *err)
{
	// Exactly as large as they are, for AddressSanitizer.
	CLEANUP_FREE char *copy = malloc(size ? size : 1);
	assert_non_null(copy);
	memcpy(copy, bytes, size);
	return profile_decode(copy, size, ret, err);
}

#define TABLE                                                                                      \
	"\x32\x00\x32\x01"                                                                         \
	"a\x32\x01"                                                                                \
	"b\x32\x07main.F["              /* "", "a", "b", "main.F[" */
#define TYPE "\x0a\x04\x08\x01\x10\x02" /* a in b */

/* Fields of the file come in an order that Go never writes, with unknown ones in between. */
static void test_any_order(void **state)
{
	(void)state;
	static const char bytes[] =
		"\x12\x0a\x08\x05\x08\x05\x12\x01\x07\x98\x06\x01" // sample: 5 5, packed 7; unknown
								   // 99
		"\x22\x08\x08\x05\x18\x10\x22\x02\x08\x09"         // location 5 at 16: function 9
		"\xa1\x06"
		"12345678" // unknown 100, 64 bits
		"\xa5\x06"
		"1234"                             // 32 bits
		"\x2a\x06\x08\x09\x10\x03\x18\x03" // function 9: main.F[
		TYPE "\x70\x01"                    // default type: a
		TABLE "\x6a\x02\x01\x02"           // comments a, b
		"\x48\x01\x48\x02";                // time, the last one counts
	struct gospy_error err = {0};
	struct gospy_profile *profile = NULL;
	if (decode_bytes(bytes, sizeof(bytes) - 1, &profile, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(profile->sample_count, 1);
	assert_int_equal(profile->samples[0].values[0], 7);
	assert_int_equal(profile->samples[0].location_count, 2);
	assert_int_equal(profile->samples[0].locations[1], 0);
	assert_int_equal(profile->locations[0].addr, 16);
	assert_int_equal(profile->locations[0].line_count, 1);
	assert_string_equal(profile->functions[0].name, "main.F[");
	assert_string_equal(profile->functions[0].printed, "main.F[");
	assert_string_equal(profile->types[0].type, "a");
	assert_string_equal(profile->types[0].unit, "b");
	assert_string_equal(profile->default_type, "a");
	assert_int_equal(profile->comment_count, 2);
	assert_string_equal(profile->comments[1], "b");
	assert_int_equal(profile->time_unix_ns, 2);
	made_destroy(profile);
	// Wherever it is cut off it is read or refused.
	for (size_t i = 0; i < sizeof(bytes) - 1; i++) {
		profile = NULL;
		if (!decode_bytes(bytes, i, &profile, NULL))
			made_destroy(profile);
	}
}

static void test_labels(void **state)
{
	(void)state;
	static const char bytes[] = TABLE TYPE "\x12\x1f\x12\x01\x01"
					       "\x1a\x04\x08\x02\x10\x01"         // b: "a"
					       "\x1a\x04\x08\x01\x10\x02"         // a: "b"
					       "\x1a\x02\x08\x01"                 // a: nothing
					       "\x1a\x06\x08\x02\x18\x05\x20\x01" // b: 5 a
					       "\x1a\x02\x18\x01";                // "": 1
	struct gospy_error err = {0};
	struct gospy_profile *profile = NULL;
	if (decode_bytes(bytes, sizeof(bytes) - 1, &profile, &err))
		fail_msg("%s", err.msg);
	const struct gospy_profile_sample *sample = &profile->samples[0];
	assert_int_equal(sample->label_count, 3);
	assert_string_equal(sample->labels[2].value, "");
	assert_int_equal(sample->number_count, 2);
	assert_int_equal(sample->numbers[0].value, 5);
	assert_string_equal(sample->numbers[0].unit, "a");
	// In order, and what is set takes the place of the label, but not of the numbers.
	const struct gospy_label tags[] = {{"b", "set"}, {"0", "first"}};
	const struct gospy_profile_part part = {profile, 3, tags, 2};
	CLEANUP(profile_free) struct gospy_profile *merged = merge(&part, 1);
	made_destroy(profile);
	sample = &merged->samples[0];
	assert_int_equal(sample->values[0], 3);
	assert_int_equal(sample->label_count, 3);
	assert_string_equal(sample->labels[0].key, "0");
	assert_string_equal(sample->labels[1].key, "a");
	assert_string_equal(sample->labels[1].value, "b");
	assert_string_equal(sample->labels[2].value, "set");
	assert_int_equal(sample->number_count, 3);
	assert_string_equal(sample->numbers[0].key, "");
	assert_string_equal(sample->numbers[1].key, "a");
	assert_int_equal(sample->numbers[1].value, 0);
	assert_int_equal(sample->numbers[2].value, 5);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
		enum gospy_code code;
		const char *why;
	} files[] = {
#define FILE_(bytes, code, why) {bytes, sizeof(bytes) - 1, code, why}
		FILE_("", GOSPY_E_BAD_DATA, "does not say what it counts"),
		FILE_("# not a profile\n", GOSPY_E_BAD_DATA, "no valid profile"),
		FILE_("\x1f\x8b", GOSPY_E_BAD_DATA, "cut off"),
		FILE_("\x1f\x8b not of gzip", GOSPY_E_BAD_DATA, "unpacked"),
		FILE_(TABLE, GOSPY_E_BAD_DATA, "does not say what it counts"),
		FILE_("\x32\x01x" TYPE, GOSPY_E_BAD_DATA, "first of its strings"),
		FILE_(TYPE, GOSPY_E_BAD_DATA, "string that it does not have"),
		FILE_(TABLE "\x0a\x04\x08\x01\x10\x09", GOSPY_E_BAD_DATA, "string that it does"),
		FILE_(TABLE TYPE TYPE TYPE TYPE TYPE, GOSPY_E_LIMIT, "more than 4 types"),
		FILE_(TABLE TYPE "\x12\x00", GOSPY_E_BAD_DATA, "more or fewer values"),
		FILE_(TABLE TYPE "\x12\x04\x12\x02\x01\x02", GOSPY_E_BAD_DATA, "more or fewer"),
		FILE_(TABLE TYPE "\x12\x05\x08\x05\x12\x01\x02", GOSPY_E_BAD_DATA, "location that"),
		FILE_(TABLE TYPE "\x22\x06\x08\x01\x22\x02\x08\x09", GOSPY_E_BAD_DATA,
		      "function that"),
		FILE_(TABLE TYPE "\x22\x00", GOSPY_E_BAD_DATA, "the id 0"),
		FILE_(TABLE TYPE "\x2a\x02\x08\x01\x2a\x02\x08\x01", GOSPY_E_BAD_DATA, "same id"),
		FILE_(TABLE TYPE "\x1a\x02\x08\x01\x1a\x02\x08\x01", GOSPY_E_BAD_DATA, "same id"),
		FILE_(TABLE TYPE "\x10\x01", GOSPY_E_BAD_DATA, "a number is where"),
		FILE_(TABLE TYPE "\x4a\x00", GOSPY_E_BAD_DATA, "no number is where"),
		FILE_(TABLE TYPE "\x13", GOSPY_E_BAD_DATA, "type that there is not"),
		FILE_(TABLE TYPE "\x12\x7f", GOSPY_E_BAD_DATA, "cut off"),
		FILE_(TABLE TYPE "\x12\x03\x12\x01\x80", GOSPY_E_BAD_DATA, "cut off"),
		FILE_(TABLE TYPE "\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", GOSPY_E_BAD_DATA,
		      "cut off"),
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct gospy_profile *profile = NULL;
		struct gospy_error err = {0};
		enum gospy_code code = decode_bytes(files[i].bytes, files[i].size, &profile, &err);
		if (code != files[i].code || !strstr(err.msg, files[i].why))
			fail_msg("file %zu: %d %s", i, (int)code, err.msg);
		assert_null(profile);
	}
}

/* Where a file is cut off, or has one bit wrong. */
static void test_damaged(void **state)
{
	(void)state;
	CLEANUP(file_free) struct file file = read_file("goroutine", "0");
	struct gospy_profile *profile;
	for (size_t i = 0; i < file.size; i++) {
		profile = NULL;
		assert_int_not_equal(decode_bytes((const char *)file.bytes, i, &profile, NULL),
				     GOSPY_OK);
		assert_null(profile);
	}
	for (size_t i = 0; i < 8 * file.plain_size; i++) {
		file.plain[i / 8] ^= (uint8_t)(1 << i % 8);
		if (!profile_decode(file.plain, file.plain_size, &profile, NULL))
			made_destroy(profile);
		file.plain[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* More strings than any profile has, each of which takes two bytes. */
static void test_limit(void **state)
{
	(void)state;
	enum { STRINGS = (1 << 22) + 1 };
	CLEANUP_FREE char *bytes = malloc((size_t)2 * STRINGS);
	struct gospy_profile *profile = NULL;
	struct gospy_error err = {0};
	assert_non_null(bytes);
	for (size_t i = 0; i < STRINGS; i++)
		memcpy(bytes + 2 * i, "\x32", 2);
	assert_int_equal(profile_decode(bytes, (size_t)2 * STRINGS, &profile, &err), GOSPY_E_LIMIT);
	assert_non_null(strstr(err.msg, "more than 4194304 of something"));
	assert_null(profile);
}

static void test_gunzip(void **state)
{
	(void)state;
	CLEANUP(file_free) struct file file = read_file("heap", "0");
	const struct span bytes = {file.bytes, file.size};
	uint8_t *plain = NULL;
	size_t size = 0;
	assert_int_equal(gunzip(bytes, file.plain_size, &plain, &size, NULL), GOSPY_OK);
	assert_int_equal(size, file.plain_size);
	free(plain);
	plain = NULL;
	assert_int_equal(gunzip(bytes, file.plain_size - 1, &plain, &size, NULL), GOSPY_E_LIMIT);
	assert_null(plain);
	// Two members are one file; what is none is an error.
	CLEANUP_FREE uint8_t *two = malloc(2 * file.size);
	assert_non_null(two);
	memcpy(two, file.bytes, file.size);
	memcpy(two + file.size, file.bytes, file.size);
	const struct span twice = {two, 2 * file.size}, more = {two, file.size + 1};
	assert_int_equal(gunzip(twice, 1 << 20, &plain, &size, NULL), GOSPY_OK);
	assert_int_equal(size, 2 * file.plain_size);
	free(plain);
	assert_int_equal(gunzip(more, 1 << 20, &plain, &size, NULL), GOSPY_E_BAD_DATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runtime),      cmocka_unit_test(test_merge),
		cmocka_unit_test(test_merged_files), cmocka_unit_test(test_nothing_left),
		cmocka_unit_test(test_top),          cmocka_unit_test(test_no_functions),
		cmocka_unit_test(test_other_types),  cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_labels),       cmocka_unit_test(test_refused),
		cmocka_unit_test(test_damaged),      cmocka_unit_test(test_limit),
		cmocka_unit_test(test_gunzip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
