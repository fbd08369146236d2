/* In place of inflate.c where gospy is built without ISA-L. */
#include <stdlib.h>
#include <zlib.h>

#include "dwarf/inflate.h"

struct inflater {
	z_stream stream;
	int result; /* of the last call */
};

struct inflater *inflater_create(struct span in)
{
	struct inflater *z = calloc(1, sizeof(*z));
	if (!z)
		return NULL;
	// zlib does not write to its input, but older versions lack the const.
	z->stream.next_in = (Bytef *)(uintptr_t)in.ptr;
	z->stream.avail_in = (uInt)in.len;
	z->result = inflateInit(&z->stream);
	if (z->result != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

void inflater_destroy(struct inflater *z)
{
	if (!z)
		return;
	inflateEnd(&z->stream);
	free(z);
}

size_t inflater_run(struct inflater *z, uint8_t *dst, size_t len)
{
	z->stream.next_out = dst;
	z->stream.avail_out = (uInt)len;
	if (z->result == Z_OK)
		z->result = inflate(&z->stream, Z_NO_FLUSH);
	return len - z->stream.avail_out;
}

bool inflater_ended(const struct inflater *z)
{
	return z->result == Z_STREAM_END;
}
