/*
 * Writing a seekable zstd file (seek_table.h) from its beginning to its end, or the same bytes as
 * they are. A frame holds SEEKABLE_FRAME bytes, or what somebody else has packed.
 */
#ifndef GOSPY_CORE_SEEKABLE_WRITE_H
#define GOSPY_CORE_SEEKABLE_WRITE_H

#include <stdbool.h>

#include "base/error.h"
#include "base/vec.h"

enum { SEEKABLE_FRAME = 1 << 20 };

/** Takes the next bytes of the file; a gospy_agent_part, and so is save_part(). */
typedef enum gospy_code (*seekable_sink_fn)(void *ctx, const void *bytes, size_t len,
					    struct gospy_error *err);

struct seekable_entry {
	uint32_t packed_len, len, check;
};

struct seekable_writer {
	seekable_sink_fn sink;
	void *ctx;
	struct frame_packer *packer; /* NULL: nothing is packed */
	uint8_t *bytes;              /* for SEEKABLE_FRAME */
	size_t len;                  /* of these, so many are filled */
	uint8_t *packed;
	size_t cap; /* of .packed */
	VEC(struct seekable_entry) entries;
	uint64_t size;    /* what was put */
	uint64_t written; /* what went to the sink */
};

/** `packs` false: the bytes are written as they are. GOSPY_E_UNSUPPORTED: there is no libzstd. */
enum gospy_code seekable_writer_begin(struct seekable_writer *writer, bool packs,
				      seekable_sink_fn sink, void *ctx, struct gospy_error *err)
	__attribute__((warn_unused_result));
enum gospy_code seekable_writer_put(struct seekable_writer *writer, const void *bytes, size_t len,
				    struct gospy_error *err) __attribute__((warn_unused_result));
enum gospy_code seekable_writer_zeros(struct seekable_writer *writer, uint64_t len,
				      struct gospy_error *err) __attribute__((warn_unused_result));
/** Put `len` bytes, at most SEEK_FRAME_MAX, that are a frame already. The writer packs. */
enum gospy_code seekable_writer_put_frame(struct seekable_writer *writer, const void *packed,
					  size_t packed_len, size_t len, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Write what is left, the checksums, and the table. */
enum gospy_code seekable_writer_end(struct seekable_writer *writer, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** The guard. All zero is allowed. */
void seekable_writer_deinit(struct seekable_writer *writer);

#endif
