#include "core/seekable_write.h"

#include <stdlib.h>
#include <string.h>

#include "core/frame_zstd.h"
#include "core/seek_table.h"

enum { FRAMES_MAX = SEEK_FRAMES_MAX - 1 }; /* besides the one with the checksums */

enum gospy_code seekable_writer_begin(struct seekable_writer *writer, bool packs,
				      seekable_sink_fn sink, void *ctx, struct gospy_error *err)
{
	*writer = (struct seekable_writer){.sink = sink, .ctx = ctx};
	if (packs && !frame_available())
		return err_set(err, GOSPY_E_UNSUPPORTED, "this gospy was built without libzstd");
	writer->bytes = malloc(SEEKABLE_FRAME);
	if (packs) {
		writer->cap = frame_bound(SEEKABLE_FRAME);
		writer->packed = malloc(writer->cap);
		writer->packer = frame_packer_create();
	}
	if (writer->bytes && (!packs || (writer->packed && writer->packer)))
		return GOSPY_OK;
	seekable_writer_deinit(writer);
	return err_nomem(err);
}

void seekable_writer_deinit(struct seekable_writer *writer)
{
	frame_packer_destroy(writer->packer);
	free(writer->packed);
	free(writer->bytes);
	vec_free(&writer->entries);
	*writer = (struct seekable_writer){0};
}

static enum gospy_code give(struct seekable_writer *writer, const void *bytes, size_t len,
			    struct gospy_error *err)
{
	writer->written += len;
	return writer->sink(writer->ctx, bytes, len, err);
}

static enum gospy_code give_frame(struct seekable_writer *writer, const void *packed,
				  size_t packed_len, size_t len, struct gospy_error *err)
{
	const struct seekable_entry entry = {(uint32_t)packed_len, (uint32_t)len,
					     seek_check(packed, packed_len)};
	if (writer->entries.len == FRAMES_MAX)
		return err_set(err, GOSPY_E_LIMIT, "a file has no more than %d frames", FRAMES_MAX);
	if (!vec_push(&writer->entries, entry))
		return err_nomem(err);
	return give(writer, packed, packed_len, err);
}

static enum gospy_code flush(struct seekable_writer *writer, struct gospy_error *err)
{
	size_t packed_len, len = writer->len;
	writer->len = 0;
	if (!len)
		return GOSPY_OK;
	if (!writer->packer)
		return give(writer, writer->bytes, len, err);
	enum gospy_code code = frame_pack(writer->packer, FRAME_SMALL, writer->bytes, len,
					  writer->packed, writer->cap, &packed_len, err);
	return code ? code : give_frame(writer, writer->packed, packed_len, len, err);
}

/* Room for up to `len` bytes. */
static enum gospy_code make_room(struct seekable_writer *writer, uint64_t len, size_t *room_ret,
				 struct gospy_error *err)
{
	enum gospy_code code = writer->len == SEEKABLE_FRAME ? flush(writer, err) : GOSPY_OK;
	size_t room = SEEKABLE_FRAME - writer->len;
	*room_ret = len < room ? (size_t)len : room;
	return code;
}

enum gospy_code seekable_writer_put(struct seekable_writer *writer, const void *bytes, size_t len,
				    struct gospy_error *err)
{
	for (size_t done = 0, n; done < len; done += n) {
		enum gospy_code code = make_room(writer, len - done, &n, err);
		if (code)
			return code;
		memcpy(writer->bytes + writer->len, (const char *)bytes + done, n);
		writer->len += n;
	}
	writer->size += len;
	return GOSPY_OK;
}

enum gospy_code seekable_writer_zeros(struct seekable_writer *writer, uint64_t len,
				      struct gospy_error *err)
{
	size_t n;
	for (uint64_t done = 0; done < len; done += n) {
		enum gospy_code code = make_room(writer, len - done, &n, err);
		if (code)
			return code;
		memset(writer->bytes + writer->len, 0, n);
		writer->len += n;
	}
	writer->size += len;
	return GOSPY_OK;
}

enum gospy_code seekable_writer_put_frame(struct seekable_writer *writer, const void *packed,
					  size_t packed_len, size_t len, struct gospy_error *err)
{
	enum gospy_code code = flush(writer, err);
	writer->size += len;
	return code ? code : give_frame(writer, packed, packed_len, len, err);
}

static void store_le32(uint8_t *dst, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		dst[i] = (uint8_t)(value >> 8 * i);
}

static enum gospy_code give_le32(struct seekable_writer *writer, uint32_t first, uint32_t second,
				 struct gospy_error *err)
{
	uint8_t bytes[8];
	store_le32(bytes, first);
	store_le32(bytes + 4, second);
	return give(writer, bytes, sizeof(bytes), err);
}

static enum gospy_code give_checks(struct seekable_writer *writer, struct gospy_error *err)
{
	const size_t count = writer->entries.len;
	const struct seekable_entry own = {.packed_len =
						   (uint32_t)(SEEK_CHECKS_HEADER + count * 4)};
	enum gospy_code code = give_le32(writer, SEEK_CHECKS, own.packed_len - 8, err);
	if (!code)
		code = give(writer, SEEK_CHECKS_OWNER, SEEK_CHECKS_HEADER - 8, err);
	for (size_t i = 0; i < count && !code; i++) {
		uint8_t bytes[4];
		store_le32(bytes, writer->entries.at[i].check);
		code = give(writer, bytes, sizeof(bytes), err);
	}
	if (code)
		return code;
	return vec_push(&writer->entries, own) ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code give_table(struct seekable_writer *writer, struct gospy_error *err)
{
	uint8_t bytes[SEEK_FOOTER];
	const size_t count = writer->entries.len;
	enum gospy_code code =
		give_le32(writer, SEEK_SKIPPABLE, (uint32_t)(count * 8 + SEEK_FOOTER), err);
	for (size_t i = 0; i < count && !code; i++)
		code = give_le32(writer, writer->entries.at[i].packed_len,
				 writer->entries.at[i].len, err);
	if (code)
		return code;
	store_le32(bytes, (uint32_t)count);
	bytes[4] = 0; // no checksums of what is unpacked
	store_le32(bytes + 5, SEEK_MAGIC);
	return give(writer, bytes, SEEK_FOOTER, err);
}

enum gospy_code seekable_writer_end(struct seekable_writer *writer, struct gospy_error *err)
{
	enum gospy_code code = flush(writer, err);
	if (!code && writer->packer)
		code = give_checks(writer, err);
	return code || !writer->packer ? code : give_table(writer, err);
}
