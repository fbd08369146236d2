#include "core/seek_table.h"

#define ZLIB_CONST
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "core/read_at.h"

enum {
	HEADER = 8, /* of a skippable frame: magic and size */
	HAS_CHECKSUMS = 0x80,
	RESERVED = 0x7c, /* bits of the descriptor that have to be zero */
	/* What packing can add at most, and more: see ZSTD_COMPRESSBOUND in zstd.h. */
	PACKED_MAX = SEEK_FRAME_MAX + (SEEK_FRAME_MAX >> 7) + 4096,
};

/* Where the table is, and what its entries are. */
struct shape {
	uint64_t at, size; /* of the whole skippable frame */
	uint32_t count;
	unsigned entry; /* bytes of each */
	/* The last frame of those that unpack to nothing. */
	uint64_t empty_at;
	uint32_t empty_len;
};

static enum gospy_code read_footer(int fd, uint64_t file_size, struct shape *shape, bool *found,
				   struct gospy_error *err)
{
	uint8_t bytes[SEEK_FOOTER];
	size_t done;
	*found = false;
	if (file_size < HEADER + SEEK_FOOTER)
		return GOSPY_OK;
	enum gospy_code code = read_at(fd, file_size - SEEK_FOOTER, bytes, SEEK_FOOTER, &done, err);
	struct cursor c = cursor_at((struct span){bytes, done}, 0);
	shape->count = cursor_u32(&c);
	uint8_t descriptor = cursor_u8(&c);
	uint32_t magic = cursor_u32(&c);
	if (code || c.failed || magic != SEEK_MAGIC || descriptor & RESERVED ||
	    shape->count > SEEK_FRAMES_MAX)
		return code;
	shape->entry = descriptor & HAS_CHECKSUMS ? 12 : 8;
	shape->size = HEADER + (uint64_t)shape->count * shape->entry + SEEK_FOOTER;
	*found = shape->size <= file_size;
	shape->at = file_size - shape->size;
	return GOSPY_OK;
}

/* False: the entries do not fit the file, or are beyond the limits. */
static bool read_entries(struct cursor *c, struct shape *shape, struct seek_table *table)
{
	uint64_t packed_at = 0;
	for (uint32_t i = 0; i < shape->count; i++) {
		struct seek_frame frame = {.packed_at = packed_at, .at = table->size};
		frame.packed_len = cursor_u32(c);
		frame.len = cursor_u32(c);
		cursor_skip(c, shape->entry - 8);
		if (frame.packed_len > shape->at - packed_at || frame.packed_len > PACKED_MAX ||
		    frame.len > SEEK_FRAME_MAX)
			return false;
		packed_at += frame.packed_len;
		table->size += frame.len;
		if (frame.len) {
			table->frames.at[table->frames.len++] = frame;
		} else {
			shape->empty_at = frame.packed_at;
			shape->empty_len = frame.packed_len;
		}
	}
	return !c->failed && packed_at == shape->at;
}

/* Files of others have none. */
static enum gospy_code read_checks(int fd, const struct shape *shape, struct seek_table *table,
				   struct gospy_error *err)
{
	const size_t count = table->frames.len, len = SEEK_CHECKS_HEADER + count * 4;
	size_t done;
	if (shape->empty_len != len)
		return GOSPY_OK;
	CLEANUP_FREE uint8_t *bytes = malloc(len);
	if (!bytes)
		return err_nomem(err);
	enum gospy_code code = read_at(fd, shape->empty_at, bytes, len, &done, err);
	if (code || done < len)
		return code;
	struct cursor c = cursor_at((struct span){bytes, len}, 0);
	bool fits = cursor_u32(&c) == SEEK_CHECKS;
	fits &= cursor_u32(&c) == len - HEADER;
	fits &= memcmp(bytes + HEADER, SEEK_CHECKS_OWNER, SEEK_CHECKS_HEADER - HEADER) == 0;
	cursor_skip(&c, SEEK_CHECKS_HEADER - HEADER);
	for (size_t i = 0; i < count; i++)
		table->frames.at[i].check = cursor_u32(&c);
	table->has_checks = fits;
	return GOSPY_OK;
}

uint32_t seek_check(const void *packed, size_t len)
{
	return (uint32_t)crc32_z(0, packed, len);
}

enum gospy_code seek_table_read(int fd, uint64_t file_size, struct seek_table *ret, bool *found_ret,
				struct gospy_error *err)
{
	struct shape shape = {0};
	size_t done;
	enum gospy_code code = read_footer(fd, file_size, &shape, found_ret, err);
	if (code || !*found_ret)
		return code;
	CLEANUP_FREE uint8_t *bytes = malloc((size_t)shape.size);
	CLEANUP(seek_table_deinit) struct seek_table table = {0};
	if (!bytes || !vec_reserve(&table.frames, shape.count))
		return err_nomem(err);
	code = read_at(fd, shape.at, bytes, (size_t)shape.size, &done, err);
	if (code)
		return code;
	struct cursor c = cursor_at((struct span){bytes, done}, 0);
	bool fits = cursor_u32(&c) == SEEK_SKIPPABLE;
	fits &= cursor_u32(&c) == shape.size - HEADER;
	*found_ret = fits && read_entries(&c, &shape, &table);
	if (*found_ret)
		code = read_checks(fd, &shape, &table, err);
	if (*found_ret && !code) {
		*ret = table;
		table = (struct seek_table){0};
	}
	return code;
}

void seek_table_deinit(struct seek_table *table)
{
	vec_free(&table->frames);
	table->size = 0;
}

size_t seek_table_find(const struct seek_table *table, uint64_t off)
{
	size_t from = 0, to = table->frames.len;
	while (to - from > 1) {
		size_t middle = from + (to - from) / 2;
		if (table->frames.at[middle].at <= off)
			from = middle;
		else
			to = middle;
	}
	return from;
}
