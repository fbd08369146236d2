/*
 * The table of frames at the end of a seekable zstd file: facebook/zstd,
 * contrib/seekable_format/zstd_seekable_compression_format.md, version 0.1.0. It is a skippable
 * frame with an entry of two u32 (three with checksums) for each frame, packed and unpacked size,
 * and a footer: u32 number of entries, u8 descriptor, u32 magic.
 *
 * In front of it gospy puts a checksum of each frame as it lies in the file, which costs a fiftieth
 * of one of what the frames unpack to: a skippable frame of "GOSPYCRC" and a u32 for each frame
 * that is not empty, its CRC-32 as gzip has it. In the table it is the last entry that unpacks to
 * nothing.
 *
 * The table is only a claim. It can be believed as far as unpacking a frame gives what it says.
 */
#ifndef GOSPY_CORE_SEEK_TABLE_H
#define GOSPY_CORE_SEEK_TABLE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/vec.h"

enum {
	/* Entries: 1 TiB in frames of 1 MiB. The format allows 128 times as many. */
	SEEK_FRAMES_MAX = 1 << 20,
	/* Of one frame, unpacked: several of them are kept in memory. gospy writes 1 MiB. */
	SEEK_FRAME_MAX = 16 << 20,
	SEEK_FOOTER = 9,
};

/* Of the frame that holds the table, and at its very end. */
#define SEEK_SKIPPABLE UINT32_C(0x184d2a5e)
#define SEEK_MAGIC     UINT32_C(0x8f92eab1)
/* Of the frame that holds the checksums. */
#define SEEK_CHECKS       UINT32_C(0x184d2a5c)
#define SEEK_CHECKS_OWNER "GOSPYCRC"
enum { SEEK_CHECKS_HEADER = 16 };

struct seek_frame {
	uint64_t packed_at, at; /* in the file; in what it unpacks to */
	uint32_t packed_len, len;
	uint32_t check; /* if the table has checksums */
};

/* By address, without gaps; no frame is empty. All zero is a valid empty table. */
struct seek_table {
	VEC(struct seek_frame) frames;
	uint64_t size; /* of all, unpacked */
	bool has_checks;
};

/** Read the table of `fd`, whose size is `file_size`. `*found_ret` false: there is none, or it does
 * not fit the file, or is beyond the limits above: the file is an ordinary stream, as far as can be
 * said. GOSPY_E_OS. */
enum gospy_code seek_table_read(int fd, uint64_t file_size, struct seek_table *ret, bool *found_ret,
				struct gospy_error *err) __attribute__((warn_unused_result));
/** The checksum of a packed frame. */
uint32_t seek_check(const void *packed, size_t len);
void seek_table_deinit(struct seek_table *table);
/** Position of the frame that holds `off`, which is less than .size. */
size_t seek_table_find(const struct seek_table *table, uint64_t off);

#endif
