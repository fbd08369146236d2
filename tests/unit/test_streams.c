/* What is packed in each format comes out again, or as much of it as is left. */
#include "packed.h"

#include <lz4frame.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

enum { SIZE = (1 << 20) + 4711, CUTS = 97 };

static struct gospy_error err;

static octets with_zstd(const octets *bytes)
{
	octets packed = {0};
	ZSTD_CCtx *z = ZSTD_createCCtx();
	assert_non_null(z);
	ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, 1);
	ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
	assert_true(vec_reserve(&packed, ZSTD_compressBound(bytes->len)));
	packed.len = ZSTD_compress2(z, packed.at, packed.cap, bytes->at, bytes->len);
	assert_false(ZSTD_isError(packed.len));
	ZSTD_freeCCtx(z);
	return packed;
}

static octets with_xz(const octets *bytes)
{
	octets packed = {0};
	assert_true(vec_reserve(&packed, lzma_stream_buffer_bound(bytes->len)));
	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, bytes->at, bytes->len,
						 packed.at, &packed.len, packed.cap),
			 LZMA_OK);
	return packed;
}

static octets with_lz4(const octets *bytes)
{
	const LZ4F_preferences_t how = {.frameInfo.contentChecksumFlag =
						LZ4F_contentChecksumEnabled};
	octets packed = {0};
	assert_true(vec_reserve(&packed, LZ4F_compressFrameBound(bytes->len, &how)));
	packed.len = LZ4F_compressFrame(packed.at, packed.cap, bytes->at, bytes->len, &how);
	assert_false(LZ4F_isError(packed.len));
	return packed;
}

static octets with_gzip(const octets *bytes)
{
	octets packed = {0};
	z_stream z = {0};
	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_true(vec_reserve(&packed, deflateBound(&z, bytes->len)));
	z.next_in = bytes->at;
	z.avail_in = (uInt)bytes->len;
	z.next_out = packed.at;
	z.avail_out = (uInt)packed.cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed.len = z.total_out;
	deflateEnd(&z);
	return packed;
}

static const struct {
	const char *name;
	octets (*pack)(const octets *bytes);
} formats[] = {{"zstd", with_zstd}, {"xz", with_xz}, {"lz4", with_lz4}, {"gzip", with_gzip}};
enum { FORMATS = sizeof(formats) / sizeof(*formats) };

/* `len` bytes of the content from `off` on. */
static octets pack(int format, uint64_t off, size_t len)
{
	octets bytes = {0};
	put_content(&bytes, off, len);
	octets packed = formats[format].pack(&bytes);
	vec_free(&bytes);
	return packed;
}

static void assert_whole(const octets *packed, const char *name, uint64_t size)
{
	struct input *in;
	if (open_bytes(packed, packed->len, &in, &err))
		fail_msg("%s", err.msg);
	assert_content(in, size);
	assert_string_equal(input_format(in), name);
	assert_false(input_cut(in));
	input_destroy(in);
}

static void whole(void **state)
{
	(void)state;
	for (int i = 0; i < FORMATS; i++) {
		octets packed = pack(i, 0, SIZE);
		assert_whole(&packed, formats[i].name, SIZE);
		vec_free(&packed);
		packed = pack(i, 0, 1);
		assert_whole(&packed, formats[i].name, 1);
		vec_free(&packed);
	}
}

/* One stream after the other is one file. */
static void two(void **state)
{
	(void)state;
	for (int i = 0; i < FORMATS; i++) {
		octets packed = pack(i, 0, SIZE), more = pack(i, SIZE, 4099);
		put_bytes(&packed, more.at, more.len);
		assert_whole(&packed, formats[i].name, SIZE + 4099);
		vec_free(&packed);
		vec_free(&more);
	}
}

static void assert_cut(const octets *packed, size_t len)
{
	struct input *in;
	enum gospy_code code = open_bytes(packed, len, &in, &err);
	if (code) {
		assert_int_equal(code, GOSPY_E_BAD_DATA);
		return;
	}
	assert_true(input_cut(in));
	assert_non_null(strstr(input_problem(in), "cut off"));
	assert_true(input_size(in) < SIZE + 1);
	assert_content(in, input_size(in));
	input_destroy(in);
}

static void cut(void **state)
{
	(void)state;
	for (int i = 0; i < FORMATS; i++) {
		octets packed = pack(i, 0, SIZE);
		for (size_t k = 1; k < CUTS; k++)
			assert_cut(&packed, packed.len * k / CUTS);
		// All of the content may be there, but its checksum is not.
		for (size_t k = 1; k < 20; k++)
			assert_cut(&packed, packed.len - k);
		vec_free(&packed);
	}
}

/* Some of a stream is another one's. It may be seen late, but is seen. */
static void damaged(void **state)
{
	(void)state;
	for (int i = 0; i < FORMATS; i++) {
		octets packed = pack(i, 0, SIZE);
		for (size_t k = 1; k < CUTS; k++) {
			struct input *in;
			uint8_t *byte = &packed.at[packed.len * k / CUTS];
			*byte ^= 0x10;
			enum gospy_code code = open_bytes(&packed, packed.len, &in, &err);
			if (code)
				assert_int_equal(code, GOSPY_E_BAD_DATA);
			else if (!input_cut(in)) // a bit that says nothing
				assert_content(in, SIZE);
			input_destroy(in);
			*byte ^= 0x10;
		}
		put_bytes(&packed, "more", 4);
		struct input *in;
		assert_int_equal(open_bytes(&packed, packed.len, &in, &err), GOSPY_OK);
		assert_true(input_cut(in));
		assert_content(in, SIZE);
		input_destroy(in);
		vec_free(&packed);
	}
}

/* Frames that are to be skipped are the same in both formats. */
static void skippable(void **state)
{
	(void)state;
	for (int i = 0; i < FORMATS; i += 2) {
		octets packed = {0}, rest = pack(i, 0, 4099);
		for (uint32_t k = 0; k < 3; k++) {
			put_le32(&packed, 0x184d2a50 + k);
			put_le32(&packed, 5);
			put_bytes(&packed, "12345", 5);
		}
		put_bytes(&packed, rest.at, rest.len);
		assert_whole(&packed, formats[i].name, 4099);
		vec_free(&packed);
		vec_free(&rest);
	}
}

static void assert_claim(const void *bytes, size_t len, enum gospy_code code)
{
	octets packed = {0};
	struct input *in;
	put_bytes(&packed, bytes, len);
	assert_int_equal(open_bytes(&packed, packed.len, &in, &err), code);
	input_destroy(in);
	vec_free(&packed);
}

/* Nobody takes memory for what a frame only claims. RFC 8878, 3.1.1. */
static void claims(void **state)
{
	(void)state;
	// A window of 2 GiB.
	assert_claim("\x28\xb5\x2f\xfd\x00\xa8\x09\x00\x00x", 10, GOSPY_E_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "128 MiB"));
	// 2^60 bytes in one segment, which is the window, too.
	assert_claim("\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x00\x00\x10\x09\x00\x00x", 17,
		     GOSPY_E_UNSUPPORTED);
	// 2^60 bytes, a window of 2 MiB, and one byte that is there.
	assert_claim("\x28\xb5\x2f\xfd\xc0\x58\x00\x00\x00\x00\x00\x00\x00\x10\x09\x00\x00x", 18,
		     GOSPY_E_BAD_DATA);
	// The last of some skippable frames would have 4 GiB.
	assert_claim("\x50\x2a\x4d\x18\xff\xff\xff\xff", 8, GOSPY_E_BAD_DATA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),   cmocka_unit_test(two),       cmocka_unit_test(cut),
		cmocka_unit_test(damaged), cmocka_unit_test(skippable), cmocka_unit_test(claims),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
