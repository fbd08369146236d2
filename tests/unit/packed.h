/* Files without names to open as inputs, and bytes that tell where they are. */
#ifndef GOSPY_TESTS_PACKED_H
#define GOSPY_TESTS_PACKED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/vec.h"
#include "core/input.h"

typedef VEC(uint8_t) octets;

static inline void put_bytes(octets *to, const void *bytes, size_t len)
{
	assert_true(vec_reserve(to, to->len + len));
	if (len)
		memcpy(to->at + to->len, bytes, len);
	to->len += len;
}

static inline void put_le32(octets *to, uint32_t value)
{
	const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
				 (uint8_t)(value >> 24)};
	put_bytes(to, bytes, sizeof(bytes));
}

/* Of every eight pages two are zeros and one is noise. All of it comes again after each MiB. */
static inline uint8_t byte_at(uint64_t off)
{
	uint64_t page = off / 4096;
	if (page % 8 >= 6)
		return 0;
	if (page % 8 == 5)
		return (uint8_t)((off % (1 << 20) + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 56);
	return (uint8_t)(page + (off & 3));
}

static inline void put_content(octets *to, uint64_t off, size_t len)
{
	assert_true(vec_reserve(to, to->len + len));
	for (size_t i = 0; i < len; i++)
		to->at[to->len++] = byte_at(off + i);
}

static inline int memory_file(const void *bytes, size_t len)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t at = 0; at < len;) {
		ssize_t n = write(fd, (const char *)bytes + at, len - at);
		assert_true(n > 0);
		at += (size_t)n;
	}
	return fd;
}

static inline enum gospy_code open_bytes(const octets *bytes, size_t len, struct input **ret,
					 struct gospy_error *err)
{
	*ret = NULL;
	return input_open_fd(memory_file(bytes->at, len), "the file", 0, ret, err);
}

/* Read it in odd pieces, and hold it against the first bytes of the content. */
static inline void assert_content(struct input *in, uint64_t size)
{
	enum { PIECE = 123457 };
	uint8_t *piece = malloc(PIECE);
	assert_non_null(piece);
	assert_int_equal(input_size(in), size);
	for (uint64_t off = 0; off <= size; off += PIECE) {
		size_t done, want = size - off < PIECE ? (size_t)(size - off) : PIECE;
		assert_int_equal(input_read(in, off, piece, PIECE, &done, NULL), GOSPY_OK);
		assert_int_equal(done, want);
		for (size_t i = 0; i < done; i++) {
			if (piece[i] != byte_at(off + i))
				fail_msg("differs at %llu", (unsigned long long)(off + i));
		}
	}
	free(piece);
}

#endif
